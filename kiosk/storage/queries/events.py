"""The newest events that match a filter, page by page. Pseudonyms only."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kiosk.storage.queries.read_only import first_seq_since, from_unix_us, open_read_only, to_unix_us

ROWS_PER_PAGE = 50
MAX_SCANNED_ROWS = 50_000
"""Rows that one page reads at most. A page of a rare filter says where it stopped."""

# Ids have no index. The undone event lies just before its reversal, so the search downwards ends soon.
_SELECT_EVENTS = """
    SELECT seq, occurred_us, outcome, reason, direction, kind, assurance, hex(substr(pseudonym, 1, 4)), manual_reason,
        (SELECT reversal.seq FROM event AS reversal WHERE reversal.annuls = event.id),
        CASE WHEN annuls IS NOT NULL THEN (
            SELECT undone.seq FROM event AS undone
            WHERE undone.seq < event.seq AND undone.id = event.annuls ORDER BY undone.seq DESC LIMIT 1) END
    FROM event
    WHERE seq < ?1 AND seq >= ?2 AND (?3 = '' OR outcome = ?3) AND (?4 = '' OR reason = ?4)
        AND occurred_us >= ?5 AND occurred_us < ?6 ORDER BY seq DESC LIMIT ?7"""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events. An empty field matches all."""

    outcome: str = ""
    reason: str = ""
    since_at: datetime | None = None
    until_at: datetime | None = None
    before_seq: int | None = None
    """Only older ones: the next page."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event, without anything that names a person."""

    seq: int
    at: datetime
    outcome: str
    reason: str
    direction: str | None
    kind: str | None
    assurance: str | None
    pseudonym: str
    """The first 8 hex digits of the keyed pseudonym. Empty where the code named no person."""
    manual_reason: str | None = None
    """The reason that the guard chose, where they acted by hand."""
    annulled_by: int | None = None
    """The seq of the event that undid it."""
    annuls: int | None = None
    """The seq of the event that it undid."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of events, newest first."""

    events: tuple[EventRow, ...]
    next_before_seq: int | None
    """`before_seq` of the next page. None at the end."""


def find_events(database: Path | None, event_filter: EventFilter) -> EventPage:
    """The newest events that match. Raises StoreError."""
    since_at, until_at = event_filter.since_at, event_filter.until_at
    with open_read_only(database) as connection:
        bound = event_filter.before_seq or 1 + _newest_seq(connection)
        first = first_seq_since(connection, to_unix_us(since_at)) if since_at else 0
        first = max(first, bound - MAX_SCANNED_ROWS)
        rows = connection.execute(
            _SELECT_EVENTS,
            [
                bound,
                first,
                event_filter.outcome,
                event_filter.reason,
                to_unix_us(since_at) if since_at else -(2**63),
                to_unix_us(until_at) if until_at else 2**63 - 1,
                ROWS_PER_PAGE + 1,
            ],
        ).fetchall()
    events = tuple(_event_row(row) for row in rows[:ROWS_PER_PAGE])
    more = len(rows) > ROWS_PER_PAGE
    stopped = not more and first > 1 and first == bound - MAX_SCANNED_ROWS
    return EventPage(events, events[-1].seq if more else first if stopped else None)


def _event_row(row: tuple[Any, ...]) -> EventRow:
    seq, us, outcome, reason, direction, kind, assurance, pseudonym, *by_hand = row
    return EventRow(seq, from_unix_us(us), outcome, reason, direction, kind, assurance, pseudonym.lower(), *by_hand)


def _newest_seq(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT ifnull(max(seq), 0) FROM event").fetchone()[0])
