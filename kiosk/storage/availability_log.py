"""The kiosk's diary on disk: since when it served people, was out of order, or was stopped. For the inspectors' report."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.core.ports import StoreError
from kiosk.storage.database import connect

MAX_ENTRIES = 10_000
"""Entries; a quiet year has a few hundred."""


class AvailabilityState(StrEnum):
    """What people at the gate find (a value in the database: never rename one)."""

    SERVING = "serving"
    """Ready or degraded."""
    OUT_OF_ORDER = "out-of-order"
    STOPPED = "stopped"
    """Somebody stopped it in good order."""


@dataclass(frozen=True, slots=True)
class AvailabilityEntry:
    """From this moment on; until the next entry, or until the power went."""

    at: ClockReading
    state: AvailabilityState
    lists_stale: bool
    """A signed list is older than it may be."""
    process_start: bool
    """The first of a process: if the entry before it is not STOPPED, nobody knows for certain when that one ended."""


class AvailabilityLog:
    """Writes entries into the passages' database; one thread. It keeps no connection: there are few entries."""

    def __init__(self, path: Path) -> None:
        """`path` is a database whose schema is up to date."""
        self._path = path

    def append(self, entry: AvailabilityEntry) -> None:
        """Write an entry, and let the oldest go beyond the newest 10,000. Raises StoreTrouble; then nothing is written."""
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
        except sqlite3.Error as trouble:
            raise StoreError(f"{self._path}: the diary cannot be kept: {trouble}") from trouble
