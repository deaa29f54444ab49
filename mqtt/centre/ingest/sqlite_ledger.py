"""A ledger in one SQLite file."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from sqlite_utils import Database

from mqtt.centre.ingest.batch import (
    IngestedMessage,
    ReceivedEvent,
    StreamKey,
    clock_offsets,
    group_by_stream,
    update_stream,
)
from mqtt.centre.ingest.ledger import LedgerCounts, LedgerError
from mqtt.centre.ingest.sqlite_schema import migrate
from mqtt.device_messages import HealthMessage, HealthNotice, StateMessage
from mqtt.events import AccessCloudEvent
from mqtt.sequence_ranges import RangeSet
from mqtt.topics import DeviceTopics

BUSY_TIMEOUT_S = 10.0

_INSERT_EVENT = f"INSERT OR IGNORE INTO event VALUES ({', '.join('?' * 19)})"  # noqa: S608 - constants


class SqliteLedger:
    """WAL, synchronous=FULL. One thread at a time. Other processes may read at the same time."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises LedgerError."""
        self._path = path
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
            self._database = Database(connection, execute_plugins=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            migrate(self._database.conn)
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise LedgerError(f"{path}: cannot be used as the centre's database: {error}") from error

    @contextmanager
    def _transaction(self, what: str) -> Iterator[None]:
        try:
            with self._database.atomic():
                yield
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: {what}: {error}") from error

    def record(self, messages: Sequence[IngestedMessage]) -> Mapping[StreamKey, RangeSet]:
        """See Ledger."""
        ranges_by_stream: dict[StreamKey, RangeSet] = {}
        with self._transaction("events could not be stored"):
            for key, events in group_by_stream(messages).items():
                ranges_by_stream[key] = self._save_events(key, events)
            for message in messages:
                self._save_rejections(message)
        return ranges_by_stream

    def _save_events(self, key: StreamKey, received: Sequence[ReceivedEvent]) -> RangeSet:
        device = self._device_number(key.device, received[-1][1])
        stream = self._stream_number(device, key.epoch)
        connection = self._database.conn
        before = connection.total_changes
        connection.executemany(_INSERT_EVENT, [_event_row(device, stream, event, at) for event, at in received])
        new_ids = connection.total_changes - before
        for boot_id, offset_s in clock_offsets(received).items():
            self._save_clock_offset(device, boot_id, offset_s)
        known = connection.execute("SELECT first_seq, last_seq FROM seq_range WHERE stream = ?", [stream]).fetchall()
        update = update_stream(known, received)
        connection.execute(
            "UPDATE stream SET duplicates = duplicates + ?, conflicts = conflicts + ?, newest_seq = ? WHERE number = ?",
            [update.duplicates(new_ids), update.conflicts(new_ids), update.ranges.maximum, stream],
        )
        if update.new_seqs:
            connection.execute("DELETE FROM seq_range WHERE stream = ?", [stream])
            connection.executemany(
                "INSERT INTO seq_range VALUES (?, ?, ?)", [(stream, first, last) for first, last in update.ranges]
            )
        return update.ranges

    def _save_clock_offset(self, device: int, boot_id: str, offset_s: float) -> None:
        self._database.execute(
            "INSERT INTO boot_clock VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET offset_s = excluded.offset_s",
            [device, boot_id, offset_s],
        )

    def _save_rejections(self, message: IngestedMessage) -> None:
        for invalid in message.invalid:
            if invalid.id is None:
                self._count_invalid_message(invalid.reason)
                continue
            device = self._device_number(message.device, message.received_at)
            self._database.execute(
                "INSERT INTO rejected (device, id, reason, at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET times = times + 1",
                [device, invalid.id, invalid.reason, _iso_text(message.received_at)],
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

    def save_state(self, device: DeviceTopics, report: StateMessage, at: datetime) -> None:
        """See Ledger."""
        with self._transaction("a state could not be stored"):
            self._database.execute(
                "UPDATE device SET state = ?, state_reason = ?, state_at = ?, software_version = ? WHERE number = ?",
                [report.state, report.reason, _iso_text(at), report.software_version, self._device_number(device, at)],
            )

    def save_health(self, device: DeviceTopics, report: HealthMessage, at: datetime) -> None:
        """See Ledger."""
        with self._transaction("a health message could not be stored"):
            number = self._device_number(device, at)
            if report.clock_quality == "synchronised" and report.boot_id and report.monotonic_s is not None:
                self._save_clock_offset(number, report.boot_id, report.at.timestamp() - report.monotonic_s)
            for notice in report.notices:
                self._save_notice(number, report.epoch, notice)

    def _save_notice(self, device: int, epoch: str, notice: HealthNotice) -> None:
        """A device sends each notice many times. One that still grows comes with a larger count."""
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
        with self._transaction("a count could not be stored"):
            self._count_invalid_message(reason)

    def _count_invalid_message(self, reason: str) -> None:
        self._database.execute(
            "INSERT INTO invalid_message VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1", [reason]
        )

    def delete_before(self, day: date) -> list[str]:
        """See Ledger."""
        with self._transaction("old events could not be deleted"):
            deleted = self._database.execute("DELETE FROM event WHERE received_at < ?", [day.isoformat()]).rowcount
        return [f"{deleted} events"] if deleted else []

    def close(self) -> None:
        """See Ledger."""
        self._database.close()


def read_counts(path: Path) -> LedgerCounts:
    """What a ledger's file contains, read beside a running centre. All zero where there is no ledger yet."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
    except sqlite3.OperationalError:
        return LedgerCounts(0, 0, 0, 0)
    try:
        distinct = int(connection.execute("SELECT count(*) FROM event").fetchone()[0])
        duplicates = int(connection.execute("SELECT coalesce(sum(duplicates), 0) FROM stream").fetchone()[0])
        missing = connection.execute(
            "SELECT coalesce(sum(newest_seq), 0) - (SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM seq_range) "
            "FROM stream"
        ).fetchone()[0]
    except sqlite3.OperationalError:  # the file is new and has no tables yet
        return LedgerCounts(0, 0, 0, 0)
    finally:
        connection.close()
    return LedgerCounts(received=distinct + duplicates, distinct=distinct, duplicates=duplicates, missing=int(missing))


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
