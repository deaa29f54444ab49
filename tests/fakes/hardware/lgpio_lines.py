"""Fake lgpio that records the levels of all lines, also after the process that held them died.

`python -m tests.fakes.hardware.lgpio_lines SCENARIO` prints the levels of each line in their order as JSON: low, high or
floats. It is a separate process, because gpiozero imports lgpio by its name.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

BOTH_EDGES, RISING_EDGE, FALLING_EDGE = 3, 1, 2
SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = 32, 64, 128
_PULLS = {SET_PULL_UP: "high", SET_PULL_DOWN: "low", SET_PULL_NONE: "floats"}
_OUT, _IN = 2, 256
BOARD = 0xA02082  # revision of a Pi 3B


class error(Exception):  # noqa: N801  its name in lgpio
    """The exception of lgpio."""


class Line:
    """One GPIO line. Source of the pull at power-on: BCM2835 ARM Peripherals, table 6-31."""

    def __init__(self, number: int) -> None:
        self.pull = SET_PULL_UP if number <= 8 else SET_PULL_DOWN
        self.owner: int | None = None
        self.output = False
        self.high = False
        self.seen = [self.level]

    @property
    def level(self) -> str:
        if self.output:
            return "high" if self.high else "low"
        return _PULLS[self.pull]

    def take(self, owner: int, flags: int, *, output: bool, high: bool = False) -> None:
        """As in lgGpio.c: a second claim in the same direction changes no flags, one in the other direction frees it first."""
        if self.owner not in (None, owner):
            raise error("GPIO busy")
        if self.owner == owner and self.output == output:
            return
        self.owner, self.output, self.high = owner, output, high
        self.pull = next((pull for pull in _PULLS if flags & pull), self.pull)
        self.note()

    def release(self) -> None:
        """As pinctrl-bcm2835 with persist_gpio_outputs=n: the line becomes an input and keeps its pull."""
        self.owner, self.output = None, False
        self.note()

    def note(self) -> None:
        if self.seen[-1] != self.level:
            self.seen.append(self.level)


LINES = {number: Line(number) for number in range(28)}
_handles = iter(range(1, 100))


def gpiochip_open(number: int) -> int:
    return next(_handles)


def gpiochip_close(handle: int) -> None:
    for line in LINES.values():
        if line.owner == handle:
            line.release()


def gpio_claim_input(handle: int, number: int, flags: int = 0) -> None:
    LINES[number].take(handle, flags, output=False)


def gpio_claim_output(handle: int, number: int, level: int = 0, flags: int = 0) -> None:
    LINES[number].take(handle, flags, output=True, high=bool(level))


def gpio_claim_alert(handle: int, number: int, edges: int, flags: int = 0) -> None:
    LINES[number].take(handle, flags, output=False)


def gpio_free(handle: int, number: int) -> None:
    LINES[number].release()


def gpio_write(handle: int, number: int, level: int) -> None:
    assert LINES[number].output
    LINES[number].high = bool(level)
    LINES[number].note()


def gpio_read(handle: int, number: int) -> int:
    return int(LINES[number].level == "high")


def gpio_get_mode(handle: int, number: int) -> int:
    line = LINES[number]
    return line.pull | (_OUT if line.output else _IN)


def gpio_set_debounce_micros(handle: int, number: int, micros: int) -> None:
    """Does nothing."""


def tx_pwm(handle: int, number: int, frequency: float, duty: float) -> None:
    gpio_write(handle, number, bool(duty))


class callback:  # noqa: N801  its name in lgpio
    """Never called: there are no edges."""

    def __init__(self, *_: Any) -> None:
        """Takes all arguments of lgpio."""

    def cancel(self) -> None:
        """Does nothing."""


def _open_signal(**settings: Any) -> Any:
    from kiosk.hardware.gpio.signal_output import OutputPins, SignalOutput

    return SignalOutput(OutputPins(relay=23, **settings), _board())


def _board() -> Any:
    from kiosk.hardware.gpio.lgpio_factory import PiPinFactory

    class Pi3(PiPinFactory):
        """A board whose revision is not read from /proc."""

        def _get_revision(self) -> int:
            return BOARD

    return Pi3()


def _pass(signal_output: Any) -> None:
    """Show PASS and wait until the green lamp is lit."""
    import threading

    from kiosk.core.model import Outcome
    from kiosk.hardware.gpio.pattern_player import Lamp

    lit, seen = threading.Event(), signal_output._on_change
    assert seen is None
    signal_output._on_change = lambda now: lit.set() if Lamp.GREEN in now.lamps else None
    signal_output.show(Outcome.PASS)
    assert lit.wait(10.0)


def closed_cleanly(**settings: Any) -> None:
    signal_output = _open_signal(**settings)
    signal_output.close()


def passed_and_closed(**settings: Any) -> None:
    signal_output = _open_signal(**settings)
    _pass(signal_output)
    signal_output.close()


def killed_while_green_is_lit(**settings: Any) -> None:
    signal_output = _open_signal(**settings)
    _pass(signal_output)
    gpiochip_close(LINES[17].owner or 0)  # as the kernel does for a killed process


def buttons_factory_closed_first() -> None:
    from kiosk.hardware.gpio.buttons import GuardButton

    signal_output = _open_signal()
    GuardButton(5, _board(), lambda: None).close()
    _pass(signal_output)
    signal_output.close()


SCENARIOS: dict[str, Callable[[], None]] = {
    "closed": closed_cleanly,
    "closed-low": lambda: closed_cleanly(active_high=False),
    "passed-low": lambda: passed_and_closed(active_high=False),
    "killed": killed_while_green_is_lit,
    "killed-low": lambda: killed_while_green_is_lit(active_high=False),
    "killed-passive": lambda: killed_while_green_is_lit(passive_buzzer=True),
    "button": buttons_factory_closed_first,
}


if __name__ == "__main__":
    sys.modules["lgpio"] = sys.modules["__main__"]
    SCENARIOS[sys.argv[1]]()
    print(json.dumps({number: line.seen for number, line in LINES.items()}))
