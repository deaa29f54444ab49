"""Fleets after an outage in simulated time: live events stay fast beside any backlog, and the backlog uses what is left."""

from bisect import bisect_right

from hypothesis import given, settings
from hypothesis import strategies as st

from mqtt.centre.fleet.backlog_control import FLOOR_EVENTS_PER_S, TELL_AGAIN_AT
from tests.examples import examples
from tests.fakes.parts.backlog_fleet import BacklogFleet

LIVE_P95_S = 2.0


def test_after_a_day_without_a_centre_the_fleet_keeps_the_budget_until_nothing_waits() -> None:
    fleet = BacklogFleet(devices=500, events_each=1000, budget=400.0)
    took_s = fleet.run()
    assert sum(fleet.arrivals.values()) == 500 * 1000, "each event arrives once"
    assert fleet.largest_sum <= 400.0 / (1 - TELL_AGAIN_AT)
    assert max(rate for _, rate in fleet.curve()) <= 1.1 * (400.0 + 500 * FLOOR_EVENTS_PER_S)
    assert took_s <= 1.25 * 500 * 1000 / 400.0, "the budget is used"
    assert fleet.told <= 8 * 500, "few messages"


def test_ten_thousand_kiosks_come_back_and_live_events_do_not_notice() -> None:
    fleet = BacklogFleet(10_000, 100, budget=5000.0, live_per_s=100.0, capacity=lambda _now_s: 2600.0)
    took_s = fleet.run()
    assert sum(fleet.arrivals.values()) == 1_000_000
    assert fleet.live_delay_s(95) <= LIVE_P95_S
    assert took_s <= 1.25 * 1_000_000 / 2500.0, "what live events leave is used"


def test_a_centre_that_becomes_five_times_slower_keeps_its_live_events_fast() -> None:
    fleet = BacklogFleet(
        1000, 1000, budget=5000.0, live_per_s=100.0,
        capacity=lambda now_s: 1500.0 if 100 < now_s < 280 else 8000.0,
    )  # fmt: skip
    fleet.run()
    assert fleet.live_delay_s(99) <= LIVE_P95_S
    rates = dict(fleet.curve())
    assert all(rates[start_s] >= 0.7 * 1400 for start_s in (120.0, 180.0)), "the slow centre is used"
    assert max(rates[start_s] for start_s in rates if start_s >= 300) >= 3000, "the fast one too, soon afterwards"


@settings(max_examples=examples(5))
@given(
    st.integers(1, 300),
    st.integers(1, 400),
    st.floats(50.0, 20_000.0),
    st.lists(st.floats(300.0, 20_000.0), min_size=1, max_size=6),
    st.integers(0, 2**32),
)
def test_whatever_the_centre_can_store_everything_arrives_and_live_events_are_fast(
    devices: int, events_each: int, budget: float, capacities: list[float], seed: int
) -> None:
    starts_s = [90.0 * number for number in range(len(capacities))]
    fleet = BacklogFleet(
        devices, events_each, budget, live_per_s=50.0, seed=seed,
        capacity=lambda now_s: capacities[bisect_right(starts_s, now_s) - 1],
    )  # fmt: skip
    fleet.run(until_s=20_000)
    assert sum(fleet.arrivals.values()) == devices * events_each
    assert fleet.live_delay_s(95) <= LIVE_P95_S
