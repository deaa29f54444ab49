"""A read-only connection to the device's database, and the first event since a point in time.

Queries are short, so that no reader holds up the daemon's checkpoints. There is no index on time, because it would make each
commit slower. Sequence numbers grow with time, so a binary search finds the first event of a period.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from kiosk.core.ports import StoreError

BUSY_TIMEOUT_S = 0.5
UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECONDS_PER_SECOND = 1_000_000

# An event recorded before the clock was set (1970) would mislead the binary search.
_SELECT_NEXT_TIME = "SELECT occurred_us FROM event WHERE seq >= ? AND clock_quality <> 'unset' ORDER BY seq LIMIT 1"


@contextmanager
def open_read_only(path: Path | None) -> Iterator[sqlite3.Connection]:
    """A connection that can only read. Raises StoreError, also where there is no file and for errors of the queries."""
    if path is None:
        raise StoreError("there is no database")
    address = f"file:{quote(str(path))}?mode=ro{_without_daemon(path)}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False)) as connection:
            connection.text_factory = lambda text: text.decode(errors="replace")  # a damaged text is shown as it is
            yield connection
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error


def _without_daemon(path: Path) -> str:
    """A daemon that was stopped leaves no WAL. SQLite would have to make one, which a reader of the folder may not."""
    stopped = path.exists() and not path.with_name(f"{path.name}-wal").exists()
    return "&immutable=1" if stopped and not os.access(path.parent, os.W_OK) else ""


def first_seq_since(database: sqlite3.Connection, since_us: int) -> int:
    """The seq of the first event at or after that time (Unix microseconds), or one past the newest. Raises sqlite3.Error."""
    low, high = database.execute("SELECT ifnull(min(seq), 1), ifnull(max(seq), 0) + 1 FROM event").fetchone()
    while low < high:
        middle = (low + high) // 2
        row = database.execute(_SELECT_NEXT_TIME, [middle]).fetchone()
        if row is None or row[0] >= since_us:
            high = middle
        else:
            low = middle + 1
    return int(low)


def to_unix_us(at: datetime) -> int:
    """A time as the database stores it."""
    return round(at.timestamp() * MICROSECONDS_PER_SECOND)


def from_unix_us(micros: int) -> datetime:
    """A time of the database in UTC. A damaged one is 1970."""
    try:
        return datetime.fromtimestamp(micros / MICROSECONDS_PER_SECOND, tz=UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        return UNKNOWN_TIME
