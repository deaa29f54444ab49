"""A ledger in one SQLite file."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from sqlite_utils import Database

from mqtt.centre.ingest import limits
from mqtt.centre.ingest.batch import (
    IngestedMessage,
    ReceivedEvent,
    Recorded,
    StoredIds,
    StreamKey,
    StreamUpdate,
    clock_offsets,
    group_by_stream,
    update_stream,
)
from mqtt.centre.ingest.ledger import LedgerCounts, LedgerError
from mqtt.centre.ingest.sqlite_schema import migrate
from mqtt.centre.reserved_space import reserve_space
from mqtt.device_messages import HealthMessage, HealthNotice, StateMessage
from mqtt.events import AccessCloudEvent, InvalidEvent
from mqtt.topics import DeviceTopics

BUSY_TIMEOUT_S = 10.0

_INSERT_EVENT = f"INSERT INTO event VALUES ({', '.join('?' * 19)})"  # noqa: S608 - constants
_IDS_PER_QUERY = 500
_MESSAGE_ERRORS = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.NotSupportedError,
)
"""What the values of a message can cause. All others are the database's own."""


class SqliteLedger:
    """WAL, synchronous=FULL. One thread at a time. Other processes may read at the same time."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises LedgerError."""
        self._path = path
        self._in_transaction = False
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None)
            self._database = Database(connection, execute_plugins=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            migrate(self._database.conn)
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise LedgerError(f"{path}: cannot be used as the centre's database: {error}") from error
        reserve_space(path)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See Ledger."""
        with self._transaction("messages could not be stored"):
            yield

    @contextmanager
    def _transaction(self, what: str) -> Iterator[None]:
        if self._in_transaction:
            yield
            return
        connection = self._database.conn
        self._in_transaction = True
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("COMMIT")
        except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            if isinstance(error, _MESSAGE_ERRORS):
                raise
            raise LedgerError(f"{self._path}: {what}: {error}") from error
        finally:
            self._in_transaction = False
            if connection.in_transaction:
                connection.rollback()

    def record(self, messages: Sequence[IngestedMessage]) -> Recorded:
        """See Ledger."""
        recorded = Recorded()
        with self._transaction("events could not be stored"):
            for key, events in group_by_stream(messages).items():
                self._save_events(key, events, recorded)
            for message in messages:
                self._save_rejections(message.device, message.invalid, message.received_at)
        return recorded

    def _save_events(self, key: StreamKey, received: Sequence[ReceivedEvent], recorded: Recorded) -> None:
        device = self._device_number(key.device, received[-1][1])
        stream = self._stream_number(device, key.epoch)
        if stream is None:
            recorded.rejected[key] = [
                InvalidEvent(str(event.id), limits.TOO_MANY_EPOCHS, key.epoch) for event, _ in received
            ]
        else:
            update = self._update_stream(device, stream, received)
            recorded[key] = update.ranges
            if update.rejected:
                recorded.rejected[key] = update.rejected
        self._save_rejections(key.device, recorded.rejected.get(key, ()), received[-1][1])

    def _update_stream(self, device: int, stream: int, received: Sequence[ReceivedEvent]) -> StreamUpdate:
        connection = self._database.conn
        known = connection.execute(
            "SELECT first_seq, last_seq FROM seq_range WHERE stream = ? ORDER BY first_seq", [stream]
        ).fetchall()
        update = update_stream(stream, known, received, self._stored_ids(device, received))
        connection.executemany(_INSERT_EVENT, [_event_row(device, stream, event, at) for event, at in update.new])
        for boot_id, offset_s in clock_offsets(update.new).items():
            self._save_clock_offset(device, boot_id, offset_s)
        connection.execute(
            "UPDATE stream SET duplicates = duplicates + ?, conflicts = conflicts + ?, newest_seq = ? WHERE number = ?",
            [update.duplicates, update.conflicts, update.ranges.maximum, stream],
        )
        deleted, inserted = update.changed_ranges()
        connection.executemany(
            "DELETE FROM seq_range WHERE stream = ? AND first_seq = ?", [(stream, first) for first, _ in deleted]
        )
        connection.executemany(
            "INSERT INTO seq_range VALUES (?, ?, ?)", [(stream, first, last) for first, last in inserted]
        )
        return update

    def _stored_ids(self, device: int, received: Sequence[ReceivedEvent]) -> StoredIds:
        """Of the ids in `received`, those that the device's events have already."""
        found: StoredIds = {}
        for start in range(0, len(received), _IDS_PER_QUERY):
            ids = [event.id.bytes for event, _ in received[start : start + _IDS_PER_QUERY]]
            marks = ", ".join("?" * len(ids))
            rows = self._database.execute(
                f"SELECT id, stream, seq FROM event WHERE device = ? AND id IN ({marks})",  # noqa: S608 - question marks
                [device, *ids],
            )
            found |= {UUID(bytes=id_): (stream, seq) for id_, stream, seq in rows}
        return found

    def _save_clock_offset(self, device: int, boot_id: str, offset_s: float) -> None:
        saved = self._database.execute(
            "INSERT INTO boot_clock SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM boot_clock WHERE device = ?1 AND boot_id = ?2) "
            "OR (SELECT count(*) FROM boot_clock WHERE device = ?1) < ?4 "
            "ON CONFLICT DO UPDATE SET offset_s = excluded.offset_s",
            [device, boot_id, offset_s, limits.MAX_BOOTS],
        )
        if saved.rowcount == 0:
            self._count_over_limit(device, limits.TOO_MANY_BOOTS, 1)

    def _save_rejections(self, device: DeviceTopics, invalid: Sequence[InvalidEvent], at: datetime) -> None:
        for reason, times in Counter(one.reason for one in invalid if one.id is None).items():
            self.count_invalid_message(reason, times)
        reasons = {one.id: one.reason for one in invalid if one.id is not None}
        if not reasons:
            return
        number = self._device_number(device, at)
        count = self._count_rows("rejected", number)
        stored: set[str] = set()
        if count + len(reasons) > limits.MAX_REJECTED:
            stored = {row[0] for row in self._database.execute("SELECT id FROM rejected WHERE device = ?", [number])}
        kept, over = limits.split_by_room(list(reasons), stored, count, limits.MAX_REJECTED)
        self._database.conn.executemany(
            "INSERT INTO rejected (device, id, reason, at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET times = times + 1",
            [(number, id_, reasons[id_], _iso_text(at)) for id_ in kept],
        )
        for reason, times in Counter(reasons[id_] for id_ in over).items():
            self._count_over_limit(number, reason, times)

    def _count_rows(self, table: str, device: int) -> int:
        found = self._database.execute(f"SELECT count(*) FROM {table} WHERE device = ?", [device])  # noqa: S608
        return int(found.fetchone()[0])

    def _count_over_limit(self, device: int, reason: str, times: int) -> None:
        """What is not stored, because the device has too much of it."""
        self._database.execute(
            "INSERT INTO device_limit VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET times = times + excluded.times",
            [device, reason, times],
        )

    def _device_number(self, device: DeviceTopics, seen_at: datetime) -> int:
        found = self._database.execute(
            "INSERT INTO device (topic_prefix, site, device, last_seen_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET last_seen_at = excluded.last_seen_at RETURNING number",
            [device.prefix, device.site, device.device, _iso_text(seen_at)],
        ).fetchone()
        return int(found[0])

    def _stream_number(self, device: int, epoch: str) -> int | None:
        """None: the device has too many epochs."""
        find = "SELECT number FROM stream WHERE device = ? AND epoch = ?"
        found = self._database.execute(find, [device, epoch]).fetchone()
        if found is None:
            if self._count_rows("stream", device) >= limits.MAX_EPOCHS:
                return None
            self._database.execute("INSERT INTO stream (device, epoch) VALUES (?, ?)", [device, epoch])
            found = self._database.execute(find, [device, epoch]).fetchone()
        return int(found[0])

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
            self._save_notices(number, report)

    def _save_notices(self, device: int, report: HealthMessage) -> None:
        count = self._count_rows("notice", device)
        numbers = list({notice.number: notice for notice in report.notices})
        stored: set[int] = set()
        if count + len(numbers) > limits.MAX_NOTICES:
            rows = self._database.execute(
                "SELECT number FROM notice WHERE device = ? AND epoch = ?", [device, report.epoch]
            )
            stored = {int(row[0]) for row in rows}
        kept, over = limits.split_by_room(numbers, stored, count, limits.MAX_NOTICES)
        for notice in report.notices:
            if notice.number in kept:
                self._save_notice(device, report.epoch, notice)
        if over:
            self._count_over_limit(device, limits.TOO_MANY_NOTICES, len(over))

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

    def count_invalid_message(self, reason: str, times: int = 1) -> None:
        """See Ledger."""
        with self._transaction("a count could not be stored"):
            self._database.execute(
                "INSERT INTO invalid_message VALUES (?, ?) ON CONFLICT DO UPDATE SET times = times + excluded.times",
                [reason, times],
            )

    def delete_before(self, day: date) -> list[str]:
        """See Ledger."""
        with self._transaction("old events could not be deleted"):
            deleted = self._database.execute("DELETE FROM event WHERE received_at < ?", [day.isoformat()]).rowcount
        return [f"{deleted} events"] if deleted else []

    def recover(self) -> None:
        """See Ledger."""
        with self._transaction("the database cannot be written"):
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            self._database.execute(f"PRAGMA user_version = {version}")  # writes a page
        reserve_space(self._path)

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
            "SELECT total(newest_seq) - (SELECT total(last_seq - first_seq + 1) FROM seq_range) FROM stream"
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
