"""Range sets and the in-flight window, compared with a simple model: a Python set of numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.delivery.inflight_window import InflightWindow
from mqtt.sequence_ranges import RangeSet

spans = st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(spans))
def test_a_range_set_holds_exactly_the_numbers_put_in(put_in: list[tuple[int, int]]) -> None:
    ranges = RangeSet(put_in)
    model = {number for first, last in put_in for number in range(first, last + 1)}
    assert {number for number in range(1, 80) if number in ranges} == model
    assert ranges.count() == len(model)
    assert ranges.maximum == max(model, default=0)
    assert ranges.up_to == next(n for n in range(100) if n + 1 not in model)
    held = list(ranges)
    assert all(held[i][1] + 1 < held[i + 1][0] for i in range(len(held) - 1)), "ranges that touch are one"
    missing = {n for first, last in ranges.gaps() for n in range(first, last + 1)}
    assert missing == set(range(1, max(model, default=0))) - model
    assert ranges.after_first_gap() == [span for span in held if span[0] > ranges.up_to + 1]


@given(st.lists(spans), spans)
def test_covering_and_touching_are_what_all_and_any_say(put_in: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    ranges = RangeSet(put_in)
    inside = [number in ranges for number in range(asked[0], asked[1] + 1)]
    assert ranges.covers(*asked) == all(inside)
    assert ranges.touches(*asked) == any(inside)


@given(
    st.lists(st.lists(st.integers(1, 80), min_size=1, max_size=6, unique=True).map(sorted), max_size=12),
    st.lists(st.tuples(st.integers(0, 60), st.lists(spans, max_size=4)), max_size=6),
)
def test_receipts_acknowledge_exactly_the_events_that_they_cover(
    messages: list[list[int]], receipts: list[tuple[int, list[tuple[int, int]]]]
) -> None:
    window: InflightWindow[str] = InflightWindow(1000)
    in_flight: set[int] = set()
    for token, seqs in enumerate(messages):
        rows = {seq: str(seq) for seq in seqs if seq not in in_flight}
        assert window.contains_any(seqs) == bool(in_flight & set(seqs))
        if rows:
            window.add(rows, token, 0.0)
            in_flight |= set(rows)
    for up_to, beyond in receipts:
        covered = RangeSet([*([(1, up_to)] if up_to else []), *beyond])
        landed = {seq for seq in in_flight if seq in covered}
        assert window.acknowledge_ranges(up_to, beyond) == len(landed)
        in_flight -= landed
        assert dict(window.rows()) == {seq: str(seq) for seq in in_flight}
        assert len(window) == len(in_flight)
        assert window.free_slots() == 1000 - len(in_flight)
    overdue = window.take_overdue(0.0, limit=1000)
    assert {seq for message in overdue for seq in message.rows} == in_flight
    assert len(window) == 0
    assert window.oldest_sent_s() is None


@pytest.mark.parametrize(("first", "last"), [(0, 3), (-1, -1), (5, 4)])
def test_what_is_no_range_of_numbers_is_refused(first: int, last: int) -> None:
    with pytest.raises(ValueError, match="not a range"):
        RangeSet().add(first, last)
