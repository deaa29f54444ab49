"""How much is kept, and what gives way, in this order: delivered history, then the details of failed readings.

An undelivered passage never gives way: when only those are left, nothing is committed any more, and the gate is out of order.
Whatever is deleted is counted in a notice.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk.storage.connection import DatabaseConnection

ROWS_PER_TRANSACTION = 500
"""Rows per transaction: the gate waits for none of them longer than that."""
TRANSACTIONS_PER_RUN = 10
MIN_ROWS_FOR_VISITS = 1000
"""The newest passages stay even under pressure: who is inside is restored from them."""


OptionalSeqRange = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """What a store may keep."""

    retention_days: int = 21
    max_rows: int = 2_000_000
    max_file_bytes: int = 2_000_000_000
    """Of the database file."""
    low_space_bytes: int = 64_000_000
    """Free space on the disk below which history gives way early."""
    min_free_bytes: int = 8_000_000
    """Free space on the disk below which nothing more is recorded: without it not even a receipt could be noted, and
    so nothing could ever be let go again."""


@dataclass(frozen=True, slots=True)
class StorageNotice:
    """Something that the store did to its records."""

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
    """One kind of thing that is to go: rows up to a number, and why."""

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
    """Which history has to go now, if any; `delivered` is the mark below which the centre has everything.

    `at` is None where the clock is not to be believed: then nothing goes by age.
    """
    oldest = int(database.execute("SELECT coalesce(min(seq), 0) FROM event").fetchone()[0])
    if not oldest or oldest > delivered_up_to_seq:
        return None
    if newest_seq - oldest + 1 > limits.max_rows:
        return PurgeOrder("purged-rows", min(delivered_up_to_seq, newest_seq - limits.max_rows))
    if at is not None:
        aged = _newest_expired_seq(database, at - timedelta(days=limits.retention_days))
        if aged >= oldest:
            return PurgeOrder("purged-age", min(delivered_up_to_seq, aged))
    pressing = min(delivered_up_to_seq, newest_seq - MIN_ROWS_FOR_VISITS)
    if pressing >= oldest and is_low_on_space(database, path, limits):
        return PurgeOrder("purged-bytes", min(pressing, oldest + ROWS_PER_TRANSACTION - 1))
    return None


def _newest_expired_seq(database: DatabaseConnection, before: datetime) -> int:
    """The newest record that is older than this, as far as one turn looks; 0 where there is none.

    Records lie in the order of time, so the first that is young enough ends it. What came before an aged one is older
    still, whatever its own clock said.
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
    """The file is at its limit, or the disk's free space below the reserve while the file has no room of its own."""
    pages, free, size = (
        int(database.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    if (pages - free) * size > limits.max_file_bytes:
        return True
    return free_disk_bytes(path) + free * size < limits.low_space_bytes


def purge_rows(database: DatabaseConnection, order: PurgeOrder, at: str) -> int:
    """Delete one chunk of history, and say so in a notice, in one transaction; how many rows went."""
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
    """Take the details out of a chunk of failed readings (result and reason stay); up to which number it came."""
    with database.transaction():
        last, first, count = database.execute(
            "SELECT max(seq), min(seq) FILTER (WHERE rich), count(*) FILTER (WHERE rich) FROM (SELECT seq, "
            "outcome <> 'pass' AND (length(sealed) OR length(pseudonym)) AS rich FROM event "
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
    """Add to the newest notice where it is of the same kind and day, else begin one."""
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
