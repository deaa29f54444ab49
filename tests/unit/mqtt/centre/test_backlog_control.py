"""The backlog control: one budget for the fleet, a floor for each device, and few messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.centre.fleet.backlog_control import FLOOR_EVENTS_PER_S, FORGET_AFTER_S, TELL_AGAIN_AT, BacklogControl
from mqtt.topics import DeviceTopics
from tests.fakes.parts.backlog_fleet import BacklogFleet


def device(number: int) -> DeviceTopics:
    return DeviceTopics("entrance", "dong-ba", f"gate-{number}")


def report(control: BacklogControl, number: int, backlog: int, now_s: float, *, always: bool = False) -> float | None:
    control.on_report(device(number), backlog, now_s)
    return control.rate_to_tell(device(number), always=always)


def test_one_device_with_a_backlog_gets_the_whole_budget() -> None:
    assert report(BacklogControl(100.0), 1, 5000, 0.0) == 100.0


def test_without_a_budget_nothing_is_told() -> None:
    assert report(BacklogControl(None), 1, 5000, 0.0, always=True) is None


def test_a_second_device_waits_until_the_first_gives_up_its_half() -> None:
    control = BacklogControl(100.0)
    report(control, 1, 5000, 0.0)
    assert report(control, 2, 5000, 1.0) == FLOOR_EVENTS_PER_S
    assert report(control, 1, 4000, 60.0) == 50.0
    assert report(control, 2, 5000, 61.0) == 50.0


def test_devices_in_which_little_waits_leave_the_budget_to_the_others() -> None:
    control = BacklogControl(100.0)
    assert [report(control, number, 3, 0.0) for number in range(20)] == [3.0] * 20
    assert report(control, 99, 5000, 1.0) == pytest.approx(100.0 / 21)


def test_a_small_change_is_not_told() -> None:
    control = BacklogControl(1000.0)
    for now_s in (0.0, 60.0, 120.0):
        told = [report(control, number, 10_000, now_s) for number in range(10)]
    assert told == [None] * 10
    assert report(control, 99, 1, 130.0) is not None
    assert report(control, 1, 9000, 140.0) is None, "an eleventh device changes the share by less than a fifth"
    assert report(control, 1, 9000, 141.0, always=True) is not None, "it has connected again"


def test_a_device_that_is_done_or_silent_leaves_its_share_to_the_others() -> None:
    control = BacklogControl(100.0)
    report(control, 1, 5000, 0.0)
    report(control, 2, 5000, 0.0)
    report(control, 3, 0, 0.0)
    assert control.devices_with_backlog == 2
    report(control, 1, 0, 60.0)
    assert report(control, 2, 5000, FORGET_AFTER_S) == 100.0
    assert report(control, 4, 700, 2 * FORGET_AFTER_S + 1) == 100.0, "nothing was heard of the second for long"


def test_a_quiet_device_begins_after_an_outage_with_its_share_of_the_fleet() -> None:
    control = BacklogControl(100.0)
    rates = [report(control, number, 0, 0.0) for number in range(1000)]
    assert rates[-1] == pytest.approx(0.1)


REPORTS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from([0, 1, 5000]), st.floats(0.0, 100.0), st.booleans()), max_size=80
)


@given(REPORTS, st.floats(0.1, 1e5))
def test_the_sum_of_the_rates_never_exceeds_the_budget_beside_the_floors(
    reports: list[tuple[int, int, float, bool]], budget: float
) -> None:
    control = BacklogControl(budget)
    now_s = 0.0
    for number, backlog, passes_s, always in reports:
        now_s += passes_s
        rate = report(control, number, backlog, now_s, always=always)
        assert rate is None or rate >= FLOOR_EVENTS_PER_S
        floors = control.devices_with_backlog * FLOOR_EVENTS_PER_S
        assert control.told_events_per_s <= budget + floors + 1e-6 * budget


def test_after_a_day_without_a_centre_the_fleet_keeps_the_budget_until_nothing_waits() -> None:
    fleet = BacklogFleet(devices=500, events_each=1000, budget=400.0, window_s=60.0)
    took_s = fleet.run()
    assert sum(fleet.arrivals.values()) == 500 * 1000, "each event arrives once"
    assert fleet.largest_sum <= 400.0 + 500 * FLOOR_EVENTS_PER_S
    after_the_start = [rate for at_s, rate in fleet.curve() if at_s >= 120]
    assert max(after_the_start) <= 1.1 * (400.0 + 500 * FLOOR_EVENTS_PER_S)
    assert took_s <= 1.6 * 500 * 1000 / 400.0, "the budget is used"
    assert fleet.told <= 500 * (took_s / 60) * TELL_AGAIN_AT, "most reports need no answer"
