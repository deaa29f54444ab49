"""What the database knows about the kiosk's availability: the availability log, passes by hour, and the last signs of life."""

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk.storage.availability_log import AvailabilityState
from kiosk.storage.queries.hourly_counts import count_by_hour, count_refusals
from kiosk.storage.queries.read_only import first_seq_since, from_unix_us, open_read_only, to_unix_us

# The entry before the first day belongs to it: it says in which state that day began.
_SELECT_RECORDS = """
    SELECT at_us, state, lists_stale, process_start FROM availability_log WHERE NOT clock_unset AND number >= (
        SELECT ifnull(max(number), 0) FROM availability_log WHERE NOT clock_unset AND at_us < ?)
    ORDER BY number"""
_SELECT_BEGINNING = """
    SELECT (SELECT min(at_us) FROM availability_log WHERE NOT clock_unset), (SELECT min(seq) FROM event),
        (SELECT occurred_us FROM event WHERE clock_quality <> 'unset' ORDER BY seq LIMIT 1)"""
MAX_REASONS = 100
"""More than there are."""
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
    outcomes: Counter[tuple[datetime, str]] = field(default_factory=Counter)
    """By hour, as in `passes`, and outcome."""
    directions: Counter[tuple[datetime, str]] = field(default_factory=Counter)
    """Passes by hour, as in `passes`, and direction."""
    refusals: tuple[tuple[str, int], ...] = ()
    """Reasons of refusals, the most frequent first."""
    installed_at: datetime | None = None
    """When this database began. None: it is not known."""
    counted_since_at: datetime | None = None
    """Older events were deleted. None: none were."""


def read_availability(database: Path, since_at: datetime, until_at: datetime | None = None) -> AvailabilityData:
    """For a report from `since_at` (a local midnight) on. `until_at` None: until now. Raises StoreError."""
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
        passes, outcomes, directions = (
            Counter[datetime](),
            Counter[tuple[datetime, str]](),
            Counter[tuple[datetime, str]](),
        )
        for hour, outcome, direction, events in count_by_hour(connection, since_at, until_at):
            begins_at = since_at.astimezone(UTC) + timedelta(hours=hour)
            outcomes[begins_at, outcome] += events
            if outcome == "pass":
                passes[begins_at] += events
                directions[begins_at, str(direction)] += events
        refusals = tuple(count_refusals(connection, since_at, until_at, MAX_REASONS))
        first_us, first_seq, first_event_us = connection.execute(_SELECT_BEGINNING).fetchone()
        starts = [record.at for record in records if record.process_start]
        last_events = {at: before for at in starts if (before := _last_event_before(connection, at))}
        newest_event_at = _last_event_before(connection, datetime.now(UTC))
    beginnings = [from_unix_us(us) for us in (first_us, first_event_us) if us is not None]
    is_pruned = first_seq is not None and first_seq > 1
    return AvailabilityData(
        records,
        passes,
        last_events,
        newest_event_at,
        outcomes,
        directions,
        refusals,
        installed_at=min(beginnings, default=None),
        counted_since_at=from_unix_us(first_event_us) if is_pruned and first_event_us is not None else None,
    )


def _last_event_before(connection: sqlite3.Connection, at: datetime) -> datetime | None:
    seq = first_seq_since(connection, to_unix_us(at))
    found = connection.execute(_SELECT_PREVIOUS_TIME, [seq]).fetchone()
    return from_unix_us(found[0]) if found else None
