"""Events for the administrator: the newest passages that fit a filter, over a read-only connection; pseudonyms only."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from web_ui.kiosk.data.hourly_counts import connect, first_seq_since

PAGE_ROWS = 50
MAX_SCANNED = 50_000
"""Rows that one page looks at, at most; a rarer filter says where it stopped."""

# Ids have no index: the record that was undone lies just before, and the walk down the numbers ends there.
ROWS = """
    SELECT seq, occurred_us, outcome, reason, direction, kind, assurance, hex(substr(pseudonym, 1, 4)), manual_reason,
        (SELECT undo.seq FROM event AS undo WHERE undo.annuls = event.id),
        CASE WHEN annuls IS NOT NULL THEN (
            SELECT old.seq FROM event AS old
            WHERE old.seq < event.seq AND old.id = event.annuls ORDER BY old.seq DESC LIMIT 1) END
    FROM event"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which passages; empty fields fit all."""

    outcome: str = ""
    reason: str = ""
    since_at: datetime | None = None
    until_at: datetime | None = None
    before_seq: int | None = None
    """Only older ones: the next page."""


@dataclass(frozen=True, slots=True)
class Event:
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
    grounds: str | None = None
    """What the guard gave as his reason, where he acted by hand."""
    annulled_by: int | None = None
    """The record that undid it."""
    annuls: int | None = None
    """The record that it undid."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of events, newest first."""

    events: tuple[Event, ...]
    next_before: int | None
    """`before_seq` of the next page; None at the end."""


def find(database: Path, event_filter: Filter) -> Page:
    """The newest passages that fit. Raises sqlite3.Error."""
    with closing(connect(database)) as connection:
        newest = event_filter.before_seq or 1 + _newest(connection)
        first = first_seq_since(connection, _us(event_filter.since_at)) if event_filter.since_at else 0
        first = max(first, newest - MAX_SCANNED)
        rows = connection.execute(
            f"{ROWS} WHERE seq < ?1 AND seq >= ?2 AND (?3 = '' OR outcome = ?3) AND (?4 = '' OR reason = ?4)"
            " AND occurred_us >= ?5 AND occurred_us < ?6 ORDER BY seq DESC LIMIT ?7",
            [
                newest,
                first,
                event_filter.outcome,
                event_filter.reason,
                _us(event_filter.since_at) if event_filter.since_at else -(2**63),
                _us(event_filter.until_at) if event_filter.until_at else 2**63 - 1,
                PAGE_ROWS + 1,
            ],
        ).fetchall()
    events = tuple(_event(row) for row in rows[:PAGE_ROWS])
    more = len(rows) > PAGE_ROWS
    stopped = not more and first > 1 and first == newest - MAX_SCANNED
    return Page(events, events[-1].seq if more else first if stopped else None)


def _event(row: tuple[Any, ...]) -> Event:
    seq, us, outcome, reason, direction, kind, assurance, name, *by_hand = row
    at = datetime.fromtimestamp(us / 1_000_000, UTC)
    return Event(seq, at, outcome, reason, direction, kind, assurance, name.lower(), *by_hand)


def _newest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT ifnull(max(seq), 0) FROM event").fetchone()[0])


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)
