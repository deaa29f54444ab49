"""Rhythms that a site chooses: what may be chosen, and that every mistake is told at once."""

import contextlib
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import config
from kiosk.core import signal_patterns
from kiosk.core.model import Outcome, State
from kiosk.hardware.gpio.pattern_player import patterns_of

GOOD = config.Patterns()


def answers(**changed: str) -> dict[str, tuple[signal_patterns.Beat, ...]]:
    lines = {name: getattr(GOOD, f"{name}_pattern") for name in config.ANSWERS} | changed
    return {name: signal_patterns.parse(line) for name, line in lines.items()}


TONES = {name: getattr(GOOD, f"{name}_hz") for name in config.ANSWERS}


def test_a_line_of_beats_is_read() -> None:
    assert signal_patterns.parse("0.4! -0.1 1") == (
        signal_patterns.Beat(0.4, lit=True, sounds=True),
        signal_patterns.Beat(0.1, lit=False),
        signal_patterns.Beat(1.0, lit=True),
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "1 to 16 beats"),
        ("0.4! loud", "'loud' is no beat"),
        ("-0.2! 0.3!", "'-0.2!' is no beat"),
        ("-0.5 0.4!", "first beat is lit"),
        ("0.1! 1", "0.15 to 1.9 s; found 0.1"),
        ("0.2! -0.05 1", "dark beat lasts 0.1"),
        ("2.5!", "0.15 to 1.9 s; found 2.5"),
        ("1.2!", "at most; found 1.2"),
        ("1e3!", "is no beat"),
        ("nan", "is no beat"),
    ],
)
def test_a_bad_beat_is_told_with_what_is_good(line: str, told: str) -> None:
    with pytest.raises(signal_patterns.RhythmTrouble, match=told):
        signal_patterns.parse(line)


def test_every_bad_beat_of_a_line_is_told() -> None:
    with pytest.raises(signal_patterns.RhythmTrouble) as told:
        signal_patterns.parse("0.01 what 9 1.5!")
    assert len(told.value.errors) == 4


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(signal_patterns.RhythmTrouble):
        assert signal_patterns.parse(text)[0].lit


@given(st.lists(st.tuples(st.sampled_from(["", "-"]), st.integers(15, 190)), min_size=1, max_size=16))
def test_what_is_let_through_never_lights_up_four_times_within_a_second(parts: list[tuple[str, int]]) -> None:
    try:
        beats = signal_patterns.parse(" ".join(f"{sign}{hundredths / 100}" for sign, hundredths in parts))
    except signal_patterns.RhythmTrouble:
        return
    if any("flashes more than" in each for each in signal_patterns.answer_mistakes(beats)):
        return
    ups = [
        sum(beat.duration_s for beat in beats[:number])
        for number, beat in enumerate(beats)
        if beat.lit and (number == 0 or not beats[number - 1].lit)
    ]
    assert all(fourth - first > 1.0 - 1e-6 for first, fourth in zip(ups, ups[3:], strict=False))


def test_an_answer_that_flashes_too_fast_lasts_too_long_or_is_silent_is_refused() -> None:
    fast = signal_patterns.parse("0.15! -0.1 0.15! -0.1 0.15! -0.1 0.5")
    assert ["photosensitive" in each for each in signal_patterns.answer_mistakes(fast)] == [True]
    assert ["2 s at most" in each for each in signal_patterns.answer_mistakes(signal_patterns.parse("1! 1.5"))] == [
        True
    ]
    assert ["never sounds" in each for each in signal_patterns.answer_mistakes(signal_patterns.parse("1"))] == [True]


@pytest.mark.parametrize(
    ("line", "told"), [("0.15 0.15", "photosensitive"), ("0.5 -0.5", "two lit"), ("0.5! 0.5", "no sound"), ("1", "two")]
)
def test_lamps_in_turn_are_two_lit_silent_beats_and_not_too_fast(line: str, told: str) -> None:
    assert any(told in each for each in signal_patterns.turns_mistakes(signal_patterns.parse(line)))


def test_the_patterns_that_nobody_changed_can_be_told_apart() -> None:
    assert not list(signal_patterns.alike(answers(), TONES))


def test_answers_that_flash_equally_often_are_refused() -> None:
    told = list(signal_patterns.alike(answers(look_again="0.3! -0.3 0.3! -0.3 0.3 -0.2 0.2"), TONES))
    assert [each.startswith("fail and look_again flash equally often (4)") for each in told] == [True]


def test_answers_that_sound_alike_on_a_buzzer_of_one_tone_are_refused() -> None:
    told = list(signal_patterns.alike(answers(look_again="0.45! 1"), TONES))
    assert any(each.startswith("pass and look_again sound the same") for each in told)


def test_tones_that_are_too_close_are_refused() -> None:
    told = list(signal_patterns.alike(answers(), TONES | {"fail": 800}))
    assert told == ["the tones of fail and look_again (784 and 800 Hz) are too close; 10 % is the least."]


@given(
    st.lists(
        st.sampled_from(["0.4! 1.1", "0.2! -0.15 0.2! -0.15 0.2! -0.15 0.9", "0.3! -0.3 0.3! -0.3 0.5", "1!"]),
        min_size=4,
        max_size=4,
    )
)
def test_two_answers_with_one_rhythm_never_get_through(lines: list[str]) -> None:
    chosen = dict(zip(config.ANSWERS, lines, strict=True))
    doubled = any(one == other for one, other in itertools.combinations(lines, 2))
    assert bool(list(signal_patterns.alike(answers(**chosen), TONES))) >= doubled


def test_a_configuration_tells_all_its_rhythms_mistakes_at_once(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.toml"
    keys = '[keys]\nsealing_public_key = "c"\npseudonym_key = "p"\ntrust_list = "t"\nroot_public_key = "r"\n'
    file.write_text(
        '[site]\nsite = "market"\ndevice = "gate-1"\n' + keys + "[gpio.patterns]\n"
        'pass_pattern = "9! x"\nstarting_pattern = "1"\nfail_hz = 800\n[camera]\nwidth = 1\n'
    )
    with pytest.raises(config.ConfigTrouble) as told:
        config.load(file)
    places = [each.split(":")[0] for each in told.value.errors]
    assert sorted(places) == sorted(
        ["camera.width", *["gpio.patterns.pass_pattern"] * 3, "gpio.patterns.starting_pattern", "gpio.patterns"]
    )


def test_what_a_site_chooses_is_what_the_lamps_play_on_the_lamps_that_are_not_to_choose() -> None:
    asked = config.Patterns(pass_pattern="0.2! 0.8", pass_hz=2000, starting_pattern="0.5 0.5", out_of_order_pattern="0.7!")
    patterns = patterns_of(asked)
    assert [(step.duration_s, sorted(step.lamps), step.tone_hz) for step in patterns[Outcome.PASS].once] == [
        (0.2, ["green"], 2000),
        (0.8, ["green"], 0),
    ]
    assert [step.duration_s for step in patterns[State.STARTING].repeated] == [0.5, 0.5]
    assert patterns[State.OUT_OF_ORDER].once[0].duration_s == 0.7
    assert patterns[State.OUT_OF_ORDER].repeated[0].duration_s > 60
    assert patterns[State.READY] == patterns_of(GOOD)[State.READY]
