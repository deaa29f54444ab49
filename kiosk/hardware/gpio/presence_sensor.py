"""A presence sensor on a pin (PIR, radar, light barrier): reports when a person arrives and when no person is present."""

from collections.abc import Callable
from contextlib import ExitStack

from gpiozero import DigitalInputDevice
from gpiozero.pins import Factory

from kiosk.hardware.gpio.pins import translate_pin_errors


class PresenceSensor:
    """Calls `on_change` from a thread of gpiozero, and once at the start from the caller's thread."""

    def __init__(
        self, pin: int, factory: Factory, on_change: Callable[[bool], object], *, active_high: bool = True
    ) -> None:
        """`active_high`: the output is high while a person is present. Owns `factory`. Raises SignalError."""
        self._resources = ExitStack()
        with translate_pin_errors(), ExitStack() as held:
            held.callback(factory.close)
            # Pulled to the level that means "person present": a cut wire prevents idle mode. gpiozero calls the other level active.
            absence = DigitalInputDevice(pin, pull_up=active_high, pin_factory=factory)
            held.callback(absence.close)
            on_change(not absence.is_active)
            absence.when_activated = lambda: on_change(False)
            absence.when_deactivated = lambda: on_change(True)
            self._resources = held.pop_all()

    def close(self) -> None:
        """Release the pin. Does nothing if it is closed."""
        self._resources.close()
