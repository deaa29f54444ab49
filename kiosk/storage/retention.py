"""Retention limits: deletes delivered events first, then the details of failed readings.

A pending event is never deleted. When only pending events are left, nothing more is committed, and the gate is out of order.
A notice counts everything that is deleted.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk.storage.connection import DatabaseConnection

ROWS_PER_TRANSACTION = 500
"""A commit of the gate never waits for a longer transaction."""
TRANSACTIONS_PER_RUN = 10
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
    """`purged-age`, `purged-rows`, `purged-bytes`, `redacted` or `corrupt-file-moved`."""
    at: str
    first_seq: int | None
    last_seq: int | None
    count: int
    detail: str
    number: int
    """1, 2, 3 ... within the epoch."""


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """Delete the rows up to a seq. `kind` is the kind of the notice."""

    kind: str
    up_to_seq: int


def next_purge(
    database: DatabaseConnection,
    path: Path,
    limits: RetentionLimits,
    *,
    newest_seq: int,
    delivered_up_to_seq: int,
    at: datetime | None,
) -> PurgeOrder | None:
    """Which events are to be deleted now, if any. The centre has all up to `delivered_up_to_seq`.

    `at` is None while the clock is unset. Then nothing is deleted by age.
    """
    oldest = int(database.execute("SELECT coalesce(min(seq), 0) FROM event").fetchone()[0])
    if not oldest or oldest > delivered_up_to_seq:
        return None
    if newest_seq - oldest + 1 > limits.max_rows:
        return PurgeOrder("purged-rows", min(delivered_up_to_seq, newest_seq - limits.max_rows))
    if at is not None:
        expired = _newest_expired_seq(database, at - timedelta(days=limits.retention_days))
        if expired >= oldest:
            return PurgeOrder("purged-age", min(delivered_up_to_seq, expired))
    deletable = min(delivered_up_to_seq, newest_seq - MIN_ROWS_FOR_VISITS)
    if deletable >= oldest and is_low_on_space(database, path, limits):
        return PurgeOrder("purged-bytes", min(deletable, oldest + ROWS_PER_TRANSACTION - 1))
    return None


def _newest_expired_seq(database: DatabaseConnection, before: datetime) -> int:
    """The newest event that is older than this, within the rows of one run; 0 if there is none.

    Rows are in the order of time. An event before an expired one is older still, whatever its own clock said.
    """
    micros = (before - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    found = database.execute(
        "SELECT coalesce(max(seq), 0) FROM (SELECT seq, occurred_us FROM event WHERE clock_quality <> 'unset' "
        "ORDER BY seq LIMIT ?) WHERE occurred_us < ?",
        [ROWS_PER_TRANSACTION * TRANSACTIONS_PER_RUN, micros],
    ).fetchone()
    return int(found[0])


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
            "SELECT min(seq), max(seq), count(*) FROM (SELECT seq FROM event WHERE seq <= ? ORDER BY seq LIMIT ?)",
            [order.up_to_seq, ROWS_PER_TRANSACTION],
        ).fetchone()
        if count:
            database.execute("DELETE FROM event WHERE seq <= ?", [last])
            add_notice(database, order.kind, at=at, seq_range=(first, last), count=count)
    return int(count)


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
    newest = database.execute("SELECT number, kind, at FROM notice ORDER BY number DESC LIMIT 1").fetchone()
    if newest is not None and newest[1] == kind and newest[2][:10] == at[:10]:
        database.execute(
            "UPDATE notice SET at = ?, last_seq = ?, count = count + ? WHERE number = ?", [at, last, count, newest[0]]
        )
        return
    database.execute(
        "INSERT INTO notice (kind, at, first_seq, last_seq, count, detail) VALUES (?, ?, ?, ?, ?, ?)",
        [kind, at, first, last, count, detail],
    )
