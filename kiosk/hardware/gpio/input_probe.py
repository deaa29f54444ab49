"""Whether the pins of buttons and presence sensor can be had, asked before the daemon's rooms take them for good."""

from contextlib import closing

from kiosk import config
from kiosk.hardware.gpio.buttons import OpenPinFactory
from kiosk.hardware.gpio.signal_output import open_pin_factory, translate_pin_errors


def probe_inputs(settings: config.GpioSettings, make_factory: OpenPinFactory = open_pin_factory) -> None:
    """Take each configured input and let it go; nobody listens for edges meanwhile. Raises SignalTrouble."""
    numbers = [settings.admit_button, settings.undo_button, settings.presence_sensor]
    wanted = [number for number in numbers if number is not None]
    if wanted:
        with translate_pin_errors(), closing(make_factory(settings)) as pins:
            for number in wanted:
                pins.pin(number)
