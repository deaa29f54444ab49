"""The button for admitting by hand ("khai hộ"): somebody has nothing to show, and the guard has written him down."""

import logging
from collections.abc import Callable
from contextlib import ExitStack

from gpiozero import Button
from gpiozero.pins import Factory

from kiosk import config
from kiosk.devices.lamps import open_factory, pin_errors_told
from kiosk.ports import KioskError

HOLD_S = 0.5
"""A sleeve that brushes the button admits nobody."""
BOUNCE_S = 0.02

_log = logging.getLogger(__name__)


class AdmitButton:
    """Calls `admit` once for every time that the button is held for half a second; in a thread of gpiozero's own."""

    def __init__(self, pin: int, factory: Factory, admit: Callable[[], object], *, hold_s: float = HOLD_S) -> None:
        """Takes the pin, pulled up. Owns `factory`. A KioskError of `admit` is logged. Raises SignalTrouble."""
        self._admit = admit
        self._held = ExitStack()
        with pin_errors_told(), ExitStack() as held:
            held.callback(factory.close)
            # gpiozero's own atexit hook finds a button with a callback still open too late ("GPIO busy"): close() it.
            button = Button(pin, pull_up=True, bounce_time=BOUNCE_S, hold_time=hold_s, pin_factory=factory)
            held.callback(button.close)
            button.when_held = self._pressed
            self._held = held.pop_all()

    def close(self) -> None:
        """Let the pin go; harmless when closed already."""
        self._held.close()

    def _pressed(self) -> None:
        try:
            self._admit()
        except KioskError as trouble:
            _log.warning("the button was pressed, but nobody was admitted: %s", trouble)


def open_admit_button(settings: config.Signal, admit: Callable[[], object]) -> AdmitButton | None:
    """The configured button, or None where there is none. Raises SignalTrouble."""
    if settings.admit_button is None:
        return None
    return AdmitButton(settings.admit_button, open_factory(settings), admit)
