"""When people pass the gates of a fleet: at a fixed rate, or by the hours of a day."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DAY_PROFILE = (0, 0, 0, 0, 1, 4, 9, 14, 10, 6, 5, 6, 7, 6, 6, 6, 8, 10, 8, 5, 3, 2, 1, 0)
"""Shares of a day's passages by the hour: markets, schools, offices, a church on the way home. Synthetic."""
SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class FixedRate:
    """So many passages each second over the whole fleet."""

    passages_per_s: float

    def at(self, _elapsed_s: float) -> float:
        """Passages per second at this moment of the run."""
        return self.passages_per_s


@dataclass(frozen=True, slots=True)
class DayRate:
    """Passages by the hour of a day that may go by faster than a real one."""

    passages_per_day: float
    """Of the whole fleet."""
    first_hour: float = 6.0
    speed: float = 1.0
    """Hours of the profile that go by in one hour. The number of passages each second does not grow with it."""
    profile: Sequence[float] = DAY_PROFILE

    def at(self, elapsed_s: float) -> float:
        """Passages per second at this moment of the run."""
        hour = int(self.first_hour + elapsed_s * self.speed / SECONDS_PER_HOUR) % len(self.profile)
        return self.passages_per_day * self.profile[hour] / sum(self.profile) / SECONDS_PER_HOUR


def passages(rate: FixedRate | DayRate, kiosks: int, rng: random.Random) -> Iterator[tuple[float, int]]:
    """(seconds since the start, kiosk) of each passage, ascending, without end: a Poisson process, all gates alike.

    While the rate is 0, it looks again every second.
    """
    elapsed_s = 0.0
    while True:
        per_s = rate.at(elapsed_s)
        if per_s <= 0:
            elapsed_s += 1.0
            continue
        elapsed_s += rng.expovariate(per_s)
        yield elapsed_s, rng.randrange(kiosks)


def outages(per_hour: float, outage_s: float, kiosks: int, rng: random.Random) -> Iterator[tuple[float, int, float]]:
    """(seconds since the start, kiosk, how long in seconds) of network outages of single kiosks. None where per_hour is 0."""
    elapsed_s = 0.0
    while per_hour > 0:
        elapsed_s += rng.expovariate(per_hour / SECONDS_PER_HOUR)
        yield elapsed_s, rng.randrange(kiosks), rng.uniform(0.5 * outage_s, 1.5 * outage_s)
