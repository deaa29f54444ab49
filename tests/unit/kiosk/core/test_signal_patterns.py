"""Signal patterns of a site: what is allowed, and that all errors are reported at once."""

import contextlib
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import config
from kiosk.app.builders import hardware
from kiosk.core import signal_patterns
from kiosk.core.model import DeviceState, Outcome
from kiosk.hardware.gpio.pattern_player import READY

GOOD = config.PatternSettings()


def answers(**changed: str) -> dict[str, tuple[signal_patterns.Pulse, ...]]:
    lines = {name: getattr(GOOD, f"{name}_pattern") for name in config.PATTERN_NAMES} | changed
    return {name: signal_patterns.parse_pattern(line) for name, line in lines.items()}


TONES = {name: getattr(GOOD, f"{name}_hz") for name in config.PATTERN_NAMES}


def test_a_line_of_pulses_is_parsed() -> None:
    assert signal_patterns.parse_pattern("0.4! -0.1 1") == (
        signal_patterns.Pulse(0.4, lit=True, sounds=True),
        signal_patterns.Pulse(0.1, lit=False),
        signal_patterns.Pulse(1.0, lit=True),
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "1 to 16 pulses"),
        ("0.4! loud", "'loud' is not a pulse"),
        ("-0.2! 0.3!", "'-0.2!' is not a pulse"),
        ("-0.5 0.4!", "first pulse must be lit"),
        ("0.1! 1", "0.15 to 1.9 s. Found 0.1"),
        ("0.2! -0.05 1", "dark pulse lasts 0.1"),
        ("2.5!", "0.15 to 1.9 s. Found 2.5"),
        ("1.2!", "at most. Found 1.2"),
        ("1e3!", "is not a pulse"),
        ("nan", "is not a pulse"),
    ],
)
def test_an_invalid_pulse_is_reported_with_the_valid_form(line: str, message: str) -> None:
    with pytest.raises(signal_patterns.SignalPatternError, match=message):
        signal_patterns.parse_pattern(line)


def test_all_invalid_pulses_of_a_line_are_reported() -> None:
    with pytest.raises(signal_patterns.SignalPatternError) as found:
        signal_patterns.parse_pattern("0.01 what 9 1.5!")
    assert len(found.value.errors) == 4


@given(st.text(max_size=60))
def test_no_text_crashes_the_parser(text: str) -> None:
    with contextlib.suppress(signal_patterns.SignalPatternError):
        assert signal_patterns.parse_pattern(text)[0].lit


@given(st.lists(st.tuples(st.sampled_from(["", "-"]), st.integers(15, 190)), min_size=1, max_size=16))
def test_no_accepted_pattern_flashes_four_times_within_a_second(parts: list[tuple[str, int]]) -> None:
    try:
        beats = signal_patterns.parse_pattern(" ".join(f"{sign}{hundredths / 100}" for sign, hundredths in parts))
    except signal_patterns.SignalPatternError:
        return
    if any("flashes more than" in each for each in signal_patterns.outcome_pattern_errors(beats)):
        return
    ups = [
        sum(beat.duration_s for beat in beats[:number])
        for number, beat in enumerate(beats)
        if beat.lit and (number == 0 or not beats[number - 1].lit)
    ]
    assert all(fourth - first > 1.0 - 1e-6 for first, fourth in zip(ups, ups[3:], strict=False))


def test_a_pattern_that_is_too_fast_too_long_or_silent_is_refused() -> None:
    fast = signal_patterns.parse_pattern("0.15! -0.1 0.15! -0.1 0.15! -0.1 0.5")
    assert ["photosensitive" in each for each in signal_patterns.outcome_pattern_errors(fast)] == [True]
    assert [
        "at most 2 s" in each
        for each in signal_patterns.outcome_pattern_errors(signal_patterns.parse_pattern("1! 1.5"))
    ] == [True]
    assert [
        "no sound" in each for each in signal_patterns.outcome_pattern_errors(signal_patterns.parse_pattern("1"))
    ] == [True]


