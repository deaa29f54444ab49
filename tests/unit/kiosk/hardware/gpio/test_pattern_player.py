"""The table of signal patterns and the player."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import DeviceState, Outcome
from kiosk.hardware.gpio.pattern_player import DEFAULT_PATTERNS, Lamp, PatternPlayer, SignalPattern


def looks(pattern: SignalPattern) -> list[tuple[frozenset[Lamp], bool, float]]:
    steps = itertools.islice(pattern.steps(), max(len(pattern.once) + len(pattern.repeated), 1))
    return [(step.lamps, step.tone_hz > 0, step.duration_s) for step in steps]


class TestPatterns:
    def test_each_outcome_and_state_has_a_pattern_of_its_name(self) -> None:
        assert {key.value for key in DEFAULT_PATTERNS} == {*Outcome, *DeviceState}
        assert all(key.value == pattern.name for key, pattern in DEFAULT_PATTERNS.items())

    @pytest.mark.parametrize(("one", "other"), list(itertools.combinations(Outcome, 2)))
    def test_outcomes_differ_in_position_rhythm_and_sound(self, one: Outcome, other: Outcome) -> None:
        first, second = DEFAULT_PATTERNS[one].once, DEFAULT_PATTERNS[other].once
        assert {step.lamps for step in first if step.lamps}.isdisjoint({step.lamps for step in second if step.lamps})
        assert [(bool(step.lamps), step.duration_s) for step in first] != [
            (bool(step.lamps), step.duration_s) for step in second
        ]
        assert [step.duration_s for step in first if step.tone_hz] != [
            step.duration_s for step in second if step.tone_hz
        ]
        assert {step.tone_hz for step in first if step.tone_hz} != {step.tone_hz for step in second if step.tone_hz}

    @pytest.mark.parametrize(("one", "other"), list(itertools.combinations(DeviceState, 2)))
    def test_states_differ_without_colour_or_sound(self, one: DeviceState, other: DeviceState) -> None:
        first, second = looks(DEFAULT_PATTERNS[one]), looks(DEFAULT_PATTERNS[other])
        assert [(len(lamps), duration) for lamps, _, duration in first] != [
            (len(lamps), duration) for lamps, _, duration in second
        ]

    def test_only_a_pass_is_green(self) -> None:
        for key, pattern in DEFAULT_PATTERNS.items():
            green = any(Lamp.GREEN in step.lamps for step in (*pattern.once, *pattern.repeated))
            assert green == (key is Outcome.PASS)

    def test_a_stuck_lamp_never_looks_ready(self) -> None:
        for state in (DeviceState.READY, DeviceState.DEGRADED, DeviceState.STARTING):
            longest = max(DEFAULT_PATTERNS[state].repeated, key=lambda step: step.duration_s)
            assert longest.duration_s < 2.0
            assert len({step.lamps for step in DEFAULT_PATTERNS[state].repeated}) > 1

    def test_patterns_of_outcomes_end_and_those_of_states_repeat(self) -> None:
        assert all(not DEFAULT_PATTERNS[outcome].repeated for outcome in Outcome)
        assert all(DEFAULT_PATTERNS[state].repeated for state in DeviceState)

    def test_patterns_of_outcomes_are_short(self) -> None:
        for outcome in Outcome:
            assert sum(step.duration_s for step in DEFAULT_PATTERNS[outcome].once) <= 2.0


class TestPlayer:
    def test_the_first_pattern_is_starting(self) -> None:
        lit, delay_s = PatternPlayer().advance(0.0)
        assert lit.pattern == "starting"
        assert delay_s == 0.25

    def test_an_outcome_is_shown_at_once_and_then_the_idle_state(self) -> None:
        player = PatternPlayer()
        player.set_idle_state(DeviceState.READY)
        player.advance(0.0)
        player.show(Outcome.PASS, 1.0)
        assert player.advance(1.0)[0].lamps == {Lamp.GREEN}
        assert player.advance(1.4)[0].tone_hz == 0
        assert player.advance(2.4)[0].pattern == "pass"
        assert player.advance(2.5)[0].pattern == "ready"

    def test_a_new_state_waits_until_the_outcome_has_been_shown(self) -> None:
        player = PatternPlayer()
        player.show(Outcome.PASS, 0.0)
        player.advance(0.0)
        player.set_idle_state(DeviceState.OUT_OF_ORDER)
        assert player.advance(0.1)[0].pattern == "pass"
        player.advance(0.5)
        assert player.advance(1.6)[0].pattern == "out-of-order"

    def test_a_newer_outcome_replaces_the_older_one(self) -> None:
        player = PatternPlayer()
        player.show(Outcome.PASS, 0.0)
        player.advance(0.0)
        player.show(Outcome.FAIL, 0.1)
        assert player.advance(0.1)[0].lamps == {Lamp.RED}

    def test_the_same_state_again_does_not_restart_the_pattern(self) -> None:
        player = PatternPlayer()
        player.set_idle_state(DeviceState.READY)
        player.advance(0.0)
        player.set_idle_state(DeviceState.READY)
        assert player.advance(0.15)[0].lamps == frozenset()

    @given(
        st.lists(
            st.tuples(st.floats(0.0, 3.0), st.sampled_from([*Outcome, *DeviceState, None])),
            max_size=30,
        )
    )
    def test_the_relay_is_never_on_longer_than_its_time_after_the_last_pass(
        self, events: list[tuple[float, Outcome | DeviceState | None]]
    ) -> None:
        player = PatternPlayer(relay_s=1.0)
        now_s, passed_s = 0.0, -10.0
        for gap_s, event in events:
            now_s += gap_s
            if isinstance(event, Outcome):
                player.show(event, now_s)
                passed_s = now_s if event is Outcome.PASS else passed_s
            elif event is not None:
                player.set_idle_state(event)
            lit, delay_s = player.advance(now_s)
            assert lit.relay == (now_s < passed_s + 1.0)
            assert delay_s > 0.0
            assert (Lamp.GREEN in lit.lamps) <= (lit.pattern == "pass")
            if lit.relay:
                assert delay_s <= passed_s + 1.0 - now_s
