"""The relay as a kernel LED with the one-shot trigger: the kernel's timer ends the pulse even if this process dies.

firmware_config/overlays/kiosk-relay.dts defines the LED. Source: Documentation/leds/ledtrig-oneshot.rst: writing to `shot`
lights the LED for `delay_on` milliseconds.
"""

from pathlib import Path

from kiosk.core.ports import SignalError

LEDS_DIR = Path("/sys/class/leds")


class KernelRelay:
    """One relay, used by one thread. A pulse ends without any further call."""

    def __init__(self, name: str, pulse_s: float, leds_dir: Path = LEDS_DIR) -> None:
        """Set the length of the pulse. Raises SignalError if the LED does not exist or has another trigger."""
        self._folder = leds_dir / name
        try:
            chosen = (self._folder / "trigger").read_text(encoding="ascii")
            if "[oneshot]" not in chosen:
                raise SignalError(f"{self._folder}: the trigger is not oneshot. Load the overlay kiosk-relay")
            self._write("delay_on", str(round(pulse_s * 1000)))
            self._write("delay_off", "1")  # the trigger refuses another shot for this long after a pulse
        except OSError as error:
            raise SignalError(
                f"{self._folder}: {error.strerror}. Load the overlay kiosk-relay and check the group gpio"
            ) from error

    def start_pulse(self) -> None:
        """Energise the relay for one pulse. Does nothing during a pulse. Raises SignalError."""
        try:
            self._write("shot", "1")
        except OSError as error:
            raise SignalError(f"{self._folder}: {error.strerror}") from error

    def end_pulse(self) -> None:
        """End a pulse early. Raises SignalError.

        Uses `invert`, which switches the LED off. Writing 0 to `brightness` would also remove the trigger, and with it the next
        pulse (Documentation/ABI/testing/sysfs-class-led).
        """
        try:
            self._write("invert", "0")
        except OSError as error:
            raise SignalError(f"{self._folder}: {error.strerror}") from error

    def _write(self, name: str, value: str) -> None:
        (self._folder / name).write_text(value, encoding="ascii")
