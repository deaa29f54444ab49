"""The counts of the last 24 hours for the pages, kept for some seconds."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from kiosk.core.ports import StoreError
from kiosk.storage.queries.hourly_counts import HourCount, read_hourly_counts, read_refusal_reasons

HOURS = 24
TOP_REASONS = 3
CACHE_S = 5.0
"""Counts are read again after this time."""


@dataclass(frozen=True, slots=True)
class HourCounts:
    """One hour of local time."""

    start_at: datetime
    outcomes: Counter[str]


@dataclass(frozen=True, slots=True)
class DayCounts:
    """The last 24 hours with the present one, and the present calendar day."""

    hours: tuple[HourCounts, ...]
    """Oldest first."""
    today: Counter[str] = field(default_factory=Counter)
    """Since local midnight, by outcome."""
    yesterday: Counter[str] = field(default_factory=Counter)
    """The whole day before, by outcome."""
    directions: Counter[str] = field(default_factory=Counter)
    """Passes since local midnight, by direction."""
    annulled: int = 0
    """Passes since local midnight that a guard undid. No other count contains them."""
    refusals: tuple[tuple[str, int], ...] = ()
    """The most frequent reasons of refusals since local midnight, with their numbers."""


class HourlyCounts:
    """Counts of one database. Any thread."""

    def __init__(self, path: Path | None, zone: tzinfo, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`path` None: there is no database."""
        self._path = path
        self._zone = zone
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._cached: tuple[float, DayCounts | None] | None = None

    def last_day(self, now: datetime) -> DayCounts | None:
        """The last day, or None where the database cannot be read."""
        if self._path is None:
            return None
        with self._lock:
            now_s = self._monotonic()
            if self._cached is None or now_s - self._cached[0] >= CACHE_S:
                self._cached = (now_s, self._count(self._path, now))
            return self._cached[1]

    def _count(self, path: Path, now: datetime) -> DayCounts | None:
        local = now.astimezone(self._zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        first = min(
            local.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1), midnight - timedelta(days=1)
        )
        try:
            counts, annulled = read_hourly_counts(path, first, midnight)
            refusals = read_refusal_reasons(path, midnight, TOP_REASONS)
        except StoreError:
            return None
        return replace(_day_counts(counts, first, local, annulled), refusals=tuple(refusals))


def _day_counts(counts: Sequence[HourCount], first: datetime, now: datetime, annulled: int) -> DayCounts:
    """`first` is the start of the first hour. `now` is local time."""
    hours = [Counter[str]() for _ in range(int((now - first).total_seconds() // 3600) + 1)]
    today, yesterday, directions = Counter[str](), Counter[str](), Counter[str]()
    for hour, outcome, direction, events in counts:
        if not 0 <= hour < len(hours):  # recorded while the clock was ahead
            continue
        hours[hour][outcome] += events
        day = (first + timedelta(hours=hour)).date()
        if day == now.date() - timedelta(days=1):
            yesterday[outcome] += events
        elif day == now.date():
            today[outcome] += events
            if outcome == "pass" and direction:
                directions[direction] += events
    return DayCounts(
        tuple(HourCounts(first + timedelta(hours=hour), outcomes) for hour, outcomes in enumerate(hours))[-HOURS:],
        today,
        yesterday,
        directions,
        annulled,
    )
