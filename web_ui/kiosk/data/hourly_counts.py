"""What the database tells of the last day: counts by hour, outcome and direction, over a read-only connection.

Queries are short, so that no reader holds up the daemon's checkpoints, and there is no index on time to make each commit dearer:
numbers grow with time, so the first number of a span is found by halving.
"""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from urllib.parse import quote

HOURS = 24
CACHE_S = 5.0
"""How long counts are good for before they are counted again."""
BUSY_TIMEOUT_S = 0.5

_MICROSECONDS = 1_000_000
# A passage from before the clock was set (1970) would send the halving astray.
SELECT_NEXT_TIME = "SELECT occurred_us FROM event WHERE seq >= ? AND clock_quality <> 'unset' ORDER BY seq LIMIT 1"


@dataclass(frozen=True, slots=True)
class HourCounts:
    """One hour of local time."""

    start_at: datetime
    outcomes: Counter[str]


@dataclass(frozen=True, slots=True)
class DayCounts:
    """The last 24 hours, the running one included, and the present calendar day."""

    hours: tuple[HourCounts, ...]
    """Oldest first."""
    today: Counter[str] = field(default_factory=Counter)
    """Since local midnight, by outcome."""
    directions: Counter[str] = field(default_factory=Counter)
    """Passes since local midnight, by direction."""
    annulled: int = 0
    """Passes since local midnight that a guard undid; none of the counts has them."""


class HourlyCounts:
    """Counts of one database, for any thread; counted at most every few seconds."""

    def __init__(self, path: Path | None, zone: tzinfo, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`path` None: there is no database to ask."""
        self._path = path
        self._zone = zone
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._cached: tuple[float, DayCounts | None] | None = None

    def last_day(self, now: datetime) -> DayCounts | None:
        """The last day, or None where the database cannot be asked."""
        if self._path is None:
            return None
        with self._lock:
            now_s = self._monotonic()
            if self._cached is None or now_s - self._cached[0] >= CACHE_S:
                self._cached = (now_s, self._count(self._path, now))
            return self._cached[1]

    def _count(self, path: Path, now: datetime) -> DayCounts | None:
        local = now.astimezone(self._zone)
        first = local.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
        try:
            with closing(connect_read_only(path)) as database:
                rows = _by_hour(database, round(first.timestamp()))
                annulled = _annulled_count(database, local.replace(hour=0, minute=0, second=0, microsecond=0))
        except sqlite3.Error:
            return None
        hours = [Counter[str]() for _ in range(HOURS)]
        today, ways = Counter[str](), Counter[str]()
        for index, outcome, direction, count in rows:
            if not 0 <= index < HOURS:  # a clock that was ahead
                continue
            hours[index][outcome] += count
            if (first + timedelta(hours=index)).date() == local.date():
                today[outcome] += count
                if outcome == "pass" and direction:
                    ways[direction] += count
        return DayCounts(
            tuple(HourCounts(first + timedelta(hours=i), counts) for i, counts in enumerate(hours)),
            today,
            ways,
            annulled,
        )


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that can only read. Raises sqlite3.Error, also where there is no file."""
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False
    )


def first_seq_since(database: sqlite3.Connection, since_us: int) -> int:
    """The number of the first passage at or after that time (Unix microseconds); one past the newest where there is none."""
    low, high = database.execute("SELECT ifnull(min(seq), 1), ifnull(max(seq), 0) + 1 FROM event").fetchone()
    while low < high:
        middle = (low + high) // 2
        row = database.execute(SELECT_NEXT_TIME, [middle]).fetchone()
        if row is None or row[0] >= since_us:
            high = middle
        else:
            low = middle + 1
    return int(low)


def _by_hour(database: sqlite3.Connection, since: int) -> list[tuple[int, str, str | None, int]]:
    since_us = since * _MICROSECONDS
    return database.execute(
        "SELECT (occurred_us - ?1) / 3600000000, outcome, direction, count(*) FROM effective_event"
        " WHERE seq >= ?2 AND occurred_us >= ?1 GROUP BY 1, 2, 3",
        [since_us, first_seq_since(database, since_us)],
    ).fetchall()


def _annulled_count(database: sqlite3.Connection, since: datetime) -> int:
    found = database.execute(
        "SELECT count(*) FROM event WHERE annuls IS NOT NULL AND occurred_us >= ?",
        [round(since.timestamp() * _MICROSECONDS)],
    )
    return int(found.fetchone()[0])
