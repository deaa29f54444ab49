"""Each device's counts and hours with a passage, by day of the city: what the page of a ward needs, kept in memory.

The hourly counts of a ward over 21 days are rows scattered over the whole table: reading them takes seconds in a large city.
So each day is summed up once for all devices. Days change by late records, so all are read again and again, the newest most often.
"""

import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.schema_parts import is_postgres
from web_ui.centre.data.calendar import midnight
from web_ui.centre.data.fleet import SUMS, Counts, time_text

FRESH_S = 60.0
"""Today and yesterday are read again after this time, and one older day with them."""
MAX_DAYS = 32

_HOUR_OF_DAY = {
    True: "mod(CAST(extract(hour FROM hour AT TIME ZONE 'UTC') AS integer) + {shift}, 24)",
    False: "((CAST(substr(hour, 12, 2) AS integer) + {shift}) % 24)",
}
"""The hour of the day `shift` hours east of UTC, by whether the database is PostgreSQL."""


_NOTHING = (0, 0, 0, 0)


class SiteDayCounts:
    """One day. Read-only for readers."""

    def __init__(self) -> None:
        self._positions: dict[int, int] = {}
        self._values = array("q")

    def add(self, device: int, mask: int, counts: Counts) -> None:
        """The counts of a device. `mask`: bit h is set if the hour that begins at h had a passage."""
        self._positions[device] = len(self._values)
        self._values.extend((mask, counts.passed_in, counts.passed_out, counts.refused))

    def row(self, device: int) -> Sequence[int]:
        """Hours of the day with a passage as bits, passed in, passed out, refused."""
        place = self._positions.get(device)
        return self._values[place : place + 4] if place is not None else _NOTHING

    def mask(self, device: int) -> int:
        """Hours of the day with a passage, as bits."""
        return self.row(device)[0]

    def counts(self, device: int) -> Counts:
        """Of the whole day."""
        return Counts(*self.row(device)[1:])


class DayCache:
    """The last days. Any thread."""

    def __init__(self, database: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._days: OrderedDict[date, tuple[float, SiteDayCounts]] = OrderedDict()

    def read(self, days: list[date]) -> list[SiteDayCounts]:
        """These days, from memory where they are there. Raises LedgerError."""
        with self._lock:
            known = {day: found[1] for day, found in self._days.items()}
            newest = max(self._days, default=None)
            if newest is not None and self._monotonic() - self._days[newest][0] >= 2 * FRESH_S:
                del known[newest]  # no thread refreshes
        for day in days:
            if day not in known:
                known[day] = self._load(day)
        return [known[day] for day in days]

    def refresh(self, today: date, count: int) -> bool:
        """Read a missing day. Otherwise today, yesterday and the oldest reading of the others, if their time has come.

        Returns whether a day was missing. Raises LedgerError.
        """
        days = [today - timedelta(days=ago) for ago in range(count)]
        with self._lock:
            read_s = {day: found[0] for day, found in self._days.items()}
        missing = [day for day in days if day not in read_s]
        if missing:
            self._load(missing[0])
            return True
        if self._monotonic() - read_s[today] >= FRESH_S:
            for day in (*days[:2], min(days[2:], key=lambda day: read_s[day], default=today)):
                self._load(day)
        return False

    def _load(self, day: date) -> SiteDayCounts:
        began_s = self._monotonic()
        with open_query(self._database) as query:
            found = read_day(query, day, is_postgres=is_postgres(self._database))
        with self._lock:
            self._days[day] = (began_s, found)
            self._days.move_to_end(day)
            while len(self._days) > MAX_DAYS:
                self._days.pop(min(self._days))
        return found


def read_day(query: Query, day: date, *, is_postgres: bool) -> SiteDayCounts:
    """One day of the city. Of distinct powers of two the sum is the set."""
    start = midnight(day)
    shift = (24 - start.hour) % 24
    hour_of_day = _HOUR_OF_DAY[is_postgres].format(shift=shift)
    rows = query(
        "SELECT device, "  # noqa: S608 - constants
        f"CAST(sum(DISTINCT CASE WHEN result = 'pass' THEN 1 << {hour_of_day} ELSE 0 END) AS bigint) AS mask, {SUMS} "
        "FROM hourly WHERE hour >= ? AND hour < ? GROUP BY device",
        [time_text(start), time_text(start + timedelta(days=1))],
    )
    found = SiteDayCounts()
    for row in rows:
        found.add(row["device"], row["mask"], Counts(row["passed_in"], row["passed_out"], row["refused"]))
    return found
