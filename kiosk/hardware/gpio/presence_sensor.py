"""A presence sensor on a pin (PIR, radar, light barrier): tells when somebody is there, and when nobody is any more."""

from collections.abc import Callable
from contextlib import ExitStack

from gpiozero import DigitalInputDevice
from gpiozero.pins import Factory

from kiosk import config
from kiosk.hardware.gpio.signal_output import open_pin_factory, translate_pin_errors


class PresenceSensor:
    """Calls `sensed` from a thread of gpiozero's own, and once at the start from the caller's."""

    def __init__(
        self, pin: int, factory: Factory, on_change: Callable[[bool], object], *, active_high: bool = True
    ) -> None:
        """`high`: the sensor's output is high while somebody is there. Owns `factory`. Raises SignalTrouble."""
        self._resources = ExitStack()
        with translate_pin_errors(), ExitStack() as held:
            held.callback(factory.close)
            # Pulled to the level that says "somebody": a cut wire lets nothing rest. gpiozero calls the other level active.
            nobody = DigitalInputDevice(pin, pull_up=active_high, pin_factory=factory)
            held.callback(nobody.close)
            on_change(not nobody.is_active)
            nobody.when_activated = lambda: on_change(False)
            nobody.when_deactivated = lambda: on_change(True)
            self._resources = held.pop_all()

    def close(self) -> None:
        """Let the pin go; harmless when closed already."""
        self._resources.close()


def open_presence_sensor(settings: config.GpioSettings, on_change: Callable[[bool], object]) -> PresenceSensor | None:
    """The configured sensor, or None where there is none. Raises SignalTrouble."""
    if settings.presence_sensor is None:
        return None
    return PresenceSensor(
        settings.presence_sensor, open_pin_factory(settings), on_change, active_high=settings.presence_active_high
    )
