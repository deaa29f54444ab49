"""The availability log: since when the kiosk served people, was out of order, or was stopped. For the availability report."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.core.ports import StoreError
from kiosk.storage.database import connect

MAX_ENTRIES = 10_000
"""A year has a few hundred."""


class AvailabilityState(StrEnum):
    """What people at the gate find. Values of the database: never rename one."""

    SERVING = "serving"
    """Ready or degraded."""
    OUT_OF_ORDER = "out-of-order"
    STOPPED = "stopped"
    """Stopped by command."""


@dataclass(frozen=True, slots=True)
class AvailabilityEntry:
    """The state from `at` on, until the next entry or until power was lost."""

    at: ClockReading
    state: AvailabilityState
    lists_stale: bool
    """A signed list is older than the policy allows."""
    process_start: bool
    """The first entry of a process. Where the entry before it is not STOPPED, its end is uncertain."""


class AvailabilityLog:
    """Writes entries into the device's database. One thread. It opens a connection for each entry, because entries are rare."""

    def __init__(self, path: Path) -> None:
        """`path` is a database with the present schema."""
        self._path = path

    def append(self, entry: AvailabilityEntry) -> None:
        """Write an entry, and delete all but the newest MAX_ENTRIES. Raises StoreError. Then nothing was written."""
        micros = round(entry.at.utc_at.timestamp() * 1_000_000)
        unset = entry.at.quality is ClockQuality.UNSET
        values = [micros, int(unset), entry.state.value, int(entry.lists_stale), int(entry.process_start)]
        try:
            with closing(connect(self._path, durable=True)) as database, database.transaction():
                added = database.execute(
                    "INSERT INTO availability_log (at_us, clock_unset, state, lists_stale, process_start) VALUES (?, ?, ?, ?, ?)",
                    values,
                ).lastrowid
                database.execute("DELETE FROM availability_log WHERE number <= ?", [(added or 0) - MAX_ENTRIES])
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: the availability log cannot be written: {error}") from error
