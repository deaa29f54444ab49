"""The centre's books in SQLite: every passage once, what is missing of each device, and who was seen when."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from sqlite_utils import Database

from mqtt.centre.ingest.batch import (
    IngestedMessage,
    ReceivedEvent,
    StreamKey,
    clock_offsets,
    group_by_stream,
    update_stream,
)
from mqtt.centre.ingest.ledger_schema import migrate
from mqtt.device_messages import HealthMessage, HealthNotice, StateMessage
from mqtt.events import AccessCloudEvent
from mqtt.sequence_ranges import RangeSet
from mqtt.topics import DeviceTopics

BUSY_TIMEOUT_S = 10.0


class LedgerError(Exception):
    """The centre cannot keep its books; the text is a sentence for its operator."""


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """What the centre has, all devices together."""

    received: int
    """Passages that arrived, each time that they did."""
    distinct: int
    duplicates: int
    """Arrivals beyond the first: harmless, each passage is kept once."""
    missing: int
    """Numbers below the newest of their stream that have not come."""


class Ledger(Protocol):
    """Where a collector keeps what came. Everything raises LedgerTrouble."""

    def record(self, messages: Sequence[IngestedMessage]) -> Mapping[StreamKey, RangeSet]:
        """Commit them, each id once; returns after COMMIT what is there of every stream that was touched."""

    def save_state(self, device: DeviceTopics, report: StateMessage, at: datetime) -> None:
        """A device told its state."""

    def save_health(self, device: DeviceTopics, report: HealthMessage, at: datetime) -> None:
        """A device gave a sign of life."""

    def count_invalid_message(self, reason: str) -> None:
        """A message that held nothing readable was thrown away."""

    def delete_before(self, day: date) -> list[str]:
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
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise LedgerError(f"{path}: cannot be used as the centre's database: {error}") from error

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        migrate(self._database.conn)

    def record(self, messages: Sequence[IngestedMessage]) -> Mapping[StreamKey, RangeSet]:
        """See Ledger."""
        standing: dict[StreamKey, RangeSet] = {}
        try:
            with self._database.atomic():
                for key, events in group_by_stream(messages).items():
                    standing[key] = self._save_events(key, events)
                for arrival in messages:
                    self._save_rejections(arrival)
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: passages could not be kept: {error}") from error
        return standing

    def _save_events(self, key: StreamKey, received: Sequence[ReceivedEvent]) -> RangeSet:
        device = self._device_number(key.device, received[-1][1])
        stream = self._stream_number(device, key.epoch)
        database = self._database
        before = database.conn.total_changes
        database.conn.executemany(
            "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_event_row(device, stream, event, at) for event, at in received],
        )
        fresh = database.conn.total_changes - before
        for boot, offset_s in clock_offsets(received).items():
            self._save_clock_offset(device, boot, offset_s)
        known = database.execute("SELECT first_seq, last_seq FROM seq_range WHERE stream = ?", [stream]).fetchall()
        found = update_stream(known, received)
        database.execute(
            "UPDATE stream SET duplicates = duplicates + ?, conflicts = conflicts + ?, newest_seq = ? WHERE number = ?",
            [found.duplicates(fresh), found.conflicts(fresh), found.ranges.maximum, stream],
        )
        if found.new_seqs:
            database.execute("DELETE FROM seq_range WHERE stream = ?", [stream])
            spans = [(stream, *span) for span in found.ranges]
            database.conn.executemany("INSERT INTO seq_range VALUES (?, ?, ?)", spans)
        return found.ranges

    def _save_clock_offset(self, device: int, boot: str, offset_s: float) -> None:
        self._database.execute(
            "INSERT INTO boot_clock VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET offset_s = excluded.offset_s",
            [device, boot, offset_s],
        )

    def _save_rejections(self, message: IngestedMessage) -> None:
        for refused in message.invalid:
            if refused.id is None:
                self._count_invalid_message(refused.reason)
                continue
            self._database.execute(
                "INSERT INTO rejected (device, id, reason, at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET times = times + 1",
                [
                    self._device_number(message.device, message.received_at),
                    refused.id,
                    refused.reason,
                    _iso_text(message.received_at),
                ],
            )

    def _device_number(self, device: DeviceTopics, seen_at: datetime) -> int:
        found = self._database.execute(
            "INSERT INTO device (topic_prefix, site, device, last_seen_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET last_seen_at = excluded.last_seen_at RETURNING number",
            [device.prefix, device.site, device.device, _iso_text(seen_at)],
        ).fetchone()
        return int(found[0])

    def _stream_number(self, device: int, epoch: str) -> int:
        self._database.execute("INSERT OR IGNORE INTO stream (device, epoch) VALUES (?, ?)", [device, epoch])
        found = self._database.execute("SELECT number FROM stream WHERE device = ? AND epoch = ?", [device, epoch])
        return int(found.fetchone()[0])

    def save_state(self, branch: DeviceTopics, report: StateMessage, at: datetime) -> None:
        """See Ledger."""
        try:
            with self._database.atomic():
                device = self._device_number(branch, at)
                self._database.execute(
                    "UPDATE device SET state = ?, state_reason = ?, state_at = ?, software_version = ? WHERE number = ?",
                    [report.state, report.reason, _iso_text(at), report.software_version, device],
                )
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: a state could not be kept: {error}") from error

    def save_health(self, branch: DeviceTopics, report: HealthMessage, at: datetime) -> None:
        """See Ledger."""
        try:
            with self._database.atomic():
                device = self._device_number(branch, at)
                if report.clock_quality == "synchronised" and report.boot_id and report.monotonic_s is not None:
                    self._save_clock_offset(device, report.boot_id, report.at.timestamp() - report.monotonic_s)
                for notice in report.notices:
                    self._save_notice(device, report.epoch, notice)
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: a sign of life could not be kept: {error}") from error

    def _save_notice(self, device: int, epoch: str, notice: HealthNotice) -> None:
        """A device tells each of them again and again; one that still grows comes with a larger count."""
        self._database.execute(
            "INSERT INTO notice VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "at = excluded.at, last_seq = excluded.last_seq, count = excluded.count WHERE excluded.count > count",
            [
                device,
                epoch,
                notice.number,
                notice.kind,
                _iso_text(notice.at),
                notice.first_seq,
                notice.last_seq,
                notice.count,
                notice.detail,
            ],
        )

    def count_invalid_message(self, reason: str) -> None:
        """See Ledger."""
        try:
            self._count_invalid_message(reason)
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: a count could not be kept: {error}") from error

    def delete_before(self, day: date) -> list[str]:
        """See Ledger."""
        try:
            gone = self._database.execute("DELETE FROM event WHERE received_at < ?", [day.isoformat()]).rowcount
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: retention could not be kept: {error}") from error
        return [f"{gone} events"] if gone else []

    def _count_invalid_message(self, reason: str) -> None:
        self._database.execute(
            "INSERT INTO invalid_message VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1", [reason]
        )

    def close(self) -> None:
        """See Ledger."""
        self._database.close()


def read_counts(path: Path) -> LedgerCounts:
    """What is in a ledger's file, read beside a running centre. All zero where there is no ledger yet."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
    except sqlite3.OperationalError:
        return LedgerCounts(0, 0, 0, 0)
    try:
        distinct = int(connection.execute("SELECT count(*) FROM event").fetchone()[0])
        doubled = int(connection.execute("SELECT coalesce(sum(duplicates), 0) FROM stream").fetchone()[0])
        missing = connection.execute(
            "SELECT coalesce(sum(newest_seq), 0) - (SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM seq_range) "
            "FROM stream"
        ).fetchone()[0]
    except sqlite3.OperationalError:  # made a moment ago, its tables not yet
        return LedgerCounts(0, 0, 0, 0)
    finally:
        connection.close()
    return LedgerCounts(received=distinct + doubled, distinct=distinct, duplicates=doubled, missing=int(missing))


def _event_row(device: int, stream: int, event: AccessCloudEvent, received_at: datetime) -> tuple[object, ...]:
    data = event.data
    return (
        device,
        event.id.bytes,
        stream,
        data.seq,
        _iso_text(event.time),
        data.monotonic_s,
        data.boot_id,
        data.clock_quality,
        data.outcome,
        data.reason,
        data.direction,
        data.kind,
        data.assurance,
        data.pseudonym,
        data.sealed,
        data.code_bytes,
        _iso_text(received_at),
        data.annuls.bytes if data.annuls else None,
        data.manual_reason,
    )


def _iso_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
