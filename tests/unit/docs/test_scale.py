"""The capacity table rests on costs that a simulation of the centre's batches turns into what was measured."""

import pytest

from docs._generate.pages.scale import MEASURED, Costs, Point, busiest_rate, simulate


@pytest.mark.parametrize("point", MEASURED[:-1], ids=lambda point: f"{point.kiosks}-{point.passages_per_s:.0f}")
def test_the_simulation_gives_what_was_measured(point: Point) -> None:
    found = simulate(point, Costs())
    assert found.p50_s == pytest.approx(point.p50_s, rel=0.3)
    assert found.broker == pytest.approx(point.broker, rel=0.3)
    assert found.centre == pytest.approx(point.centre, rel=0.3)
    assert found.postgresql == pytest.approx(point.postgresql, rel=0.3)


def test_ten_thousand_kiosks_cost_at_most_twice_what_the_simulation_says() -> None:
    point, found = MEASURED[-1], simulate(MEASURED[-1], Costs())
    assert point.kiosks == 10_000
    assert found.p50_s == pytest.approx(point.p50_s, rel=0.3)
    for measured, simulated in (
        (point.broker, found.broker),
        (point.centre, found.centre),
        (point.postgresql, found.postgresql),
    ):
        assert simulated <= measured <= 2 * simulated


def test_larger_batches_make_a_message_cheaper() -> None:
    slow, fast = Point(2000, 500, 0.95, 0, 0, 0), Point(2000, 500, 0.15, 0, 0, 0)
    assert simulate(slow, Costs()).postgresql < simulate(fast, Costs()).postgresql


def test_ten_thousand_kiosks_have_a_hundred_passages_a_second_in_their_busiest_hour() -> None:
    assert busiest_rate(10_000) == pytest.approx(100)
