"""The guard's buttons at the gate: admit by hand and undo the last event (`hủy lượt`)."""

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing

from gpiozero import Button, DeviceClosed
from gpiozero.pins import Factory

from kiosk.core.ports import KioskError
from kiosk.hardware.gpio.pins import open_pin_factory, translate_pin_errors

HOLD_S = 0.5
"""Long enough that brushing against a button does nothing."""
DEBOUNCE_S = 0.02

OpenPinFactory = Callable[[], Factory]
"""Makes the pin factory of a configuration."""

_log = logging.getLogger(__name__)


class GuardButton:
    """Calls `on_hold` each time the button is held for half a second, in a thread of gpiozero."""

    def __init__(self, pin: int, factory: Factory, on_hold: Callable[[], object], *, hold_s: float = HOLD_S) -> None:
        """Takes the pin, pulled up. Owns `factory`. A KioskError of `on_hold` is logged. Raises SignalError."""
        self._on_hold = on_hold
        self.is_overridden: Callable[[], bool] = lambda: False
        """Called when the button is held. True: something else follows, and not its own action."""
        self._resources = ExitStack()
        with translate_pin_errors(), ExitStack() as held:
            held.callback(factory.close)
            # gpiozero's own atexit hook is too late for a button with a callback ("GPIO busy"): call close().
            self._button = Button(pin, pull_up=True, bounce_time=DEBOUNCE_S, hold_time=hold_s, pin_factory=factory)
            held.callback(self._button.close)
            self._button.when_held = self._handle_hold
            self._resources = held.pop_all()

    @property
    def is_pressed(self) -> bool:
        """Whether it is down at this moment. False once it is closed: another button may ask in its own thread."""
        try:
            return bool(self._button.is_pressed)
        except DeviceClosed:
            return False

    def close(self) -> None:
        """Release the pin. Does nothing if it is closed."""
        self._resources.close()

    def _handle_hold(self) -> None:
        if self.is_overridden():
            return
        try:
            self._on_hold()
        except KioskError as error:
            _log.warning("a guard's button was pressed, but its action failed: %s", error)


def open_buttons(
    actions: Mapping[int, Callable[[], object]], make_factory: OpenPinFactory = open_pin_factory
) -> tuple[GuardButton, ...]:
    """Open the configured buttons, if any. The caller closes them. Raises SignalError and holds no pin then."""
    with ExitStack() as held:
        opened = []
        for pin, on_hold in actions.items():
            opened.append(GuardButton(pin, make_factory(), on_hold))
            held.callback(opened[-1].close)
        held.pop_all()
    return tuple(opened)


def read_button_states(pins: Mapping[str, int], make_factory: OpenPinFactory = open_pin_factory) -> dict[str, bool]:
    """For each configured button, whether it is pressed, by the name of its setting. For `kiosk doctor`. Raises SignalError."""
    down = {}
    for name, pin in pins.items():
        with closing(GuardButton(pin, make_factory(), lambda: None)) as button:
            down[name] = button.is_pressed
    return down
