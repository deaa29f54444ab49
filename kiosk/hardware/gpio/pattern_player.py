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
from kiosk.core.model import DeviceState, Outcome


class Lamp(StrEnum):
    """A lamp by its colour; its position is in the module's docstring."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"


@dataclass(frozen=True, slots=True)
class PatternStep:
    """What is lit and heard for a while."""

    duration_s: float
    lamps: frozenset[Lamp] = frozenset()
    tone_hz: int = 0
    """0 is silence. An active buzzer has one tone of its own: it sounds for any other value."""


@dataclass(frozen=True, slots=True)
class SignalPattern:
    """Steps played once, then steps played for ever. An outcome has none of the latter."""

    name: str
    once: tuple[PatternStep, ...] = ()
    repeated: tuple[PatternStep, ...] = ()

    def steps(self) -> Iterator[PatternStep]:
        """All steps in their order; endless where there are steps to repeat."""
        return itertools.chain(self.once, itertools.cycle(self.repeated))


@dataclass(frozen=True, slots=True)
class OutputState:
    """What can be seen and heard at one moment."""

    pattern: str = "dark"
    """Name of the outcome or state that is being shown."""
    lamps: frozenset[Lamp] = frozenset()
    tone_hz: int = 0
    relay: bool = False


ALL_OFF = OutputState()

_RED = frozenset({Lamp.RED})
_AMBER = frozenset({Lamp.AMBER})
_GREEN = frozenset({Lamp.GREEN})
_RED_AND_AMBER = frozenset({Lamp.RED, Lamp.AMBER})

_OUT_OF_ORDER_STEP = PatternStep(3600.0, _RED_AND_AMBER)
READY = SignalPattern("ready", repeated=(PatternStep(0.1, _AMBER), PatternStep(1.9)))
DEGRADED = SignalPattern(
    "degraded", repeated=(PatternStep(0.1, _AMBER), PatternStep(0.2), PatternStep(0.1, _AMBER), PatternStep(1.6))
)
"""These two are not a site's to choose: what a dead program's lamps show must never look like them."""


def build_patterns(settings: config.PatternSettings) -> Mapping[Outcome | DeviceState, SignalPattern]:
    """The table that a site asks for; its limits were held when the configuration was read."""
    left, middle = signal_patterns.parse_pattern(settings.starting_pattern)
    announced = _steps(settings.out_of_order_pattern, _RED_AND_AMBER, settings.out_of_order_hz)
    return {
        Outcome.PASS: SignalPattern("pass", once=_steps(settings.pass_pattern, _GREEN, settings.pass_hz)),
        Outcome.FAIL: SignalPattern("fail", once=_steps(settings.fail_pattern, _RED, settings.fail_hz)),
        Outcome.CHECK_AGAIN: SignalPattern(
            "check-again", once=_steps(settings.check_again_pattern, _AMBER, settings.check_again_hz)
        ),
        DeviceState.STARTING: SignalPattern(
            "starting", repeated=(PatternStep(left.duration_s, _RED), PatternStep(middle.duration_s, _AMBER))
        ),
        DeviceState.READY: READY,
        DeviceState.DEGRADED: DEGRADED,
        DeviceState.OUT_OF_ORDER: SignalPattern("out-of-order", once=announced, repeated=(_OUT_OF_ORDER_STEP,)),
    }


def _steps(line: str, lamps: frozenset[Lamp], tone_hz: int) -> tuple[PatternStep, ...]:
    return tuple(
        PatternStep(beat.duration_s, lamps if beat.lit else frozenset(), tone_hz if beat.sounds else 0)
        for beat in signal_patterns.parse_pattern(line)
    )


DEFAULT_PATTERNS: Mapping[Outcome | DeviceState, SignalPattern] = build_patterns(config.PatternSettings())
"""Those of a site that asks for none."""


class PatternPlayer:
    """Which pattern is on, and which step of it. Pure: told the time, it tells what to show and for how long."""

    def __init__(
        self, patterns: Mapping[Outcome | DeviceState, SignalPattern] = DEFAULT_PATTERNS, *, relay_s: float = 0.0
    ) -> None:
        """A pass energises the relay for `relay_s` seconds; another pass meanwhile starts that time anew."""
        self._patterns = patterns
        self._relay_s = relay_s
        self._relay_until_s = 0.0
        self._idle_pattern = patterns[DeviceState.STARTING]
        self._showing_outcome = False
        self._steps = self._idle_pattern.steps()
        self._name = self._idle_pattern.name
        self._step: PatternStep | None = None
        self._step_until_s = 0.0

    def show(self, outcome: Outcome, now_s: float) -> None:
        """Cut in with an outcome."""
        self._showing_outcome = True
        self._start_pattern(self._patterns[outcome])
        if outcome is Outcome.PASS:
            self._relay_until_s = now_s + self._relay_s

    def set_idle_state(self, state: DeviceState) -> None:
        """What to show between people; an outcome that is being shown is played to its end first."""
        if self._patterns[state] is self._idle_pattern:
            return
        self._idle_pattern = self._patterns[state]
        if not self._showing_outcome:
            self._start_pattern(self._idle_pattern)

    def advance(self, now_s: float) -> tuple[OutputState, float]:
        """What is to be seen now, and after how many seconds to ask again at the latest."""
        if self._step is None or now_s >= self._step_until_s:
            self._step = self._next_step()
            self._step_until_s = now_s + self._step.duration_s
        relay_left_s = self._relay_until_s - now_s
        lit = OutputState(self._name, self._step.lamps, self._step.tone_hz, relay_left_s > 0)
        step_left_s = self._step_until_s - now_s
        return lit, min(step_left_s, relay_left_s) if lit.relay else step_left_s

    def _next_step(self) -> PatternStep:
        step = next(self._steps, None)
        if step is None:  # only an outcome comes to an end
            self._showing_outcome = False
            self._start_pattern(self._idle_pattern)
            step = next(self._steps)
        return step

    def _start_pattern(self, pattern: SignalPattern) -> None:
        self._steps = pattern.steps()
        self._name = pattern.name
        self._step = None
