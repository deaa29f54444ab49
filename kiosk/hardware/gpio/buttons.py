"""The guard's buttons at the gate: admit by hand ("khai hộ"), and undo ("hủy lượt") the last passage."""

import logging
from collections.abc import Callable
from contextlib import ExitStack, closing

from gpiozero import Button
from gpiozero.pins import Factory

from kiosk import config
from kiosk.core.ports import KioskError
from kiosk.hardware.gpio.signal_output import open_pin_factory, translate_pin_errors

HOLD_S = 0.5
"""A sleeve that brushes a button does nothing."""
DEBOUNCE_S = 0.02

OpenPinFactory = Callable[[config.GpioSettings], Factory]
"""Makes the pins of a configuration."""

_log = logging.getLogger(__name__)


class GuardButton:
    """Calls `act` once for every time that the button is held for half a second; in a thread of gpiozero's own."""

    def __init__(self, pin: int, factory: Factory, on_hold: Callable[[], object], *, hold_s: float = HOLD_S) -> None:
        """Takes the pin, pulled up. Owns `factory`. A KioskError of `act` is logged. Raises SignalTrouble."""
        self._on_hold = on_hold
        self._resources = ExitStack()
        with translate_pin_errors(), ExitStack() as held:
            held.callback(factory.close)
            # gpiozero's own atexit hook finds a button with a callback still open too late ("GPIO busy"): close() it.
            self._button = Button(pin, pull_up=True, bounce_time=DEBOUNCE_S, hold_time=hold_s, pin_factory=factory)
            held.callback(self._button.close)
            self._button.when_held = self._handle_hold
            self._resources = held.pop_all()

    @property
    def is_pressed(self) -> bool:
        """Whether it is down at this moment."""
        return bool(self._button.is_pressed)

    def close(self) -> None:
        """Let the pin go; harmless when closed already."""
        self._resources.close()

    def _handle_hold(self) -> None:
        try:
            self._on_hold()
        except KioskError as trouble:
            _log.warning("a guard's button was pressed, but nothing was done: %s", trouble)


def open_buttons(
    settings: config.GpioSettings,
    *,
    on_admit: Callable[[], object],
    on_undo: Callable[[], object],
    make_factory: OpenPinFactory = open_pin_factory,
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


def read_button_states(
    settings: config.GpioSettings, make_factory: OpenPinFactory = open_pin_factory
) -> dict[str, bool]:
    """Each configured button by the name of its setting, and whether it is down. For the doctor. Raises SignalTrouble."""
    down = {}
    for name in ("admit_button", "undo_button"):
        pin = getattr(settings, name)
        if pin is not None:
            with closing(GuardButton(pin, make_factory(settings), lambda: None)) as button:
                down[name] = button.is_pressed
    return down
