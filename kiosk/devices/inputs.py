"""Whether the pins of buttons and presence sensor can be had, asked before the daemon's rooms take them for good."""

from contextlib import closing

from kiosk import config
from kiosk.devices.buttons import OpenFactory, buttons_down
from kiosk.devices.lamps import open_factory
from kiosk.devices.presence_sensor import PresenceSensor


def try_inputs(settings: config.Signal, factory: OpenFactory = open_factory) -> None:
    """Take each configured input and let it go. Raises SignalTrouble."""
    buttons_down(settings, factory)
    if settings.presence is not None:
        with closing(PresenceSensor(settings.presence, factory(settings), lambda _: None, high=settings.presence_high)):
            """It can be had."""
