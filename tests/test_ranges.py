"""Range sets against the obvious model: a Python set of numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.ranges import RangeSet

spans = st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(spans))
def test_a_range_set_holds_exactly_the_numbers_put_in(put_in: list[tuple[int, int]]) -> None:
    ranges = RangeSet(put_in)
    model = {number for first, last in put_in for number in range(first, last + 1)}
    assert {number for number in range(1, 80) if number in ranges} == model
    assert ranges.count() == len(model)
    assert ranges.newest == max(model, default=0)
    assert ranges.up_to == next(n for n in range(100) if n + 1 not in model)
    held = list(ranges)
    assert all(held[i][1] + 1 < held[i + 1][0] for i in range(len(held) - 1)), "ranges that touch are one"
    missing = {n for first, last in ranges.missing() for n in range(first, last + 1)}
    assert missing == set(range(1, max(model, default=0))) - model
    assert ranges.beyond() == [span for span in held if span[0] > ranges.up_to + 1]


@pytest.mark.parametrize(("first", "last"), [(0, 3), (-1, -1), (5, 4)])
def test_what_is_no_range_of_numbers_is_refused(first: int, last: int) -> None:
    with pytest.raises(ValueError, match="not a range"):
        RangeSet().add(first, last)
