"""What lamps and buzzer do for every outcome and state: a table, and the pure player that walks through it.

Three lamps side by side: red on the left, amber in the middle, green on the right. Every entry differs from every other
one in position, in rhythm and, for outcomes, in sound, so that nobody has to tell red from green. Green is lit for a pass
and for nothing else. Ready and degraded are short blinks that a dead program cannot keep up: what a stuck lamp shows,
steady light or none, is never the sign of readiness (docs/decisions/0024).
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from kiosk import config
from kiosk.core import signal_patterns
from kiosk.core.model import Outcome, State


class Lamp(StrEnum):
    """A lamp by its colour; its position is in the module's docstring."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"


@dataclass(frozen=True, slots=True)
class Step:
    """What is lit and heard for a while."""

    duration_s: float
    lamps: frozenset[Lamp] = frozenset()
    tone_hz: int = 0
    """0 is silence. An active buzzer has one tone of its own: it sounds for any other value."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Steps played once, then steps played for ever. An outcome has none of the latter."""

    name: str
    once: tuple[Step, ...] = ()
    forever: tuple[Step, ...] = ()

    def steps(self) -> Iterator[Step]:
        """All steps in their order; endless where there are steps to repeat."""
        return itertools.chain(self.once, itertools.cycle(self.forever))


@dataclass(frozen=True, slots=True)
class Lit:
    """What can be seen and heard at one moment."""

    pattern: str = "dark"
    """Name of the outcome or state that is being shown."""
    lamps: frozenset[Lamp] = frozenset()
    tone_hz: int = 0
    relay: bool = False


DARK = Lit()

_RED = frozenset({Lamp.RED})
_AMBER = frozenset({Lamp.AMBER})
_GREEN = frozenset({Lamp.GREEN})
_TROUBLE = frozenset({Lamp.RED, Lamp.AMBER})

_STEADY = Step(3600.0, _TROUBLE)
READY = Pattern("ready", forever=(Step(0.1, _AMBER), Step(1.9)))
DEGRADED = Pattern("degraded", forever=(Step(0.1, _AMBER), Step(0.2), Step(0.1, _AMBER), Step(1.6)))
"""These two are not a site's to choose: what a dead program's lamps show must never look like them."""


def patterns_of(settings: config.Patterns) -> Mapping[Outcome | State, Pattern]:
    """The table that a site asks for; its limits were held when the configuration was read."""
    left, middle = signal_patterns.parse(settings.starting_rhythm)
    announced = _steps(settings.out_of_order_rhythm, _TROUBLE, settings.out_of_order_hz)
    return {
        Outcome.PASS: Pattern("pass", once=_steps(settings.pass_rhythm, _GREEN, settings.pass_hz)),
        Outcome.FAIL: Pattern("fail", once=_steps(settings.fail_rhythm, _RED, settings.fail_hz)),
        Outcome.LOOK_AGAIN: Pattern("look-again", once=_steps(settings.look_again_rhythm, _AMBER, settings.look_again_hz)),
        State.STARTING: Pattern("starting", forever=(Step(left.duration_s, _RED), Step(middle.duration_s, _AMBER))),
        State.READY: READY,
        State.DEGRADED: DEGRADED,
        State.OUT_OF_ORDER: Pattern("out-of-order", once=announced, forever=(_STEADY,)),
    }


def _steps(line: str, lamps: frozenset[Lamp], tone_hz: int) -> tuple[Step, ...]:
    return tuple(
        Step(beat.duration_s, lamps if beat.lit else frozenset(), tone_hz if beat.sounds else 0)
        for beat in signal_patterns.parse(line)
    )


PATTERNS: Mapping[Outcome | State, Pattern] = patterns_of(config.Patterns())
"""Those of a site that asks for none."""


class Player:
    """Which pattern is on, and which step of it. Pure: told the time, it tells what to show and for how long."""

    def __init__(self, patterns: Mapping[Outcome | State, Pattern] = PATTERNS, *, relay_s: float = 0.0) -> None:
        """A pass energises the relay for `relay_s` seconds; another pass meanwhile starts that time anew."""
        self._patterns = patterns
        self._relay_s = relay_s
        self._relay_until_s = 0.0
        self._resting = patterns[State.STARTING]
        self._answering = False
        self._steps = self._resting.steps()
        self._name = self._resting.name
        self._step: Step | None = None
        self._step_until_s = 0.0

    def show(self, outcome: Outcome, now_s: float) -> None:
        """Cut in with an outcome."""
        self._answering = True
        self._begin(self._patterns[outcome])
        if outcome is Outcome.PASS:
            self._relay_until_s = now_s + self._relay_s

    def rest(self, state: State) -> None:
        """What to show between people; an outcome that is being shown is played to its end first."""
        if self._patterns[state] is self._resting:
            return
        self._resting = self._patterns[state]
        if not self._answering:
            self._begin(self._resting)

    def advance(self, now_s: float) -> tuple[Lit, float]:
        """What is to be seen now, and after how many seconds to ask again at the latest."""
        if self._step is None or now_s >= self._step_until_s:
            self._step = self._next()
            self._step_until_s = now_s + self._step.duration_s
        relay_left_s = self._relay_until_s - now_s
        lit = Lit(self._name, self._step.lamps, self._step.tone_hz, relay_left_s > 0)
        step_left_s = self._step_until_s - now_s
        return lit, min(step_left_s, relay_left_s) if lit.relay else step_left_s

    def _next(self) -> Step:
        step = next(self._steps, None)
        if step is None:  # only an outcome comes to an end
            self._answering = False
            self._begin(self._resting)
            step = next(self._steps)
        return step

    def _begin(self, pattern: Pattern) -> None:
        self._steps = pattern.steps()
        self._name = pattern.name
        self._step = None
