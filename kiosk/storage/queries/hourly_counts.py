"""Effective events by hour, outcome and direction. Events that a guard undid, and their reversals, do not count."""

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from kiosk.storage.queries.read_only import first_seq_since, open_read_only, to_unix_us

LAST_US = 253_000_000_000_000_000
"""Leaves out damaged times: datetime ends with the year 9999."""
_COUNT_BY_HOUR = """
    SELECT (occurred_us - ?1) / 3600000000, outcome, direction, count(*) FROM effective_event
    WHERE seq >= ?2 AND occurred_us >= ?1 AND occurred_us < ?3 GROUP BY 1, 2, 3"""
_COUNT_REFUSALS = """
    SELECT reason, count(*) FROM effective_event
    WHERE seq >= ?1 AND occurred_us >= ?2 AND occurred_us < ?4 AND outcome = 'fail'
    GROUP BY reason ORDER BY 2 DESC, 1 LIMIT ?3"""
_COUNT_REVERSALS = "SELECT count(*) FROM event WHERE annuls IS NOT NULL AND occurred_us >= ?"


class HourCount(NamedTuple):
    """The number of events of one outcome and direction in one hour."""

    hour: int
    """0 is the hour that begins at the asked time."""
    outcome: str
    direction: str | None
    events: int


def read_hourly_counts(database: Path, since_at: datetime, reversals_since_at: datetime) -> tuple[list[HourCount], int]:
    """The counts from `since_at` on, and the number of reversals from `reversals_since_at` on. Raises StoreError."""
    with open_read_only(database) as connection:
        reversals = connection.execute(_COUNT_REVERSALS, [to_unix_us(reversals_since_at)]).fetchone()[0]
        return count_by_hour(connection, since_at), int(reversals)


def read_refusal_reasons(database: Path, since_at: datetime, limit: int) -> list[tuple[str, int]]:
    """The most frequent reasons of refusals from `since_at` on, with their numbers, the most frequent first. Raises StoreError."""
    with open_read_only(database) as connection:
        return count_refusals(connection, since_at, None, limit)


def count_refusals(
    connection: sqlite3.Connection, since_at: datetime, until_at: datetime | None, limit: int
) -> list[tuple[str, int]]:
    """The most frequent reasons of refusals of a period, as in `read_refusal_reasons`. Raises sqlite3.Error."""
    since_us, until_us = to_unix_us(since_at), to_unix_us(until_at) if until_at else LAST_US
    values = [first_seq_since(connection, since_us), since_us, limit, until_us]
    return [(str(reason), int(count)) for reason, count in connection.execute(_COUNT_REFUSALS, values)]


def count_by_hour(
    connection: sqlite3.Connection, since_at: datetime, until_at: datetime | None = None
) -> list[HourCount]:
    """Of a period. `until_at` None: to the newest event. Raises sqlite3.Error."""
    since_us, until_us = to_unix_us(since_at), to_unix_us(until_at) if until_at else LAST_US
    found = connection.execute(_COUNT_BY_HOUR, [since_us, first_seq_since(connection, since_us), until_us])
    return [HourCount(*row) for row in found.fetchall()]
