"""What the database knows for the inspectors' report, over a read-only connection."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from web_ui.kiosk.data.availability_report import AvailabilityData, AvailabilityRecord
from web_ui.kiosk.data.hourly_counts import connect_read_only, first_seq_since

_MICROSECONDS = 1_000_000
_HOUR_US = 3600 * _MICROSECONDS


def read_availability(database: Path, since: datetime) -> AvailabilityData:
    """What is needed for a report from `since` (a local midnight) on. Raises sqlite3.Error."""
    since_us = round(since.timestamp()) * _MICROSECONDS
    with closing(connect_read_only(database)) as connection:
        told = connection.execute(
            "SELECT at_us, state, lists_stale, process_start FROM availability_log WHERE NOT clock_unset AND number >= "
            "(SELECT ifnull(max(number), 0) FROM availability_log WHERE NOT clock_unset AND at_us < ?) ORDER BY number",
            [since_us],
        ).fetchall()
        lines = tuple(
            AvailabilityRecord(
                _from_unix_us(at_us), condition == "serving", bool(stale), bool(first), condition == "stopped"
            )
            for at_us, condition, stale, first in told
        )
        passes = connection.execute(
            "SELECT (occurred_us - ?1) / 3600000000, count(*) FROM effective_event"
            " WHERE seq >= ?2 AND occurred_us >= ?1 AND outcome = 'pass' GROUP BY 1",
            [since_us, first_seq_since(connection, since_us)],
        ).fetchall()
        signs = {line.at: _last_event_before(connection, line.at) for line in lines if line.process_start}
        newest = _last_event_before(connection, datetime.now(UTC))
    hourly = Counter({_from_unix_us(since_us + hour * _HOUR_US): count for hour, count in passes})
    return AvailabilityData(lines, hourly, {at: sign for at, sign in signs.items() if sign}, newest)


def _from_unix_us(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / _MICROSECONDS, tz=UTC)


def _last_event_before(connection: sqlite3.Connection, before: datetime) -> datetime | None:
    """When the last passage before that moment was recorded."""
    seq = first_seq_since(connection, round(before.timestamp() * _MICROSECONDS))
    found = connection.execute(
        "SELECT occurred_us FROM event WHERE seq < ? AND clock_quality <> 'unset' ORDER BY seq DESC LIMIT 1", [seq]
    ).fetchone()
    return _from_unix_us(found[0]) if found else None
