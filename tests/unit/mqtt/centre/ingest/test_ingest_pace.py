"""The pace of the backlogs: it grows while live messages are early, stops while they are late, and goes on below that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.centre.fleet.ingest_pace import (
    EARLY_S,
    FIRST_EVENTS_PER_S,
    LATE_S,
    LEAST_EVENTS_PER_S,
    LEAST_REMAINING,
    REMAINING,
    IngestPace,
)

EARLY, BETWEEN = EARLY_S / 2, (EARLY_S + LATE_S) / 2


def run(pace: IngestPace, delay_s: float, first_s: int, last_s: int, *, is_used: bool = True) -> None:
    for now_s in range(first_s, last_s):
        pace.on_delay(delay_s, float(now_s), is_used=is_used)


def is_late(pace: IngestPace) -> bool:
    return pace.is_late


def test_it_begins_low_and_reaches_the_largest_budget_within_seconds() -> None:
    pace = IngestPace(5000.0)
    assert pace.events_per_s == FIRST_EVENTS_PER_S
    run(pace, EARLY, 0, 8)
    assert pace.events_per_s == 5000.0
    run(pace, EARLY, 8, 100)
    assert pace.events_per_s == 5000.0


@pytest.mark.parametrize(("delay_s", "is_used"), [(BETWEEN, True), (EARLY, False)])
def test_it_stays_where_messages_are_nearly_late_and_where_no_device_wants_more(delay_s: float, is_used: bool) -> None:
    pace = IngestPace(5000.0)
    run(pace, delay_s, 0, 60, is_used=is_used)
    assert pace.events_per_s == FIRST_EVENTS_PER_S
    assert not pace.is_late


def test_after_late_messages_it_goes_on_with_a_part_of_what_the_centre_stored_meanwhile() -> None:
    pace = IngestPace(5000.0)
    run(pace, EARLY, 0, 8)
    pace.on_stored(1_000_000)
    run(pace, LATE_S, 8, 11)
    assert is_late(pace)
    pace.on_stored(4 * 3000)
    pace.on_delay(EARLY, 12.0, is_used=True)
    assert not is_late(pace)
    assert pace.events_per_s == REMAINING * 3000


def test_a_stall_in_which_nothing_was_stored_does_not_stop_the_backlogs_for_long() -> None:
    pace = IngestPace(5000.0)
    run(pace, EARLY, 0, 8)
    run(pace, 60.0, 8, 70)
    run(pace, EARLY, 70, 71)
    assert pace.events_per_s == LEAST_REMAINING * 5000.0
    run(pace, EARLY, 71, 74)
    assert pace.events_per_s == pytest.approx(REMAINING * 5000.0)
    run(pace, EARLY, 74, 120)
    assert pace.events_per_s == 5000.0


def test_near_the_rate_that_was_too_fast_it_grows_slowly() -> None:
    pace = IngestPace(100_000.0)
    run(pace, EARLY, 0, 8)
    too_fast = pace.events_per_s
    pace.on_delay(LATE_S, 8.0, is_used=True)
    pace.on_stored(round(too_fast))
    pace.on_delay(EARLY, 9.0, is_used=True)
    run(pace, EARLY, 9, 19)
    assert 0.7 * too_fast < pace.events_per_s < too_fast
    run(pace, EARLY, 19, 60)
    assert pace.events_per_s > too_fast


def test_on_a_disk_that_is_always_slow_the_backlogs_go_on_all_the_same() -> None:
    pace = IngestPace(5000.0)
    slow_s = 1.5
    for now_s in (0.0, 2.0, 4.0):
        pace.on_delay(slow_s, now_s, is_used=True)
        assert is_late(pace)
    pace.on_delay(slow_s, 6.0, is_used=True)
    assert not is_late(pace), "three messages without any backlog took as long"
    for now_s in range(8, 60, 2):
        pace.on_delay(slow_s, float(now_s), is_used=True)
        assert not is_late(pace)
    pace.on_delay(2 * slow_s, 60.0, is_used=True)
    assert is_late(pace)


def test_a_message_that_was_sent_before_the_backlogs_stopped_says_nothing_about_the_time_without_them() -> None:
    pace = IngestPace(5000.0)
    pace.on_delay(LATE_S, 0.0, is_used=True, is_complete=False)
    for now_s in range(1, 40):
        pace.on_delay(40.0, float(now_s), is_used=True)
    assert is_late(pace)


def test_when_the_disk_is_fast_again_a_second_is_late_again() -> None:
    pace = IngestPace(5000.0)
    for now_s in range(0, 50, 10):
        pace.on_delay(9.0, float(now_s), is_used=True)
    assert not is_late(pace)
    pace.on_delay(EARLY, 60.0, is_used=True)
    pace.on_delay(LATE_S, 61.0, is_used=True)
    assert is_late(pace)


def test_a_new_connection_begins_without_a_judgement() -> None:
    pace = IngestPace(5000.0)
    pace.on_delay(LATE_S, 0.0, is_used=True)
    pace.on_connected()
    assert not pace.is_late


@given(
    st.lists(
        st.tuples(st.floats(0.0, 300.0), st.floats(0.0, 60.0), st.integers(0, 100_000), st.booleans(), st.booleans())
    ),
    st.floats(1.0, 1e6),
)
def test_it_never_leaves_its_bounds(steps: list[tuple[float, float, int, bool, bool]], most: float) -> None:
    pace, now_s = IngestPace(most), 0.0
    for delay_s, passes_s, stored, is_used, is_complete in steps:
        now_s += passes_s
        pace.on_stored(stored)
        pace.on_delay(delay_s, now_s, is_used=is_used, is_complete=is_complete)
        assert min(LEAST_EVENTS_PER_S, most) <= pace.events_per_s <= most
        if is_complete and delay_s < EARLY_S:
            assert not pace.is_late, "nothing waits for ever"
