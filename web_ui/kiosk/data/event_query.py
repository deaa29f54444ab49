"""Events for the administrator: the newest passages that fit a filter, over a read-only connection; pseudonyms only."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from web_ui.kiosk.data.hourly_counts import connect_read_only, first_seq_since

ROWS_PER_PAGE = 50
MAX_SCANNED_ROWS = 50_000
"""Rows that one page looks at, at most; a rarer filter says where it stopped."""

# Ids have no index: the record that was undone lies just before, and the walk down the numbers ends there.
SELECT_EVENTS = """
    SELECT seq, occurred_us, outcome, reason, direction, kind, assurance, hex(substr(pseudonym, 1, 4)), manual_reason,
        (SELECT undo.seq FROM event AS undo WHERE undo.annuls = event.id),
        CASE WHEN annuls IS NOT NULL THEN (
            SELECT old.seq FROM event AS old
            WHERE old.seq < event.seq AND old.id = event.annuls ORDER BY old.seq DESC LIMIT 1) END
    FROM event"""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which passages; empty fields fit all."""

    outcome: str = ""
    reason: str = ""
    since_at: datetime | None = None
    until_at: datetime | None = None
    before_seq: int | None = None
    """Only older ones: the next page."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One passage, without anything that names a person."""

    seq: int
    at: datetime
    outcome: str
    reason: str
    direction: str | None
    kind: str | None
    assurance: str | None
    pseudonym: str
    """The first 8 hex digits of the keyed pseudonym; empty where nobody was named."""
    manual_reason: str | None = None
    """What the guard gave as his reason, where he acted by hand."""
    annulled_by: int | None = None
    """The record that undid it."""
    annuls: int | None = None
    """The record that it undid."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of events, newest first."""

    events: tuple[EventRow, ...]
    next_before_seq: int | None
    """`before_seq` of the next page; None at the end."""


def find_events(database: Path, event_filter: EventFilter) -> EventPage:
    """The newest passages that fit. Raises sqlite3.Error."""
    with closing(connect_read_only(database)) as connection:
        newest = event_filter.before_seq or 1 + _next_seq_bound(connection)
        first = first_seq_since(connection, _unix_us(event_filter.since_at)) if event_filter.since_at else 0
        first = max(first, newest - MAX_SCANNED_ROWS)
        rows = connection.execute(
            f"{SELECT_EVENTS} WHERE seq < ?1 AND seq >= ?2 AND (?3 = '' OR outcome = ?3) AND (?4 = '' OR reason = ?4)"
            " AND occurred_us >= ?5 AND occurred_us < ?6 ORDER BY seq DESC LIMIT ?7",
            [
                newest,
                first,
                event_filter.outcome,
                event_filter.reason,
                _unix_us(event_filter.since_at) if event_filter.since_at else -(2**63),
                _unix_us(event_filter.until_at) if event_filter.until_at else 2**63 - 1,
                ROWS_PER_PAGE + 1,
            ],
        ).fetchall()
    events = tuple(_event(row) for row in rows[:ROWS_PER_PAGE])
    more = len(rows) > ROWS_PER_PAGE
    stopped = not more and first > 1 and first == newest - MAX_SCANNED_ROWS
    return EventPage(events, events[-1].seq if more else first if stopped else None)


def _event(row: tuple[Any, ...]) -> EventRow:
    seq, us, outcome, reason, direction, kind, assurance, name, *by_hand = row
    at = datetime.fromtimestamp(us / 1_000_000, UTC)
    return EventRow(seq, at, outcome, reason, direction, kind, assurance, name.lower(), *by_hand)


def _next_seq_bound(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT ifnull(max(seq), 0) FROM event").fetchone()[0])


def _unix_us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
