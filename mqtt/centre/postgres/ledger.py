"""A ledger in PostgreSQL: the same guarantees as the SQLite ledger, for many devices and several centres at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime

import psycopg

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
    StreamKey,
    StreamUpdate,
    clock_offsets,
    group_by_stream,
    last_seen,
)
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.postgres import hourly, reports
from mqtt.centre.postgres.address import connection_options
from mqtt.centre.postgres.devices import KnownNumbers, StreamNumbers
from mqtt.centre.postgres.partitions import DayPartitions
from mqtt.centre.postgres.schema import migrate
from mqtt.centre.postgres.streams import copy_events, read_ranges, update_streams, write_streams
from mqtt.device_messages import HealthMessage, StateMessage
from mqtt.events import InvalidEvent
from mqtt.sequence_ranges import RangeSet
from mqtt.topics import DeviceTopics

_MESSAGE_ERROR_CLASSES = ("21", "22", "23", "54")
"""Of SQLSTATE: what the values of a message can cause. All others are the database's own."""


class PostgresLedger:
    """Several ledgers may work on one database at the same time. One thread each."""

    def __init__(self, address: str) -> None:
        """`address` is postgresql://user:password@host/name. The password is safer in ~/.pgpass. Raises LedgerError.

        Several hosts with commas are a server and its standbys: the one that can be written is used.
        """
        self._address = address
        self._locked: dict[DeviceTopics, int] | None = None
        """The devices that the open transaction has locked. None: no transaction is open."""
        self._connect()

    def _connect(self) -> None:
        try:
            self._connection = psycopg.connect(**connection_options(self._address, "entrance centre"))
            try:
                migrate(self._connection)
            except BaseException:
                self._connection.close()
                raise
        except (
            psycopg.Error,
            OSError,
        ) as error:  # OSError: psycopg waits with a selector, which needs a file descriptor
            raise LedgerError(f"the centre's PostgreSQL cannot be used: {str(error).strip()}") from error
        self._partitions = DayPartitions(self._connection)
        self._numbers = KnownNumbers(self._connection)

    @contextmanager
    def transaction(self, contents: BatchContents | None = None) -> Iterator[None]:
        """See Ledger."""
        contents = contents or BatchContents()
        with self._transaction("messages could not be stored", contents.messages, contents.last_seen()):
            yield

    @contextmanager
    def _transaction(
        self, what: str, messages: Sequence[IngestedMessage], seen: Mapping[DeviceTopics, datetime]
    ) -> Iterator[None]:
        """All centres lock the devices of a transaction first and in one order, so that there is no deadlock."""
        if self._locked is not None:
            self._lock(seen)
            yield
            return
        with _ledger_errors(what):
            self._prepare(messages, seen)
            self._locked = {}
            try:
                with self._connection.transaction():
                    self._lock(seen)
                    yield
            except BaseException:
                self._numbers.forget()
                raise
            finally:
                self._locked = None

    def _prepare(self, messages: Sequence[IngestedMessage], seen: Mapping[DeviceTopics, datetime]) -> None:
        """What new devices, streams and days need. It has transactions of its own, because it makes other centres wait."""
        self._partitions.create_for(event.id for message in messages for event in message.events)
        epochs = {StreamKey(one.device, event.data.epoch) for one in messages for event in one.events}
        if self._numbers.has_all(seen, epochs):
            return
        try:
            with self._connection.transaction():
                numbers = self._numbers.devices(seen)
                self._numbers.lock_devices([numbers[one] for one in seen], list(seen.values()))
                self._numbers.streams({key: numbers[key.device] for key in epochs})
        except BaseException:
            self._numbers.forget()
            raise

    def _lock(self, seen: Mapping[DeviceTopics, datetime]) -> None:
        assert self._locked is not None
        wanted = {device: at for device, at in seen.items() if device not in self._locked}
        if wanted:
            numbers = self._numbers.devices(wanted)
            self._numbers.lock_devices([numbers[one] for one in wanted], list(wanted.values()))
            self._locked.update(numbers)

    def record(self, messages: Sequence[IngestedMessage]) -> Recorded:
        """See Ledger."""
        seen = last_seen(messages)
        with self._transaction("events could not be stored", messages, seen):
            try:
                with self._connection.transaction():
                    return self._record(messages, seen)
            except psycopg.errors.UniqueViolation:  # an id has come again under another seq or epoch
                with self._connection.transaction():
                    return self._record(messages, seen, compare_ids=True)

    def _record(
        self, messages: Sequence[IngestedMessage], seen: Mapping[DeviceTopics, datetime], *, compare_ids: bool = False
    ) -> Recorded:
        assert self._locked is not None
        streams = group_by_stream(messages)
        recorded = Recorded()
        numbers = self._numbers.streams({key: self._locked[key.device] for key in streams})
        for key in streams.keys() - numbers.keys():
            recorded.rejected[key] = [
                InvalidEvent(str(event.id), limits.TOO_MANY_EPOCHS, key.epoch) for event, _ in streams[key]
            ]
        updates = update_streams(self._connection, streams, numbers, compare_ids=compare_ids)
        self._save_events([(numbers[key], update) for key, update in updates.items()])
        for key, update in updates.items():
            recorded[key] = update.ranges
            if update.rejected:
                recorded.rejected[key] = update.rejected
        reports.save_rejections(self._connection, batches.rejections(messages, recorded, self._locked, seen))
        reports.count_invalid(self._connection, batches.unreadable_events(messages))
        return recorded

    def _save_events(self, updates: Sequence[tuple[StreamNumbers, StreamUpdate]]) -> None:
        """The new events with all that depends on them: annulments, offsets of boots, hourly counts, ranges."""
        if not updates:
            return
        new = [(numbers, update.new) for numbers, update in updates if update.new]
        by_device: list[tuple[int, Sequence[ReceivedEvent]]] = [(numbers.device, events) for numbers, events in new]
        changed: rollup.BootOffsets = {}
        counts = rollup.BatchCounts()
        if new:
            counts = rollup.count_events(by_device, hourly.annul(self._connection, by_device))
            offsets = {
                (device, boot_id): offset_s
                for device, events in by_device
                for boot_id, offset_s in clock_offsets(events).items()
            }
            changed = hourly.save_offsets(self._connection, offsets)
            copy_events(self._connection, new)
        with self._connection.pipeline():  # none of these is read, so they wait for the server once
            hourly.count_dated(self._connection, changed)
            hourly.add_new_events(self._connection, counts, changed)
            write_streams(self._connection, [(numbers.stream, update) for numbers, update in updates])

    def save_states(self, states: Collection[ReceivedState]) -> None:
        """See Ledger."""
        with self._transaction("states could not be stored", (), last_seen(states)):
            assert self._locked is not None
            reports.save_states(self._connection, self._locked, states)

    def save_healths(self, healths: Sequence[ReceivedHealth], stated: Collection[DeviceTopics] = ()) -> None:
        """See Ledger."""
        with self._transaction("health messages could not be stored", (), last_seen(healths)):
            assert self._locked is not None
            numbers = self._locked
            reports.save_healths(self._connection, numbers, healths, stated)
            offsets = {
                (numbers[one.device], one.report.boot_id): offset_s
                for one in healths
                if (offset_s := one.report.clock_offset_s) is not None
            }
            hourly.count_dated(self._connection, hourly.save_offsets(self._connection, offsets))

    def stream_ranges(self, streams: Collection[StreamKey]) -> dict[StreamKey, RangeSet]:
        """See Ledger."""
        with _ledger_errors("streams could not be read"), self._connection.transaction():
            return read_ranges(self._connection, streams)

    def save_state(self, device: DeviceTopics, report: StateMessage, at: datetime) -> None:
        """Store the state of one device."""
        self.save_states([ReceivedState(device, report, at)])

    def save_health(self, device: DeviceTopics, report: HealthMessage, at: datetime) -> None:
        """Store the health of one device."""
        self.save_healths([ReceivedHealth(device, report, at)])

    def count_invalid_messages(self, times: Mapping[str, int]) -> None:
        """See Ledger."""
        with self._transaction("a count could not be stored", (), {}):
            reports.count_invalid(self._connection, times)

    def count_invalid_message(self, reason: str, times: int = 1) -> None:
        """Count dropped messages of one reason."""
        self.count_invalid_messages({reason: times})

    def delete_before(self, day: date) -> list[str]:
        """See Ledger."""
        with _ledger_errors("old events could not be deleted"):
            return self._partitions.drop_before(day)

    def recover(self) -> None:
        """See Ledger."""
        self._numbers.forget()
        try:
            with self._connection.transaction():
                self._connection.execute("UPDATE schema_version SET version = version")
        except (psycopg.Error, OSError):
            self._connection.close()
            self._connect()

    def close(self) -> None:
        """See Ledger."""
        self._connection.close()


@contextmanager
def _ledger_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LedgerError(f"{what}: {error.strerror or error}") from error
    except psycopg.Error as error:
        if (error.sqlstate or "")[:2] in _MESSAGE_ERROR_CLASSES:
            raise
        raise LedgerError(f"{what}: {str(error).strip()}") from error
