"""A ledger in one SQLite file."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from sqlite_utils import Database

from mqtt.centre import rollup
from mqtt.centre.ingest import batch as batches
from mqtt.centre.ingest import limits
from mqtt.centre.ingest.batch import (
    BatchContents,
    IngestedMessage,
    ReceivedEvent,
    ReceivedHealth,
    ReceivedState,
    Recorded,
    StoredIds,
    StreamKey,
    StreamUpdate,
    clock_offsets,
    group_by_stream,
    last_seen,
    update_stream,
)
from mqtt.centre.ingest.ledger import LedgerCounts
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.sqlite import hourly, reports
from mqtt.centre.sqlite.reserved_space import reserve_space
from mqtt.centre.sqlite.schema import migrate
from mqtt.centre.sqlite.values import EVENT_COLUMNS, event_row, iso_text
from mqtt.device_messages import HealthMessage, StateMessage
from mqtt.events import InvalidEvent
from mqtt.sequence_ranges import Range, RangeSet
from mqtt.topics import DeviceTopics

BUSY_TIMEOUT_S = 10.0
MAX_KNOWN = 50_000
"""Devices, and streams, whose numbers are kept in memory. Beyond this, all are forgotten and read again."""

_INSERT_EVENT = f"INSERT INTO event VALUES ({', '.join('?' * EVENT_COLUMNS)})"  # noqa: S608 - constants
_UPSERT_DEVICE = (
    "INSERT INTO device (topic_prefix, site, device, last_seen_at) VALUES (?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET last_seen_at = max(last_seen_at, excluded.last_seen_at) RETURNING number"
)
_DELETE_ANNULMENTS = (
    "DELETE FROM annulment WHERE NOT EXISTS "
    "(SELECT 1 FROM event WHERE event.device = annulment.device AND event.annuls = annulment.id)"
)
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
        self._devices: dict[DeviceTopics, int] = {}
        self._streams: dict[StreamKey, int] = {}
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
    def transaction(self, contents: BatchContents | None = None) -> Iterator[None]:  # noqa: ARG002 - one process writes: nothing is locked
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
                self._forget_numbers()

    def _forget_numbers(self) -> None:
        """After a rollback, which may have removed some of their rows."""
        self._devices.clear()
        self._streams.clear()

    def record(self, messages: Sequence[IngestedMessage]) -> Recorded:
        """See Ledger."""
        recorded = Recorded()
        with self._transaction("events could not be stored"):
            connection, seen = self._database.conn, last_seen(messages)
            numbers = self._see_devices(seen)
            self._save_events(group_by_stream(messages), numbers, recorded)
            reports.save_rejections(connection, batches.rejections(messages, recorded, numbers, seen))
            reports.count_invalid(connection, batches.unreadable_events(messages))
        return recorded

    def _save_events(
        self,
        streams: Mapping[StreamKey, Sequence[ReceivedEvent]],
        numbers: Mapping[DeviceTopics, int],
        recorded: Recorded,
    ) -> None:
        """The new events with all that depends on them: annulments, offsets of boots, hourly counts, ranges."""
        updates: list[tuple[int, int, StreamUpdate]] = []
        stored: dict[int, StoredIds] = {}
        for key, received in streams.items():
            device = numbers[key.device]
            stream = self._stream_number(key, device)
            if stream is None:
                recorded.rejected[key] = [
                    InvalidEvent(str(event.id), limits.TOO_MANY_EPOCHS, key.epoch) for event, _ in received
                ]
                continue
            ids = stored.setdefault(device, {})
            ids.update(self._stored_ids(device, received))
            update = update_stream(stream, self._known_ranges(stream), received, ids)
            updates.append((device, stream, update))
            recorded[key] = update.ranges
            if update.rejected:
                recorded.rejected[key] = update.rejected
        self._insert_events(updates)
        self._write_streams(updates)

    def _insert_events(self, updates: Sequence[tuple[int, int, StreamUpdate]]) -> None:
        connection = self._database.conn
        new = [(device, update.new) for device, _, update in updates if update.new]
        annulled = hourly.annul(connection, new)
        offsets = {
            (device, boot_id): offset_s for device, events in new for boot_id, offset_s in clock_offsets(events).items()
        }
        changed = hourly.save_offsets(connection, offsets)
        connection.executemany(
            _INSERT_EVENT,
            [event_row(device, stream, event, at) for device, stream, update in updates for event, at in update.new],
        )
        hourly.count_dated(connection, changed)
        hourly.add_new_events(connection, rollup.count_events(new, annulled), changed)

    def _write_streams(self, updates: Sequence[tuple[int, int, StreamUpdate]]) -> None:
        connection = self._database.conn
        connection.executemany(
            "UPDATE stream SET duplicates = duplicates + ?, conflicts = conflicts + ?, newest_seq = ? WHERE number = ?",
            [(one.duplicates, one.conflicts, one.ranges.maximum, stream) for _, stream, one in updates],
        )
        deleted, inserted = [], []
        for _, stream, one in updates:
            gone, added = one.changed_ranges()
            deleted += [(stream, first) for first, _ in gone]
            inserted += [(stream, first, last) for first, last in added]
        connection.executemany("DELETE FROM seq_range WHERE stream = ? AND first_seq = ?", deleted)
        connection.executemany("INSERT INTO seq_range VALUES (?, ?, ?)", inserted)

    def _known_ranges(self, stream: int) -> list[Range]:
        return self._database.conn.execute(
            "SELECT first_seq, last_seq FROM seq_range WHERE stream = ? ORDER BY first_seq", [stream]
        ).fetchall()

    def _stored_ids(self, device: int, received: Sequence[ReceivedEvent]) -> StoredIds:
        """Of the ids in `received`, those that the device's events have already."""
        connection = self._database.conn
        find = "SELECT stream, seq FROM event WHERE device = ? AND id = ?"
        found = {event.id: connection.execute(find, [device, event.id.bytes]).fetchone() for event, _ in received}
        return {id_: row for id_, row in found.items() if row is not None}

    def _see_devices(self, seen: Mapping[DeviceTopics, datetime]) -> dict[DeviceTopics, int]:
        """The numbers of these devices. New ones get a row."""
        connection = self._database.conn
        known = {device: self._devices[device] for device in seen if device in self._devices}
        connection.executemany(
            "UPDATE device SET last_seen_at = max(last_seen_at, ?) WHERE number = ?",
            [(iso_text(seen[device]), number) for device, number in known.items()],
        )
        found = {}
        for device in seen.keys() - known.keys():
            row = connection.execute(
                _UPSERT_DEVICE, [device.prefix, device.site, device.device, iso_text(seen[device])]
            )
            found[device] = int(row.fetchone()[0])
        if len(self._devices) + len(found) > MAX_KNOWN:
            self._devices.clear()
        self._devices.update(found)
        return known | found

    def _stream_number(self, key: StreamKey, device: int) -> int | None:
        """None: the device has too many epochs."""
        known = self._streams.get(key)
        if known is not None:
            return known
        connection = self._database.conn
        find = "SELECT number FROM stream WHERE device = ? AND epoch = ?"
        found = connection.execute(find, [device, key.epoch]).fetchone()
        if found is None:
            if reports.count_rows(connection, "stream", [(device,)])[device] >= limits.MAX_EPOCHS:
                return None
            connection.execute("INSERT INTO stream (device, epoch) VALUES (?, ?)", [device, key.epoch])
            found = connection.execute(find, [device, key.epoch]).fetchone()
        if len(self._streams) >= MAX_KNOWN:
            self._streams.clear()
        self._streams[key] = int(found[0])
        return self._streams[key]

    def save_states(self, states: Collection[ReceivedState]) -> None:
        """See Ledger."""
        with self._transaction("states could not be stored"):
            reports.save_states(self._database.conn, self._see_devices(last_seen(states)), states)

    def save_healths(self, healths: Sequence[ReceivedHealth], stated: Collection[DeviceTopics] = ()) -> None:
        """See Ledger."""
        with self._transaction("health messages could not be stored"):
            connection, numbers = self._database.conn, self._see_devices(last_seen(healths))
            reports.save_healths(connection, numbers, healths, stated)
            offsets = {
                (numbers[one.device], one.report.boot_id): offset_s
                for one in healths
                if (offset_s := one.report.clock_offset_s) is not None
            }
            hourly.count_dated(connection, hourly.save_offsets(connection, offsets))

    def stream_ranges(self, streams: Collection[StreamKey]) -> dict[StreamKey, RangeSet]:
        """See Ledger."""
        find = (
            "SELECT r.first_seq, r.last_seq FROM device AS d JOIN stream AS s ON s.device = d.number "
            "JOIN seq_range AS r ON r.stream = s.number "
            "WHERE d.topic_prefix = ? AND d.site = ? AND d.device = ? AND s.epoch = ? ORDER BY r.first_seq"
        )
        with self._transaction("streams could not be read"):
            return {
                key: RangeSet(
                    self._database.execute(find, [key.device.prefix, key.device.site, key.device.device, key.epoch])
                )
                for key in streams
            }

    def save_state(self, device: DeviceTopics, report: StateMessage, at: datetime) -> None:
        """Store the state of one device."""
        self.save_states([ReceivedState(device, report, at)])

    def save_health(self, device: DeviceTopics, report: HealthMessage, at: datetime) -> None:
        """Store the health of one device."""
        self.save_healths([ReceivedHealth(device, report, at)])

    def count_invalid_messages(self, times: Mapping[str, int]) -> None:
        """See Ledger."""
        with self._transaction("a count could not be stored"):
            reports.count_invalid(self._database.conn, times)

    def count_invalid_message(self, reason: str, times: int = 1) -> None:
        """Count dropped messages of one reason."""
        self.count_invalid_messages({reason: times})

    def delete_before(self, day: date) -> list[str]:
        """See Ledger."""
        with self._transaction("old events could not be deleted"):
            deleted = self._database.execute("DELETE FROM event WHERE received_at < ?", [day.isoformat()]).rowcount
            self._database.execute(_DELETE_ANNULMENTS)
        return [f"{deleted} events"] if deleted else []

    def recover(self) -> None:
        """See Ledger."""
        self._forget_numbers()
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
