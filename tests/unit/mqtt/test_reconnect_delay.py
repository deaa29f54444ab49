"""The wait before the next connection attempt."""

import random

import pytest

from mqtt.connection import reconnect_delay_s


class Longest(random.Random):
    """Always the upper bound."""

    def uniform(self, _low: float, high: float) -> float:
        return high


@pytest.mark.parametrize(("attempt", "longest_s"), [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (10_000, 60)])
def test_the_longest_wait_doubles_up_to_its_limit(attempt: int, longest_s: float) -> None:
    assert reconnect_delay_s(attempt, 2.0, 60.0, Longest()) == longest_s


def test_many_kiosks_spread_their_attempts_over_the_whole_wait() -> None:
    jitter = random.Random(1)
    delays_s = [reconnect_delay_s(3, 2.0, 60.0, jitter) for _ in range(1000)]
    quarters = [sum(low <= delay_s < low + 2 for delay_s in delays_s) for low in (0, 2, 4, 6)]
    assert all(200 < count < 300 for count in quarters), quarters
