"""One random scenario of each kind of database that comes back. `make restored-images` runs more of them."""

import pytest

from tests.faults.restored_images import KINDS, make_scenario, run


@pytest.mark.parametrize("number", range(1, 1 + len(KINDS)))
def test_a_database_that_comes_back_loses_no_event_and_is_told(number: int) -> None:
    result = run(make_scenario(number, most=600))
    assert result.good, result


def test_the_scenarios_are_of_all_kinds_and_sizes() -> None:
    scenarios = [make_scenario(number, most=5000) for number in range(1, 51)]
    assert {one.kind for one in scenarios} == set(KINDS)
    assert {one.is_killed for one in scenarios} == {one.age_is_delivered for one in scenarios} == {True, False}
    ages = [one.age for one in scenarios]
    assert min(ages) < 5
    assert max(ages) > 1000
    assert all(0 <= one.backlog <= one.before and one.age and one.after for one in scenarios)
