"""Rhythms of lamps and buzzer as a site writes them, and the limits within which people can tell them apart and bear them.

A rhythm is a line of beats: `0.4!` is 0.4 s lit with the buzzer, `1.1` lit in silence, `-0.1` dark. Pure.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LEAST_LIT_S = 0.15
"""Shorter blinks are the sign of readiness."""
LEAST_DARK_S = 0.1
LONGEST_BEAT_S = 1.9
"""Longer than that would look like the steady light of a device that is out of order."""
LONGEST_ANSWER_S = 2.0
"""The next person waits for the end of an answer."""
FLASHES_A_SECOND = 3
"""No more in any one second: more may set off a fit in people with photosensitive epilepsy (WCAG 2.3.1)."""
LONGEST_BEEP_S = 1.0
ALIKE = 1.5
"""Two beeps whose lengths differ by less than this factor sound the same."""
TONE_APART = 1.1
"""Two tones closer than this factor (less than two semitones) sound the same."""
_BEAT = re.compile(r"(-?)(\d+(?:\.\d+)?)(!?)")
_MAX_BEATS = 16


@dataclass(frozen=True, slots=True)
class Beat:
    """A while of light or dark."""

    duration_s: float
    lit: bool
    sounds: bool = False


class RhythmTrouble(ValueError):
    """`mistakes` are sentences, all of them."""

    def __init__(self, errors: list[str]) -> None:
        self.mistakes = errors
        super().__init__(" ".join(errors))


def parse(text: str) -> tuple[Beat, ...]:
    """The beats of a line. Raises RhythmTrouble."""
    words = text.split()
    if not 1 <= len(words) <= _MAX_BEATS:
        raise RhythmTrouble([f"a rhythm has 1 to {_MAX_BEATS} beats, such as 0.4! -0.1 1.1; found {len(words)}."])
    beats, mistakes = [], []
    for word in words:
        found = _BEAT.fullmatch(word)
        if found is None or (found[1] and found[3]):
            mistakes.append(f"{word[:20]!r} is no beat; 0.4! is lit with sound, 0.4 lit in silence, -0.4 dark.")
            continue
        beats.append(Beat(float(found[2]), lit=not found[1], sounds=bool(found[3])))
    mistakes += [sentence for beat in beats for sentence in _beat_mistakes(beat)]
    if not mistakes and not beats[0].lit:
        mistakes.append("the first beat is lit: an answer comes at once.")
    if mistakes:
        raise RhythmTrouble(mistakes)
    return tuple(beats)


def answer_mistakes(pulses: tuple[Beat, ...]) -> Iterator[str]:
    """What is wrong with the rhythm of an answer, by itself."""
    whole_s = sum(beat.duration_s for beat in pulses)
    if whole_s > LONGEST_ANSWER_S + 1e-9:
        yield f"takes {whole_s:g} s; the next person waits for its end, {LONGEST_ANSWER_S:g} s at most."
    if not any(beat.sounds for beat in pulses):
        yield "never sounds; a beat with ! tells it to who does not look."
    if flashes_a_second(pulses) > FLASHES_A_SECOND:
        yield _TOO_FAST


def turns_mistakes(pulses: tuple[Beat, ...]) -> Iterator[str]:
    """What is wrong with the beats of two lamps that light in turn, for as long as it takes."""
    if len(pulses) != 2 or not all(beat.lit for beat in pulses):
        yield "is two lit beats: the left lamp, then the middle one, and so on."
    elif sum(beat.duration_s for beat in pulses) * FLASHES_A_SECOND < 1.0:
        yield _TOO_FAST
    if any(beat.sounds for beat in pulses):
        yield "makes no sound: it may last for minutes."


def flashes_a_second(pulses: tuple[Beat, ...]) -> int:
    """How often the lamp lights up within any one second, at most."""
    at_s = itertools.accumulate((beat.duration_s for beat in pulses), initial=0.0)
    ups = [start_s for start_s, beat, before in zip(at_s, pulses, (None, *pulses), strict=False) if _lights(beat, before)]
    return max((sum(1 for up_s in ups if 0.0 <= up_s - began_s < 1.0 - 1e-9) for began_s in ups), default=0)


def alike(patterns: Mapping[str, tuple[Beat, ...]], tones_hz: Mapping[str, int]) -> Iterator[str]:
    """What could be mistaken for what: by the number of flashes, by the beeps, by the tone. Names as the configuration says."""
    for one, other in itertools.combinations(patterns, 2):
        if "out_of_order" not in (one, other) and flashes(patterns[one]) == flashes(patterns[other]):
            count = flashes(patterns[one])
            yield f"{one} and {other} flash equally often ({count}); let them differ for who cannot see colours."
        if sounds_alike(patterns[one], patterns[other]):
            yield f"{one} and {other} sound the same on a buzzer of one tone; let number or length of the beeps differ."
        low, high = sorted((tones_hz[one], tones_hz[other]))
        if high < low * TONE_APART:
            yield f"the tones of {one} and {other} ({low} and {high} Hz) are too close; 10 % is the least."


def flashes(pulses: tuple[Beat, ...]) -> int:
    """How often the lamp lights up in all."""
    return sum(1 for beat, before in zip(pulses, (None, *pulses), strict=False) if _lights(beat, before))


def sounds_alike(one: tuple[Beat, ...], other: tuple[Beat, ...]) -> bool:
    """As many beeps, and the longest of each nearly as long."""
    first, second = ([beat.duration_s for beat in beats if beat.sounds] for beats in (one, other))
    if len(first) != len(second):
        return False
    short, long = sorted((max(first, default=0.0), max(second, default=0.0)))
    return long < short * ALIKE or not long


def _lights(pulse: Beat, before: Beat | None) -> bool:
    return pulse.lit and (before is None or not before.lit)


def _beat_mistakes(pulse: Beat) -> Iterator[str]:
    least_s = LEAST_LIT_S if pulse.lit else LEAST_DARK_S
    if not least_s <= pulse.duration_s <= LONGEST_BEAT_S:
        kind = "lit" if pulse.lit else "dark"
        yield f"a {kind} beat lasts {least_s:g} to {LONGEST_BEAT_S:g} s; found {pulse.duration_s:g}."
    if pulse.sounds and pulse.duration_s > LONGEST_BEEP_S:
        yield f"the buzzer sounds {LONGEST_BEEP_S:g} s at a time at most; found {pulse.duration_s:g}."


_TOO_FAST = (
    f"flashes more than {FLASHES_A_SECOND} times within a second; it may set off a photosensitive person's epilepsy."
)
