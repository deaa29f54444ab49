"""The guard's buttons at the gate: admit by hand ("khai hộ"), and undo ("hủy lượt") the last passage."""

import logging
from collections.abc import Callable
from contextlib import ExitStack, closing

from gpiozero import Button
from gpiozero.pins import Factory

from kiosk import config
from kiosk.core.ports import KioskError
from kiosk.hardware.gpio.signal_output import open_factory, pin_errors_told

HOLD_S = 0.5
"""A sleeve that brushes a button does nothing."""
BOUNCE_S = 0.02

OpenFactory = Callable[[config.Signal], Factory]
"""Makes the pins of a configuration."""

_log = logging.getLogger(__name__)


class GuardButton:
    """Calls `act` once for every time that the button is held for half a second; in a thread of gpiozero's own."""

    def __init__(self, pin: int, factory: Factory, on_hold: Callable[[], object], *, hold_s: float = HOLD_S) -> None:
        """Takes the pin, pulled up. Owns `factory`. A KioskError of `act` is logged. Raises SignalTrouble."""
        self._act = on_hold
        self._held = ExitStack()
        with pin_errors_told(), ExitStack() as held:
            held.callback(factory.close)
            # gpiozero's own atexit hook finds a button with a callback still open too late ("GPIO busy"): close() it.
            self._button = Button(pin, pull_up=True, bounce_time=BOUNCE_S, hold_time=hold_s, pin_factory=factory)
            held.callback(self._button.close)
            self._button.when_held = self._pressed
            self._held = held.pop_all()

    @property
    def pressed(self) -> bool:
        """Whether it is down at this moment."""
        return bool(self._button.is_pressed)

    def close(self) -> None:
        """Let the pin go; harmless when closed already."""
        self._held.close()

    def _pressed(self) -> None:
        try:
            self._act()
        except KioskError as trouble:
            _log.warning("a guard's button was pressed, but nothing was done: %s", trouble)


def open_buttons(
    settings: config.Signal,
    *,
    on_admit: Callable[[], object],
    on_undo: Callable[[], object],
    make_factory: OpenFactory = open_factory,
) -> tuple[GuardButton, ...]:
    """The configured buttons, perhaps none; the caller closes them. Raises SignalTrouble, and then holds no pin."""
    wanted = ((settings.admit_button, on_admit), (settings.undo_button, on_undo))
    with ExitStack() as held:
        opened = []
        for pin, act in wanted:
            if pin is not None:
                opened.append(GuardButton(pin, make_factory(settings), act))
                held.callback(opened[-1].close)
        held.pop_all()
    return tuple(opened)


def buttons_down(settings: config.Signal, make_factory: OpenFactory = open_factory) -> dict[str, bool]:
    """Each configured button by the name of its setting, and whether it is down. For the doctor. Raises SignalTrouble."""
    down = {}
    for name in ("admit_button", "undo_button"):
        pin = getattr(settings, name)
        if pin is not None:
            with closing(GuardButton(pin, make_factory(settings), lambda: None)) as button:
                down[name] = button.pressed
    return down
