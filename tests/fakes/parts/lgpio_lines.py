"""lgpio on lines that can be seen: what a lamp or relay wired to them meets, and what is left when their program dies.

`python -m tests.fakes.parts.lgpio_lines SCENARIO` prints, as JSON, each line's levels in their order: low, high, or floats. A process of its own,
because gpiozero finds lgpio by its name.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

BOTH_EDGES, RISING_EDGE, FALLING_EDGE = 3, 1, 2
SET_PULL_UP, SET_PULL_DOWN, SET_PULL_NONE = 32, 64, 128
_PULLS = {SET_PULL_UP: "high", SET_PULL_DOWN: "low", SET_PULL_NONE: "floats"}
_OUT, _IN = 2, 256
BOARD = 0xA02082  # a Pi 3B's revision


class error(Exception):  # noqa: N801  its name in lgpio
    """What lgpio raises."""


class Line:
    """One line of the chip. Source of the pull at power-on: BCM2835 ARM Peripherals, table 6-31."""

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
        """As lgGpio.c: who has it already in the same direction gets no new flags; the other direction frees it first."""
        if self.owner not in (None, owner):
            raise error("GPIO busy")
        if self.owner == owner and self.output == output:
            return
        self.owner, self.output, self.high = owner, output, high
        self.pull = next((pull for pull in _PULLS if flags & pull), self.pull)
        self.note()

    def release(self) -> None:
        """As pinctrl-bcm2835 with persist_gpio_outputs=n: an input again, its pull as it was left."""
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
    """Nothing bounces here."""


def tx_pwm(handle: int, number: int, frequency: float, duty: float) -> None:
    gpio_write(handle, number, bool(duty))


class callback:  # noqa: N801  its name in lgpio
    """Nobody presses anything here."""

    def __init__(self, *_: Any) -> None:
        """Edges of a line, from now on."""

    def cancel(self) -> None:
        """No longer."""


def _lamps(**settings: Any) -> Any:
    from kiosk.hardware.gpio.signal_output import OutputPins, SignalOutput

    return SignalOutput(OutputPins(relay=23, **settings), _board())


def _board() -> Any:
    from kiosk.hardware.gpio.lgpio_factory import PiPinFactory

    class Pi3(PiPinFactory):
        """A board whose revision need not be looked up in /proc."""

        def _get_revision(self) -> int:
            return BOARD

    return Pi3()


def _pass(lamps: Any) -> None:
    """A person passes, and it is waited for until green is lit."""
    import threading

    from kiosk.core.model import Outcome
    from kiosk.hardware.gpio.pattern_player import Lamp

    lit, seen = threading.Event(), lamps._on_change
    assert seen is None
    lamps._on_change = lambda now: lit.set() if Lamp.GREEN in now.lamps else None
    lamps.show(Outcome.PASS)
    assert lit.wait(10.0)


def closed_cleanly(**settings: Any) -> None:
    lamps = _lamps(**settings)
    lamps.close()


def passed_and_closed(**settings: Any) -> None:
    lamps = _lamps(**settings)
    _pass(lamps)
    lamps.close()


def killed_while_green_is_lit(**settings: Any) -> None:
    lamps = _lamps(**settings)
    _pass(lamps)
    gpiochip_close(LINES[17].owner or 0)  # so the kernel does it


def buttons_factory_closed_first() -> None:
    from kiosk.hardware.gpio.buttons import GuardButton

    lamps = _lamps()
    GuardButton(5, _board(), lambda: None).close()
    _pass(lamps)
    lamps.close()


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
