"""Retention limits: deletes delivered events first, then the details of failed readings.

A pending event is never deleted. When only pending events are left, nothing more is committed, and the gate is out of order.
Each event counts by itself: one that is not settled holds no other back. An event in quarantine is deleted by its age alone.
A notice counts everything that is deleted.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk.storage import rows
from kiosk.storage.connection import DatabaseConnection
from kiosk.storage.delivery_state import DeliveryState
from mqtt.sequence_ranges import RangeSet

ROWS_PER_TRANSACTION = 500
"""A commit of the gate never waits for a longer transaction."""
TRANSACTIONS_PER_RUN = 10
MAX_CLOCK_ERROR = timedelta(days=1)
"""Of an event that was not recorded with an unset clock. A time further in the future is no time."""
FIRST_YEAR = "2024"
"""No kiosk ran before it: an earlier time is one of a clock that was not set."""
MIN_ROWS_FOR_VISITS = 1000
"""The newest events stay even when space is low: occupancy is restored from them."""


OptionalSeqRange = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """How much the store keeps."""

    retention_days: int = 21
    max_rows: int = 2_000_000
    max_file_bytes: int = 2_000_000_000
    """Size of the database file."""
    low_space_bytes: int = 64_000_000
    """Below this free disk space, delivered events are deleted early."""
    min_free_bytes: int = 8_000_000
    """Below this free disk space, nothing more is recorded. A receipt must still be written, or nothing could ever be deleted."""


@dataclass(frozen=True, slots=True)
class StorageNotice:
    """A deletion, a redaction or a moved file."""

    kind: str
    """`purged-age`, `purged-rows`, `purged-bytes`, `purged-quarantine`, `redacted`, `unreadable`, `rows-missing`, `new-epoch`,
    `corrupt-file-moved` or `refusals-counted`."""
    at: str
    first_seq: int | None
    last_seq: int | None
    count: int
    detail: str
    number: int
    """1, 2, 3 ... within the epoch."""


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """Delete these settled events. `kind` is the kind of the notice."""

    kind: str
    first_seq: int
    last_seq: int


def next_purge(
    database: DatabaseConnection,
    path: Path,
    limits: RetentionLimits,
    *,
    newest_seq: int,
    settled: RangeSet,
    at: datetime | None,
) -> PurgeOrder | None:
    """Which settled events are to be deleted now, if any: the oldest ones, wherever they lie among events that are not settled.

    The newest event is never deleted. `at` is None while the clock is not synchronised. Then nothing is deleted by age.
    """
    found = _oldest_settled(database, settled, newest_seq - 1)
    if found is None:
        return None
    oldest, last = found
    unsettled_before = oldest - 1 - sum(min(end, oldest - 1) - start + 1 for start, end in settled if start < oldest)
    surplus = newest_seq - oldest + 1 + unsettled_before - limits.max_rows
    if surplus > 0:
        return PurgeOrder("purged-rows", oldest, min(last, oldest + surplus - 1))
    if at is not None:
        expired = min(last, _newest_expired_seq(database, oldest, at, limits.retention_days))
        if expired >= oldest:
            return PurgeOrder("purged-age", oldest, expired)
    deletable = min(last, newest_seq - MIN_ROWS_FOR_VISITS)
    if deletable >= oldest and is_low_on_space(database, path, limits):
        return PurgeOrder("purged-bytes", oldest, deletable)
    return None


def _oldest_settled(database: DatabaseConnection, settled: RangeSet, last_seq: int) -> tuple[int, int] | None:
    """The oldest settled event that is still here, and the last one of its range. None if there is none up to `last_seq`."""
    for first, last in settled:
        end = min(last, last_seq)
        found = database.execute("SELECT min(seq) FROM event WHERE seq BETWEEN ? AND ?", [first, end]).fetchone()[0]
        if found is not None:
            return int(found), end
    return None


def _newest_expired_seq(database: DatabaseConnection, oldest_seq: int, at: datetime, days: int) -> int:
    """The last event before the first one that is young enough, within the rows of one run; 0 if there is none.

    Rows are in the order of time. A row whose clock was unset, or whose time lies in the future, is as old as its neighbours.
    """
    before_us = _unix_us(at - timedelta(days=days))
    found = database.execute(
        "SELECT seq, occurred_us FROM event WHERE seq >= ? AND clock_quality <> 'unset' AND occurred_us <= ? "
        "ORDER BY seq LIMIT ?",
        [oldest_seq, _unix_us(at + MAX_CLOCK_ERROR), ROWS_PER_TRANSACTION * TRANSACTIONS_PER_RUN],
    )
    expired = 0
    for seq, occurred_us in found:
        if occurred_us >= before_us:
            break
        expired = int(seq)
    return expired


def _unix_us(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def free_disk_bytes(path: Path) -> int:
    """Free space on the disk of this file. Raises OSError."""
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize


def is_low_on_space(database: DatabaseConnection, path: Path, limits: RetentionLimits) -> bool:
    """The file is at its limit, or the disk is low on space and the file has no free pages."""
    pages, free, size = (
        int(database.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    if (pages - free) * size > limits.max_file_bytes:
        return True
    return free_disk_bytes(path) + free * size < limits.low_space_bytes


def purge_rows(database: DatabaseConnection, order: PurgeOrder, at: str) -> int:
    """Delete at most ROWS_PER_TRANSACTION rows and write a notice, in one transaction. Returns the number of deleted rows."""
    with database.transaction():
        first, last, count = database.execute(
            "SELECT min(seq), max(seq), count(*) FROM (SELECT seq FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?)",
            [order.first_seq, order.last_seq, ROWS_PER_TRANSACTION],
        ).fetchone()
        if count:
            database.execute("DELETE FROM event WHERE seq BETWEEN ? AND ?", [first, last])
            add_notice(database, order.kind, at=at, seq_range=(first, last), count=count)
    return int(count)


def purge_quarantine(
    database: DatabaseConnection, delivery: DeliveryState, at: datetime, limits: RetentionLimits, newest_seq: int
) -> int:
    """Delete what has been in quarantine for longer than the retention, and write a notice. Returns the number of rows."""
    expired = _expired_quarantine(database, at, limits, newest_seq)
    if not expired:
        return 0

    def delete_rows() -> None:
        for seq in expired:
            database.execute("DELETE FROM event WHERE seq = ?", [seq])
        now_text = at.isoformat(timespec="seconds")
        add_notice(database, "purged-quarantine", at=now_text, seq_range=(expired[0], expired[-1]), count=len(expired))

    delivery.persist_deleted(expired, delete_rows)
    return len(expired)


def _expired_quarantine(
    database: DatabaseConnection, at: datetime, limits: RetentionLimits, newest_seq: int
) -> list[int]:
    """Events that have been in quarantine for longer than the retention: at most ROWS_PER_TRANSACTION, never the newest one.

    What was put there before the clock was set counts from now on.
    """
    now_text = at.isoformat(timespec="seconds")
    database.execute("UPDATE quarantine SET at = ? WHERE at < ? OR at > ?", [now_text, FIRST_YEAR, now_text])
    before = (at - timedelta(days=limits.retention_days)).isoformat(timespec="seconds")
    found = database.execute(
        "SELECT seq FROM quarantine WHERE at < ? AND seq BETWEEN 1 AND ? ORDER BY seq LIMIT ?",
        [before, newest_seq - 1, ROWS_PER_TRANSACTION],
    )
    return [int(seq) for (seq,) in found.fetchall()]


def redact_failures(database: DatabaseConnection, after_seq: int, up_to_seq: int, at: str) -> int:
    """Delete the sealed subject and the pseudonym of failed readings. Outcome and reason stay. Returns the last seq looked at."""
    with database.transaction():
        last, first, count = database.execute(
            "SELECT max(seq), min(seq) FILTER (WHERE has_details), count(*) FILTER (WHERE has_details) FROM (SELECT seq, "
            "outcome <> 'pass' AND (length(sealed) OR length(pseudonym)) AS has_details FROM event "
            "WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?)",
            [after_seq, up_to_seq, ROWS_PER_TRANSACTION],
        ).fetchone()
        if count:
            database.execute(
                "UPDATE event SET sealed = x'', pseudonym = x'' WHERE outcome <> 'pass' AND seq BETWEEN ? AND ?",
                [first, last],
            )
            add_notice(database, "redacted", at=at, seq_range=(first, last), count=count)
    return int(last or up_to_seq)


def add_notice(
    database: DatabaseConnection,
    kind: str,
    *,
    at: str,
    seq_range: OptionalSeqRange = (None, None),
    count: int,
    detail: str = "",
) -> None:
    """Add to the newest notice where it is of the same kind and day. Otherwise write a new one."""
    first, last = seq_range
    newest = database.execute(
        "SELECT number FROM notice WHERE number = (SELECT max(number) FROM notice) AND kind = ? AND substr(at, 1, 10) = ? "
        "AND detail = ?",
        [kind, at[:10], detail],
    ).fetchone()
    if newest is not None:
        database.execute(
            "UPDATE notice SET at = ?, last_seq = ?, count = count + ? WHERE number = ?", [at, last, count, newest[0]]
        )
        return
    database.execute(
        "INSERT INTO notice (kind, at, first_seq, last_seq, count, detail) VALUES (?, ?, ?, ?, ?, ?)",
        [kind, at, first, last, count, detail],
    )


def read_notices(database: DatabaseConnection, limit: int, before_number: int) -> list[StorageNotice]:
    """The newest notices with a lower number, newest first. Raises sqlite3.Error."""
    select = (
        "SELECT kind, at, first_seq, last_seq, count, detail, number FROM notice "
        "WHERE number < ? ORDER BY number DESC LIMIT ?"
    )
    found = rows.fetch_rows(database, select, [before_number, limit])
    return [StorageNotice(*row) for row in found if isinstance(row[-1], int)]


def purged_count(database: DatabaseConnection) -> int:
    """Number of events deleted in this epoch. Raises sqlite3.Error."""
    return int(database.execute("SELECT total(count) FROM notice WHERE kind LIKE 'purged-%'").fetchone()[0])
