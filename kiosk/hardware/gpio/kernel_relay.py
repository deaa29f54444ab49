"""The relay as a kernel LED with the one-shot trigger: the kernel's own timer ends the pulse, whatever becomes of us.

firmware_config/overlays/kiosk-relay.dts makes the LED. Source: Documentation/leds/ledtrig-oneshot.rst: writing to `shot` lights the
LED for `delay_on` milliseconds.
"""

from pathlib import Path

from kiosk.core.ports import SignalError

LEDS_DIR = Path("/sys/class/leds")


class KernelRelay:
    """One relay; the thread that owns it fires it. Nothing has to be called to end a pulse."""

    def __init__(self, name: str, pulse_s: float, leds_dir: Path = LEDS_DIR) -> None:
        """Sets the length of the pulse. Raises SignalTrouble where there is no such LED, or it has another trigger."""
        self._folder = leds_dir / name
        try:
            chosen = (self._folder / "trigger").read_text(encoding="ascii")
            if "[oneshot]" not in chosen:
                raise SignalError(f"{self._folder}: its trigger is not oneshot; load the overlay kiosk-relay")
            self._write("delay_on", str(round(pulse_s * 1000)))
            self._write("delay_off", "1")  # the trigger refuses another shot for so long after a pulse
        except OSError as trouble:
            raise SignalError(
                f"{self._folder}: {trouble.strerror}; load the overlay kiosk-relay, and check the group gpio"
            ) from trouble

    def start_pulse(self) -> None:
        """Energise the relay for one pulse; while one is under way, nothing happens. Raises SignalTrouble."""
        try:
            self._write("shot", "1")
        except OSError as trouble:
            raise SignalError(f"{self._folder}: {trouble.strerror}") from trouble

    def end_pulse(self) -> None:
        """End a pulse before its time. Raises SignalTrouble.

        By `invert`, which switches the LED off: 0 in `brightness` would take the trigger away as well, and with it the next
        pulse (Documentation/ABI/testing/sysfs-class-led).
        """
        try:
            self._write("invert", "0")
        except OSError as trouble:
            raise SignalError(f"{self._folder}: {trouble.strerror}") from trouble

    def _write(self, name: str, value: str) -> None:
        (self._folder / name).write_text(value, encoding="ascii")
