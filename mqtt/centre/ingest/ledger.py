"""The centre's books in SQLite: every passage once, what is missing of each device, and who was seen when."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from sqlite_utils import Database

from mqtt.centre.ingest.batch import Arrival, Arrived, StreamKey, by_stream, clock_offsets, tally
from mqtt.centre.ingest.ledger_schema import grow
from mqtt.device_messages import Health, Notice, StateReport
from mqtt.events import PassageEvent
from mqtt.sequence_ranges import RangeSet
from mqtt.topics import Branch

BUSY_TIMEOUT_S = 10.0


class LedgerTrouble(Exception):
    """The centre cannot keep its books; the text is a sentence for its operator."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the centre has, all devices together."""

    received: int
    """Passages that arrived, each time that they did."""
    distinct: int
    doubled: int
    """Arrivals beyond the first: harmless, each passage is kept once."""
    missing: int
    """Numbers below the newest of their stream that have not come."""


class Ledger(Protocol):
    """Where a collector keeps what came. Everything raises LedgerTrouble."""

    def record(self, messages: Sequence[Arrival]) -> Mapping[StreamKey, RangeSet]:
        """Commit them, each id once; returns after COMMIT what is there of every stream that was touched."""

    def note_state(self, device: Branch, report: StateReport, at: datetime) -> None:
        """A device told its state."""

    def note_health(self, device: Branch, report: Health, at: datetime) -> None:
        """A device gave a sign of life."""

    def count_unreadable(self, reason: str) -> None:
        """A message that held nothing readable was thrown away."""

    def drop_before(self, day: date) -> list[str]:
        """Retention: delete what came before this day; in words, what went."""

    def close(self) -> None:
        """Done with it."""


