"""Signal patterns of lamps and buzzer: parsing, and limits for safety and for telling them apart.

A pattern is a line of pulses: `0.4!` is 0.4 s lit with the buzzer, `1.1` is lit without sound, `-0.1` is off.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

DEFAULT_PATTERNS: Mapping[str, str] = {
    "pass": "0.4! 1.1",
    "fail": "0.2! -0.15 0.2! -0.15 0.2! -0.15 0.9",
    "check_again": "0.3! -0.3 0.3! -0.3 0.5",
    "out_of_order": "1.0!",
    "starting": "0.25 0.25",
}
DEFAULT_TONES_HZ: Mapping[str, int] = {"pass": 1760, "fail": 392, "check_again": 784, "out_of_order": 262}
MIN_LIT_S = 0.15
"""Shorter flashes mean that the device is ready."""
MIN_DARK_S = 0.1
MAX_PULSE_S = 1.9
"""A longer pulse would look like the steady light of a device that is out of order."""
MAX_PATTERN_S = 2.0
"""The next person waits until the pattern ends."""
MAX_FLASHES_PER_S = 3
"""Maximum in any one second. More can trigger seizures in people with photosensitive epilepsy (WCAG 2.3.1)."""
MAX_BEEP_S = 1.0
MIN_BEEP_RATIO = 1.5
"""Beeps whose lengths differ by less than this factor sound the same."""
MIN_TONE_RATIO = 1.1
"""Tones closer than this factor (less than two semitones) sound the same."""
_PULSE = re.compile(r"(-?)(\d+(?:\.\d+)?)(!?)")
_MAX_PULSES = 16


@dataclass(frozen=True, slots=True)
class Pulse:
    """A period with the lamp lit or off."""

    duration_s: float
    lit: bool
    sounds: bool = False


class SignalPatternError(ValueError):
    """`errors` holds a message for each error."""

    def __init__(self, errors: list[str]) -> None:
        self.errors = errors
        super().__init__(" ".join(errors))


def parse_pattern(text: str) -> tuple[Pulse, ...]:
    """The pulses of a line. Raises SignalPatternError."""
    words = text.split()
    if not 1 <= len(words) <= _MAX_PULSES:
        raise SignalPatternError(
            [f"a pattern has 1 to {_MAX_PULSES} pulses, such as 0.4! -0.1 1.1. Found {len(words)}."]
        )
    beats, mistakes = [], []
    for word in words:
        found = _PULSE.fullmatch(word)
        if found is None or (found[1] and found[3]):
            mistakes.append(f"{word[:20]!r} is not a pulse. 0.4! is lit with sound, 0.4 lit without sound, -0.4 dark.")
            continue
        beats.append(Pulse(float(found[2]), lit=not found[1], sounds=bool(found[3])))
    mistakes += [sentence for beat in beats for sentence in _pulse_errors(beat)]
    if not mistakes and not beats[0].lit:
        mistakes.append("the first pulse must be lit, so that the signal starts at once.")
    if mistakes:
        raise SignalPatternError(mistakes)
    return tuple(beats)


def outcome_pattern_errors(pulses: tuple[Pulse, ...]) -> Iterator[str]:
    """Errors of one outcome pattern, without comparing it with others."""
    whole_s = sum(beat.duration_s for beat in pulses)
    if whole_s > MAX_PATTERN_S + 1e-9:
        yield f"takes {whole_s:g} s. The next person waits until it ends: at most {MAX_PATTERN_S:g} s."
    if not any(beat.sounds for beat in pulses):
        yield "makes no sound. Add a pulse with ! for people who do not see the lamp."
    if max_flashes_per_second(pulses) > MAX_FLASHES_PER_S:
        yield _TOO_MANY_FLASHES


def alternating_pattern_errors(pulses: tuple[Pulse, ...]) -> Iterator[str]:
    """Errors of the pattern in which two lamps light alternately until the state changes."""
    if len(pulses) != 2 or not all(beat.lit for beat in pulses):
        yield "must be two lit pulses: the left lamp, then the middle one, and so on."
    elif sum(beat.duration_s for beat in pulses) * MAX_FLASHES_PER_S < 1.0:
        yield _TOO_MANY_FLASHES
    if any(beat.sounds for beat in pulses):
        yield "must have no sound: it may last for minutes."


def max_flashes_per_second(pulses: tuple[Pulse, ...]) -> int:
    """Maximum number of flashes within any one second."""
    at_s = itertools.accumulate((beat.duration_s for beat in pulses), initial=0.0)
    ups = [
        start_s
        for start_s, beat, before in zip(at_s, pulses, (None, *pulses), strict=False)
        if _starts_flash(beat, before)
    ]
    return max((sum(1 for up_s in ups if 0.0 <= up_s - began_s < 1.0 - 1e-9) for began_s in ups), default=0)


def ambiguous_patterns(patterns: Mapping[str, tuple[Pulse, ...]], tones_hz: Mapping[str, int]) -> Iterator[str]:
    """Pairs of patterns that could be confused, by number of flashes, by beeps or by tone. Keys are names of the configuration."""
    for one, other in itertools.combinations(patterns, 2):
        if "out_of_order" not in (one, other) and count_flashes(patterns[one]) == count_flashes(patterns[other]):
            count = count_flashes(patterns[one])
            yield f"{one} and {other} have the same number of flashes ({count}). They must differ for colour-blind people."
        if sounds_ambiguous(patterns[one], patterns[other]):
            yield f"{one} and {other} sound the same on a buzzer of one tone. Change the number or length of the beeps."
        low, high = sorted((tones_hz[one], tones_hz[other]))
        if high < low * MIN_TONE_RATIO:
            yield f"the tones of {one} and {other} ({low} and {high} Hz) are too close: they must differ by 10 % or more."


def count_flashes(pulses: tuple[Pulse, ...]) -> int:
    """Number of flashes in the whole pattern."""
    return sum(1 for beat, before in zip(pulses, (None, *pulses), strict=False) if _starts_flash(beat, before))


def sounds_ambiguous(one: tuple[Pulse, ...], other: tuple[Pulse, ...]) -> bool:
    """True if both have the same number of beeps and their longest beeps are of similar length."""
    first, second = ([beat.duration_s for beat in beats if beat.sounds] for beats in (one, other))
    if len(first) != len(second):
        return False
    short, long = sorted((max(first, default=0.0), max(second, default=0.0)))
    return long < short * MIN_BEEP_RATIO or not long


def _starts_flash(pulse: Pulse, before: Pulse | None) -> bool:
    return pulse.lit and (before is None or not before.lit)


def _pulse_errors(pulse: Pulse) -> Iterator[str]:
    least_s = MIN_LIT_S if pulse.lit else MIN_DARK_S
    if not least_s <= pulse.duration_s <= MAX_PULSE_S:
        kind = "lit" if pulse.lit else "dark"
        yield f"a {kind} pulse lasts {least_s:g} to {MAX_PULSE_S:g} s. Found {pulse.duration_s:g}."
    if pulse.sounds and pulse.duration_s > MAX_BEEP_S:
        yield f"the buzzer sounds {MAX_BEEP_S:g} s at a time at most. Found {pulse.duration_s:g}."


_TOO_MANY_FLASHES = (
    f"flashes more than {MAX_FLASHES_PER_S} times within a second. This can cause photosensitive seizures."
)
