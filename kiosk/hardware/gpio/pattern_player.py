"""Signal patterns for each outcome and state, and the player that steps through them.

Three lamps side by side: red on the left, amber in the middle, green on the right. Each pattern differs from all others in
position, in rhythm and, for outcomes, in sound, so that red and green need not be distinguished by colour. Green is lit for a
pass and for nothing else. Ready and degraded are short flashes that a dead program cannot produce: the steady light or darkness
of a stuck lamp never means ready (docs/decisions/0024).
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from kiosk.core import signal_patterns
from kiosk.core.model import DeviceState, Outcome


class Lamp(StrEnum):
    """A lamp, named by its colour. For positions see the module's docstring."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"


@dataclass(frozen=True, slots=True)
class PatternStep:
    """What is lit and heard for a time."""

    duration_s: float
    lamps: frozenset[Lamp] = frozenset()
    tone_hz: int = 0
    """0 is silence. An active buzzer has one tone and sounds for any other value."""


@dataclass(frozen=True, slots=True)
class SignalPattern:
    """Steps played once, then steps repeated without end. An outcome has no repeated steps."""

    name: str
    once: tuple[PatternStep, ...] = ()
    repeated: tuple[PatternStep, ...] = ()

    def steps(self) -> Iterator[PatternStep]:
        """All steps in order. Endless if there are steps to repeat."""
        return itertools.chain(self.once, itertools.cycle(self.repeated))


@dataclass(frozen=True, slots=True)
class OutputState:
    """The state of all outputs at one moment."""

    pattern: str = "off"
    """Name of the outcome or state that is shown."""
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
"""A site cannot change these two: the lamps of a dead program must never look like them."""
NOT_ENROLLED = SignalPattern("not-enrolled", repeated=(PatternStep(1.0, _AMBER), PatternStep(1.0)))
ENROLLING = SignalPattern("enrolling", repeated=(PatternStep(1.0, _AMBER), PatternStep(1.0, _RED)))
ENROLMENT_OFFLINE = SignalPattern("enrolment-offline", repeated=(PatternStep(0.5, _RED), PatternStep(0.5)))
"""A kiosk without a name has no patterns of a site. Slow, so that they look like no flash of ready or degraded."""


def build_patterns(
    patterns: Mapping[str, str] = signal_patterns.DEFAULT_PATTERNS,
    tones_hz: Mapping[str, int] = signal_patterns.DEFAULT_TONES_HZ,
) -> Mapping[Outcome | DeviceState, SignalPattern]:
    """The steps of every outcome and state, from lines of pulses and tones with the keys of the defaults.

    The lines are checked with kiosk.core.signal_patterns when the configuration is read. Raises SignalPatternError.
    """
    left, middle = signal_patterns.parse_pattern(patterns["starting"])
    announced = _steps(patterns["out_of_order"], _RED_AND_AMBER, tones_hz["out_of_order"])
    return {
        Outcome.PASS: SignalPattern("pass", once=_steps(patterns["pass"], _GREEN, tones_hz["pass"])),
        Outcome.FAIL: SignalPattern("fail", once=_steps(patterns["fail"], _RED, tones_hz["fail"])),
        Outcome.CHECK_AGAIN: SignalPattern(
            "check-again", once=_steps(patterns["check_again"], _AMBER, tones_hz["check_again"])
        ),
        DeviceState.STARTING: SignalPattern(
            "starting", repeated=(PatternStep(left.duration_s, _RED), PatternStep(middle.duration_s, _AMBER))
        ),
        DeviceState.READY: READY,
        DeviceState.DEGRADED: DEGRADED,
        DeviceState.OUT_OF_ORDER: SignalPattern("out-of-order", once=announced, repeated=(_OUT_OF_ORDER_STEP,)),
        DeviceState.NOT_ENROLLED: NOT_ENROLLED,
        DeviceState.ENROLLING: ENROLLING,
        DeviceState.ENROLMENT_OFFLINE: ENROLMENT_OFFLINE,
    }


def _steps(line: str, lamps: frozenset[Lamp], tone_hz: int) -> tuple[PatternStep, ...]:
    return tuple(
        PatternStep(beat.duration_s, lamps if beat.lit else frozenset(), tone_hz if beat.sounds else 0)
        for beat in signal_patterns.parse_pattern(line)
    )


DEFAULT_PATTERNS: Mapping[Outcome | DeviceState, SignalPattern] = build_patterns()
"""Patterns of a site that configures none."""


class PatternPlayer:
    """Steps through patterns. No timer of its own: given the time, it returns what to show and for how long."""

    def __init__(
        self, patterns: Mapping[Outcome | DeviceState, SignalPattern] = DEFAULT_PATTERNS, *, relay_s: float = 0.0
    ) -> None:
        """A pass energises the relay for `relay_s` seconds. Another pass in that time restarts it."""
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
        """Show an outcome now."""
        self._showing_outcome = True
        self._start_pattern(self._patterns[outcome])
        if outcome is Outcome.PASS:
            self._relay_until_s = now_s + self._relay_s

    def set_idle_state(self, state: DeviceState) -> None:
        """Set what is shown between visitors. The pattern of an outcome is played to its end first."""
        if self._patterns[state] is self._idle_pattern:
            return
        self._idle_pattern = self._patterns[state]
        if not self._showing_outcome:
            self._start_pattern(self._idle_pattern)

    def advance(self, now_s: float) -> tuple[OutputState, float]:
        """The present output state, and the time in seconds until the next call is needed."""
        if self._step is None or now_s >= self._step_until_s:
            self._step = self._next_step()
            self._step_until_s = now_s + self._step.duration_s
        relay_left_s = self._relay_until_s - now_s
        lit = OutputState(self._name, self._step.lamps, self._step.tone_hz, relay_left_s > 0)
        step_left_s = self._step_until_s - now_s
        return lit, min(step_left_s, relay_left_s) if lit.relay else step_left_s

    def _next_step(self) -> PatternStep:
        step = next(self._steps, None)
        if step is None:  # only the pattern of an outcome ends
            self._showing_outcome = False
            self._start_pattern(self._idle_pattern)
            step = next(self._steps)
        return step

    def _start_pattern(self, pattern: SignalPattern) -> None:
        self._steps = pattern.steps()
        self._name = pattern.name
        self._step = None