class SqliteLedger:
    """A ledger in one file; WAL, synchronous=FULL. One thread at a time; other processes may read at the same time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
            self._database = Database(connection, execute_plugins=False)
            self._prepare()
        except sqlite3.Error as trouble:
            if connection is not None:
                connection.close()
            raise LedgerTrouble(f"{path}: cannot be used as the centre's database: {trouble}") from trouble

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        grow(self._database.conn)

    def record(self, messages: Sequence[Arrival]) -> Mapping[StreamKey, RangeSet]:
        """See Ledger."""
        standing: dict[StreamKey, RangeSet] = {}
        try:
            with self._database.atomic():
                for key, events in by_stream(messages).items():
                    standing[key] = self._keep(key, events)
                for arrival in messages:
                    self._keep_refused(arrival)
        except sqlite3.Error as trouble:
            raise LedgerTrouble(f"{self._path}: passages could not be kept: {trouble}") from trouble
        return standing

    def _keep(self, key: StreamKey, received: Sequence[Arrived]) -> RangeSet:
        device = self._device(key.branch, received[-1][1])
        stream = self._stream(device, key.epoch)
        database = self._database
        before = database.conn.total_changes
        database.conn.executemany(
            "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_row(device, stream, event, at) for event, at in received],
        )
        fresh = database.conn.total_changes - before
        for boot, offset_s in clock_offsets(received).items():
            self._learn_clock(device, boot, offset_s)
        known = database.execute("SELECT first_seq, last_seq FROM seq_range WHERE stream = ?", [stream]).fetchall()
        found = tally(known, received)
        database.execute(
            "UPDATE stream SET duplicates = duplicates + ?, conflicts = conflicts + ?, newest_seq = ? WHERE number = ?",
            [found.doubled(fresh), found.conflicting(fresh), found.ranges.newest, stream],
        )
        if found.added:
            database.execute("DELETE FROM seq_range WHERE stream = ?", [stream])
            spans = [(stream, *span) for span in found.ranges]
            database.conn.executemany("INSERT INTO seq_range VALUES (?, ?, ?)", spans)
        return found.ranges

    def _learn_clock(self, device: int, boot: str, offset_s: float) -> None:
        self._database.execute(
            "INSERT INTO boot_clock VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET offset_s = excluded.offset_s",
            [device, boot, offset_s],
        )

    def _keep_refused(self, message: Arrival) -> None:
        for refused in message.refused:
            if refused.id is None:
                self._count(refused.reason)
                continue
            self._database.execute(
                "INSERT INTO rejected (device, id, reason, at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET times = times + 1",
                [
                    self._device(message.branch, message.received_at),
                    refused.id,
                    refused.reason,
                    _text(message.received_at),
                ],
            )

    def _device(self, device: Branch, seen_at: datetime) -> int:
        found = self._database.execute(
            "INSERT INTO device (topic_prefix, site, device, last_seen_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET last_seen_at = excluded.last_seen_at RETURNING number",
            [device.root, device.site, device.device, _text(seen_at)],
        ).fetchone()
        return int(found[0])

    def _stream(self, device: int, epoch: str) -> int:
        self._database.execute("INSERT OR IGNORE INTO stream (device, epoch) VALUES (?, ?)", [device, epoch])
        found = self._database.execute("SELECT number FROM stream WHERE device = ? AND epoch = ?", [device, epoch])
        return int(found.fetchone()[0])

    def note_state(self, branch: Branch, report: StateReport, at: datetime) -> None:
        """See Ledger."""
        try:
            with self._database.atomic():
                device = self._device(branch, at)
                self._database.execute(
                    "UPDATE device SET state = ?, state_reason = ?, state_at = ?, software_version = ? WHERE number = ?",
                    [report.state, report.reason, _text(at), report.software, device],
                )
        except sqlite3.Error as trouble:
            raise LedgerTrouble(f"{self._path}: a state could not be kept: {trouble}") from trouble

    def note_health(self, branch: Branch, report: Health, at: datetime) -> None:
        """See Ledger."""
        try:
            with self._database.atomic():
                device = self._device(branch, at)
                if report.clock == "synchronised" and report.boot and report.monotonic_s is not None:
                    self._learn_clock(device, report.boot, report.at.timestamp() - report.monotonic_s)
                for notice in report.notices:
                    self._keep_notice(device, report.epoch, notice)
        except sqlite3.Error as trouble:
            raise LedgerTrouble(f"{self._path}: a sign of life could not be kept: {trouble}") from trouble

    def _keep_notice(self, device: int, epoch: str, notice: Notice) -> None:
        """A device tells each of them again and again; one that still grows comes with a larger count."""
        self._database.execute(
            "INSERT INTO notice VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "at = excluded.at, last_seq = excluded.last_seq, count = excluded.count WHERE excluded.count > count",
            [
                device,
                epoch,
                notice.number,
                notice.kind,
                _text(notice.at),
                notice.first_seq,
                notice.last_seq,
                notice.count,
                notice.detail,
            ],
        )

    def count_unreadable(self, reason: str) -> None:
        """See Ledger."""
        try:
            self._count(reason)
        except sqlite3.Error as trouble:
            raise LedgerTrouble(f"{self._path}: a count could not be kept: {trouble}") from trouble

    def drop_before(self, day: date) -> list[str]:
        """See Ledger."""
        try:
            gone = self._database.execute("DELETE FROM event WHERE received_at < ?", [day.isoformat()]).rowcount
        except sqlite3.Error as trouble:
            raise LedgerTrouble(f"{self._path}: retention could not be kept: {trouble}") from trouble
        return [f"{gone} events"] if gone else []

    def _count(self, reason: str) -> None:
        self._database.execute(
            "INSERT INTO invalid_message VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1", [reason]
        )

    def close(self) -> None:
        """See Ledger."""
        self._database.close()


def read_counts(path: Path) -> Counts:
    """What is in a ledger's file, read beside a running centre. All zero where there is no ledger yet."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
    except sqlite3.OperationalError:
        return Counts(0, 0, 0, 0)
    try:
        distinct = int(connection.execute("SELECT count(*) FROM event").fetchone()[0])
        doubled = int(connection.execute("SELECT coalesce(sum(duplicates), 0) FROM stream").fetchone()[0])
        missing = connection.execute(
            "SELECT coalesce(sum(newest_seq), 0) - (SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM seq_range) "
            "FROM stream"
        ).fetchone()[0]
    except sqlite3.OperationalError:  # made a moment ago, its tables not yet
        return Counts(0, 0, 0, 0)
    finally:
        connection.close()
    return Counts(received=distinct + doubled, distinct=distinct, doubled=doubled, missing=int(missing))


def _row(device: int, stream: int, event: PassageEvent, received_at: datetime) -> tuple[object, ...]:
    data = event.data
    return (
        device,
        event.id.bytes,
        stream,
        data.seq,
        _text(event.time),
        data.monotonic_s,
        data.boot,
        data.clock,
        data.result,
        data.reason,
        data.direction,
        data.kind,
        data.assurance,
        data.pseudonym,
        data.sealed,
        data.code_bytes,
        _text(received_at),
        data.annuls.bytes if data.annuls else None,
        data.grounds,
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
