"""What the database knows about the kiosk's availability: the availability log, passes by hour, and the last signs of life."""

import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk.storage.availability_log import AvailabilityState
from kiosk.storage.queries.hourly_counts import count_by_hour
from kiosk.storage.queries.read_only import first_seq_since, from_unix_us, open_read_only, to_unix_us

# The entry before the first day belongs to it: it says in which state that day began.
_SELECT_RECORDS = """
    SELECT at_us, state, lists_stale, process_start FROM availability_log WHERE NOT clock_unset AND number >= (
        SELECT ifnull(max(number), 0) FROM availability_log WHERE NOT clock_unset AND at_us < ?)
    ORDER BY number"""
_SELECT_PREVIOUS_TIME = (
    "SELECT occurred_us FROM event WHERE seq < ? AND clock_quality <> 'unset' ORDER BY seq DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class AvailabilityRecord:
    """One entry of the availability log: the state from `at` on."""

    at: datetime
    serving: bool
    lists_stale: bool
    process_start: bool
    stopped: bool


@dataclass(frozen=True, slots=True)
class AvailabilityData:
    """What a report needs."""

    records: tuple[AvailabilityRecord, ...]
    """Oldest first. The first may be older than the first day."""
    passes: Counter[datetime]
    """By hour (UTC). Hours are counted from the local midnight of the first day."""
    last_events: dict[datetime, datetime]
    """For the first record of a process: the last event before it, where there is one."""
    newest_event_at: datetime | None = None


def read_availability(database: Path, since_at: datetime) -> AvailabilityData:
    """For a report from `since_at` (a local midnight) on. Raises StoreError."""
    with open_read_only(database) as connection:
        rows = connection.execute(_SELECT_RECORDS, [to_unix_us(since_at)]).fetchall()
        records = tuple(
            AvailabilityRecord(
                from_unix_us(at_us),
                state == AvailabilityState.SERVING,
                bool(lists_stale),
                bool(process_start),
                state == AvailabilityState.STOPPED,
            )
            for at_us, state, lists_stale, process_start in rows
        )
        passes = Counter[datetime]()
        for hour, outcome, _, events in count_by_hour(connection, since_at):
            if outcome == "pass":
                passes[since_at.astimezone(UTC) + timedelta(hours=hour)] += events
        starts = [record.at for record in records if record.process_start]
        last_events = {at: before for at in starts if (before := _last_event_before(connection, at))}
        newest_event_at = _last_event_before(connection, datetime.now(UTC))
    return AvailabilityData(records, passes, last_events, newest_event_at)


def _last_event_before(connection: sqlite3.Connection, at: datetime) -> datetime | None:
    seq = first_seq_since(connection, to_unix_us(at))
    found = connection.execute(_SELECT_PREVIOUS_TIME, [seq]).fetchone()
    return from_unix_us(found[0]) if found else None
