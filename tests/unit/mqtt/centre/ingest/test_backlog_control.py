"""The backlog control: one budget for the fleet, turns of devices, a floor for each, and few messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.centre.fleet.backlog_control import (
    FLOOR_EVENTS_PER_S,
    FORGET_AFTER_S,
    MAX_EVENTS_PER_S,
    TELL_AGAIN_AT,
    TURN_EVENTS_PER_S,
    BacklogControl,
)
from mqtt.centre.fleet.ingest_pace import EARLY_S, LATE_S
from mqtt.topics import DeviceTopics

EPOCH = "00000000000000aa"


def device(number: int) -> DeviceTopics:
    return DeviceTopics("entrance", "dong-ba", f"gate-{number}")


def report(control: BacklogControl, *reports: tuple[int, int], now_s: float = 0.0, connected: bool = False) -> None:
    for number, backlog in reports:
        control.on_report(device(number), EPOCH, backlog, now_s, connected=connected)


def told(control: BacklogControl, now_s: float = 0.0) -> dict[int, float | None]:
    changes = control.take_changes(now_s)
    assert len({change.device for change in changes}) == len(changes)
    return {int(change.device.device.removeprefix("gate-")): change.events_per_s for change in changes}


def test_one_device_with_a_backlog_gets_the_whole_budget() -> None:
    control = BacklogControl(100.0)
    report(control, (1, 5000))
    assert told(control) == {1: 100.0}
    assert told(control) == {}, "it knows its rate"


def test_without_a_budget_a_device_that_connects_is_freed_of_every_limit() -> None:
    control = BacklogControl(None)
    report(control, (1, 5000))
    assert told(control) == {}
    report(control, (1, 5000), connected=True)
    assert told(control) == {1: None}


@pytest.mark.parametrize(("budget", "rate"), [(None, 20.0), (100.0, 20.0), (10.0, 10.0)])
def test_a_limit_of_each_device_holds_beside_the_budget(budget: float | None, rate: float) -> None:
    control = BacklogControl(budget, device_events_per_s=20.0)
    report(control, (1, 5000), connected=True)
    assert told(control) == {1: rate}


def test_a_second_device_shares_the_budget_at_once() -> None:
    control = BacklogControl(100.0)
    report(control, (1, 5000))
    told(control)
    report(control, (2, 5000), now_s=1.0)
    assert told(control, 1.0) == {1: 50.0, 2: 50.0}


def test_of_many_devices_some_send_at_a_useful_rate_and_the_others_wait_for_their_turn() -> None:
    control = BacklogControl(100.0)
    report(control, *((number, 500) for number in range(10)), connected=True)
    rates = told(control)
    assert [rates[number] for number in range(10)] == [TURN_EVENTS_PER_S] * 4 + [FLOOR_EVENTS_PER_S] * 6
    control.on_events(device(2), 500, 5.0)
    assert told(control, 5.0) == {4: TURN_EVENTS_PER_S}, "the next in the queue"
    assert control.devices_with_backlog == 9


def test_devices_in_which_little_waits_leave_the_budget_to_the_others() -> None:
    control = BacklogControl(100.0)
    report(control, *((number, 3) for number in range(20)), (99, 5000))
    assert told(control) == {**dict.fromkeys(range(20), 3.0), 99: 40.0}


def test_a_small_change_is_not_told() -> None:
    control = BacklogControl(400.0)
    report(control, *((number, 10_000) for number in range(10)))
    assert set(told(control).values()) == {40.0}
    report(control, (10, 10_000), now_s=6.0)
    assert told(control, 6.0).keys() <= {10}, "an eleventh device changes the share by less than a fifth"
    report(control, (1, 9000), now_s=7.0, connected=True)
    assert told(control, 7.0).keys() >= {1}, "it may have forgotten its rate"


def test_a_device_that_sends_nothing_in_its_turn_loses_it_until_it_reports_again() -> None:
    control = BacklogControl(25.0)
    report(control, (1, 500), (2, 500))
    assert told(control) == {1: 25.0, 2: FLOOR_EVENTS_PER_S}
    control.on_events(device(1), 50, 10.0)
    assert told(control, 20.0) == {}
    assert told(control, 30.0) == {1: FLOOR_EVENTS_PER_S, 2: 25.0}
    report(control, (1, 450), now_s=31.0)
    assert told(control, 31.0) == {}
    control.on_events(device(2), 500, 32.0)
    assert told(control, 32.0) == {1: 25.0}


def test_a_device_that_is_done_or_was_not_heard_for_long_leaves_its_share_to_the_others() -> None:
    control = BacklogControl(100.0)
    report(control, (1, 5000), (2, 5000), (3, 0))
    assert control.devices_with_backlog == 2
    told(control)
    control.on_events(device(2), 1000, 59.0)
    report(control, (1, 0), (2, 4000), now_s=60.0)
    assert told(control, 60.0) == {1: FLOOR_EVENTS_PER_S, 2: 100.0}
    report(control, (4, 700), now_s=61.0 + FORGET_AFTER_S)
    assert told(control, 61.0 + FORGET_AFTER_S) == {4: 100.0}
    assert control.devices_with_backlog == 1


def test_a_quiet_device_is_answered_with_the_floor_when_it_connects_and_not_again() -> None:
    control = BacklogControl(100.0)
    report(control, (1, 0), connected=True)
    assert told(control) == {1: FLOOR_EVENTS_PER_S}
    report(control, (1, 0), (2, 0), now_s=60.0)
    assert told(control, 60.0) == {}


def test_while_live_messages_are_late_all_turns_are_interrupted_and_then_go_on() -> None:
    control = BacklogControl(100.0)
    report(control, *((number, 500) for number in range(10)))
    first = [number for number, rate in told(control).items() if rate == TURN_EVENTS_PER_S]
    control.on_delay(LATE_S, 5.0, is_complete=False)
    assert told(control, 5.0) == dict.fromkeys(first, FLOOR_EVENTS_PER_S)
    assert told(control, 100.0) == {}, "silence means nothing now"
    control.on_stored(10_000)
    control.on_delay(EARLY_S / 2, 101.0, is_complete=False)
    assert told(control, 101.0) == {}, "a message that still waits proves nothing"
    control.on_delay(EARLY_S / 2, 102.0)
    assert told(control, 102.0) == dict.fromkeys(first[:2], 35.0), "with what the centre sustains"


def test_a_large_budget_has_no_more_turns_than_a_receipt_a_second_is_good_for() -> None:
    control = BacklogControl(MAX_EVENTS_PER_S)
    assert control.pace is not None
    control.pace.events_per_s = MAX_EVENTS_PER_S
    report(control, *((number, 10_000) for number in range(2000)))
    rates = told(control)
    assert sum(rate == 1000.0 for rate in rates.values()) == 1000


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("report"), st.integers(0, 30), st.sampled_from([0, 1, 40, 5000])),
        st.tuples(st.just("connect"), st.integers(0, 30), st.sampled_from([0, 1, 40, 5000])),
        st.tuples(st.just("events"), st.integers(0, 30), st.integers(1, 3000)),
        st.tuples(st.just("delay"), st.integers(0, 30), st.integers(0, 3)),
    ),
    max_size=80,
)


@given(STEPS, st.floats(1.0, 1e5), st.lists(st.floats(0.0, 100.0), min_size=80, max_size=80))
def test_the_sum_of_the_rates_keeps_the_budget_and_no_device_gets_less_than_the_floor(
    steps: list[tuple[str, int, int]], budget: float, passes_s: list[float]
) -> None:
    control = BacklogControl(budget)
    now_s = 0.0
    for (what, number, value), seconds in zip(steps, passes_s, strict=False):
        now_s += seconds
        if what == "events":
            control.on_events(device(number), value, now_s)
        elif what == "delay":
            control.on_delay(float(value), now_s)
        else:
            report(control, (number, value), now_s=now_s, connected=what == "connect")
        rates = told(control, now_s)
        assert all(rate is not None and FLOOR_EVENTS_PER_S <= rate <= MAX_EVENTS_PER_S for rate in rates.values())
        assert what != "connect" or number in rates, "who connects is answered"
        assert control.pace is not None
        allowed = FLOOR_EVENTS_PER_S * 31 if control.pace.is_late else control.pace.events_per_s
        assert control.told_events_per_s <= allowed / (1 - TELL_AGAIN_AT) + 1e-6
        assert control.pace.events_per_s <= budget