@pytest.mark.parametrize(
    ("line", "message"),
    [("0.15 0.15", "photosensitive"), ("0.5 -0.5", "two lit"), ("0.5! 0.5", "no sound"), ("1", "two")],
)
def test_an_alternating_pattern_is_two_lit_silent_pulses(line: str, message: str) -> None:
    assert any(
        message in each for each in signal_patterns.alternating_pattern_errors(signal_patterns.parse_pattern(line))
    )


def test_the_default_patterns_are_distinguishable() -> None:
    assert not list(signal_patterns.ambiguous_patterns(answers(), TONES))


def test_patterns_with_the_same_number_of_flashes_are_refused() -> None:
    found = list(signal_patterns.ambiguous_patterns(answers(check_again="0.3! -0.3 0.3! -0.3 0.3 -0.2 0.2"), TONES))
    assert [each.startswith("fail and check_again have the same number of flashes (4)") for each in found] == [True]


def test_patterns_that_sound_the_same_on_a_buzzer_of_one_tone_are_refused() -> None:
    found = list(signal_patterns.ambiguous_patterns(answers(check_again="0.45! 1"), TONES))
    assert any(each.startswith("pass and check_again sound the same") for each in found)


def test_tones_that_are_too_close_are_refused() -> None:
    found = list(signal_patterns.ambiguous_patterns(answers(), TONES | {"fail": 800}))
    assert found == [
        "the tones of fail and check_again (784 and 800 Hz) are too close: they must differ by 10 % or more."
    ]


@given(
    st.lists(
        st.sampled_from(["0.4! 1.1", "0.2! -0.15 0.2! -0.15 0.2! -0.15 0.9", "0.3! -0.3 0.3! -0.3 0.5", "1!"]),
        min_size=4,
        max_size=4,
    )
)
def test_two_outcomes_with_one_pattern_are_never_accepted(lines: list[str]) -> None:
    chosen = dict(zip(config.PATTERN_NAMES, lines, strict=True))
    doubled = any(one == other for one, other in itertools.combinations(lines, 2))
    assert bool(list(signal_patterns.ambiguous_patterns(answers(**chosen), TONES))) >= doubled


def test_a_configuration_reports_all_pattern_errors_at_once(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.toml"
    keys = '[keys]\nsealing_public_key = "c"\npseudonym_key = "p"\ntrust_list = "t"\nroot_public_key = "r"\n'
    file.write_text(
        '[site]\nsite = "market"\ndevice = "gate-1"\n' + keys + "[gpio.patterns]\n"
        'pass_pattern = "9! x"\nstarting_pattern = "1"\nfail_hz = 800\n[camera]\nwidth = 1\n'
    )
    with pytest.raises(config.ConfigError) as found:
        config.load_settings(file)
    places = [each.split(":")[0] for each in found.value.errors]
    assert sorted(places) == sorted(
        ["camera.width", *["gpio.patterns.pass_pattern"] * 3, "gpio.patterns.starting_pattern", "gpio.patterns"]
    )


def test_configured_patterns_are_played_on_fixed_lamps() -> None:
    asked = config.PatternSettings(
        pass_pattern="0.2! 0.8", pass_hz=2000, starting_pattern="0.5 0.5", out_of_order_pattern="0.7!"
    )
    patterns = hardware.signal_patterns(asked)
    assert [(step.duration_s, sorted(step.lamps), step.tone_hz) for step in patterns[Outcome.PASS].once] == [
        (0.2, ["green"], 2000),
        (0.8, ["green"], 0),
    ]
    assert [step.duration_s for step in patterns[DeviceState.STARTING].repeated] == [0.5, 0.5]
    assert patterns[DeviceState.OUT_OF_ORDER].once[0].duration_s == 0.7
    assert patterns[DeviceState.OUT_OF_ORDER].repeated[0].duration_s > 60
    assert patterns[DeviceState.READY] == READY
