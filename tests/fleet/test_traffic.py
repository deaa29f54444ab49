"""Tests of when people pass the gates of a simulated fleet."""

import itertools
import random
from collections import Counter

from tests.fleet.traffic import DAY_PROFILE, DayRate, FixedRate, outages, passages


def test_a_fixed_rate_gives_that_many_passages_a_second_over_all_kiosks() -> None:
    found = list(itertools.takewhile(lambda one: one[0] < 100, passages(FixedRate(50), 10, random.Random(1))))
    assert 4700 < len(found) < 5300
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert {kiosk for _, kiosk in found} == set(range(10))


def test_a_day_has_its_passages_in_the_hours_of_the_profile() -> None:
    found = itertools.takewhile(
        lambda one: one[0] < 86_400, passages(DayRate(24_000, first_hour=0), 4, random.Random(2))
    )
    hours = Counter(int(at // 3600) for at, _ in found)
    assert 23_000 < hours.total() < 25_000
    assert max(hours, key=hours.__getitem__) == DAY_PROFILE.index(max(DAY_PROFILE))
    assert hours[2] == 0


def test_hours_can_go_by_faster_at_the_same_rate() -> None:
    slow, fast = DayRate(24_000, first_hour=7), DayRate(24_000, first_hour=7, speed=60)
    assert slow.at(0) == fast.at(0)
    assert fast.at(61) == slow.at(3601)


def test_outages_come_at_their_rate_and_last_about_as_long_as_asked() -> None:
    found = list(itertools.takewhile(lambda one: one[0] < 36_000, outages(100, 60, 5, random.Random(3))))
    assert 850 < len(found) < 1150
    assert all(30 <= seconds <= 90 for *_, seconds in found)
    assert not list(outages(0, 60, 5, random.Random(3)))
