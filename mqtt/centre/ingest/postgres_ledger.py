"""A ledger in PostgreSQL: the same guarantees as the SQLite ledger, for many devices and several centres at once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from operator import itemgetter
from typing import Any, NamedTuple

import psycopg

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
from mqtt.centre.ingest.ledger import LedgerError
from mqtt.centre.ingest.postgres_partitions import DayPartitions
from mqtt.centre.ingest.postgres_rows import COPY_COLUMNS, COPY_HEADER, COPY_TRAILER, event_date, pack_rows
from mqtt.centre.ingest.postgres_schema import migrate
from mqtt.device_messages import HealthMessage, StateMessage
from mqtt.events import InvalidEvent
from mqtt.sequence_ranges import Range
from mqtt.topics import DeviceTopics

INCOMING_TABLE = "incoming_event"
"""A temporary table, empty between transactions. Events go through it where some of them may be duplicates."""

_INSERT_NEW_EVENTS = (
    f"INSERT INTO event ({COPY_COLUMNS}) SELECT {COPY_COLUMNS} FROM {INCOMING_TABLE} ON CONFLICT DO NOTHING"  # noqa: S608 - constants
)
_UPSERT_DEVICE = """
INSERT INTO device (topic_prefix, site, device, last_seen_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (topic_prefix, site, device)
DO UPDATE SET last_seen_at = greatest(device.last_seen_at, excluded.last_seen_at) RETURNING number
"""
_UPSERT_STREAM = f"""
WITH seen AS ({_UPSERT_DEVICE})
INSERT INTO stream (device, epoch) SELECT number, %s FROM seen
WHERE EXISTS (SELECT 1 FROM stream WHERE stream.device = seen.number AND stream.epoch = %s)
OR (SELECT count(*) FROM stream WHERE stream.device = seen.number) < {limits.MAX_EPOCHS}
ON CONFLICT (device, epoch) DO UPDATE SET epoch = excluded.epoch RETURNING device, number
"""  # noqa: S608 - constants
_UPSERT_CLOCK_OFFSET = f"""
INSERT INTO boot_clock SELECT %(device)s, %(boot)s, %(offset)s
WHERE EXISTS (SELECT 1 FROM boot_clock WHERE device = %(device)s AND boot_id = %(boot)s)
OR (SELECT count(*) FROM boot_clock WHERE device = %(device)s) < {limits.MAX_BOOTS}
ON CONFLICT (device, boot_id) DO UPDATE SET offset_s = excluded.offset_s
"""  # noqa: S608 - constants
_UPSERT_NOTICE = (
    "INSERT INTO notice VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (device, epoch, number) DO UPDATE "
    "SET at = excluded.at, last_seq = excluded.last_seq, count = excluded.count WHERE excluded.count > notice.count"
)


CONNECT_TIMEOUT_S = 10
_MESSAGE_ERROR_CLASSES = ("21", "22", "23", "54")
"""Of SQLSTATE: what the values of a message can cause. All others are the database's own."""


class _KnownEventsError(Exception):
    """Some events have known seqs, so their ids must be compared."""


class _StreamNumbers(NamedTuple):
    device: int
    stream: int


class PostgresLedger:
    """Several ledgers may work on one database at the same time. One thread each."""

    def __init__(self, address: str) -> None:
        """`address` is postgresql://user:password@host/name. The password is safer in ~/.pgpass. Raises LedgerError."""
        self._address = address
        self._in_transaction = False
        self._connect()

    def _connect(self) -> None:
        try:
            self._connection = psycopg.connect(
                self._address, application_name="entrance centre", connect_timeout=CONNECT_TIMEOUT_S
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise
        except psycopg.Error as error:
            raise LedgerError(f"the centre's PostgreSQL cannot be used: {str(error).strip()}") from error
        self._partitions = DayPartitions(self._connection)

    def _prepare(self) -> None:
        migrate(self._connection)
        with self._connection.transaction():
            self._connection.execute(f"CREATE TEMPORARY TABLE {INCOMING_TABLE} (LIKE event) ON COMMIT DELETE ROWS")

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
        self._in_transaction = True
        try:
            with _ledger_errors(what), self._connection.transaction():
                yield
        finally:
            self._in_transaction = False

    def record(self, messages: Sequence[IngestedMessage]) -> Recorded:
        """See Ledger."""
        with _ledger_errors("events could not be stored"):
            if not self._in_transaction:  # this locks the table, so it has a transaction of its own
                self._partitions.create_for(event.id for message in messages for event in message.events)
            try:
                with self._connection.transaction():
                    return self._record(messages)
            except (psycopg.errors.UniqueViolation, _KnownEventsError):
                # Known seqs or known ids: sent again, or two databases have one device name.
                with self._connection.transaction():
                    return self._record(messages, compare_ids=True)

    def _record(self, messages: Sequence[IngestedMessage], *, compare_ids: bool = False) -> Recorded:
        """Where all seqs are new, nearly always all ids are new too. Then the events are copied without comparing ids."""
        streams = group_by_stream(messages)
        recorded = Recorded()
        numbers = self._lock_streams(streams, recorded)
        known = self._known_ranges([each.stream for each in numbers.values()])
        stored = self._stored_ids(numbers, streams) if compare_ids else {}
        updates: dict[StreamKey, StreamUpdate] = {}
        for key, own in numbers.items():
            ids = stored.setdefault(own.device, {})
            updates[key] = update_stream(own.stream, known.get(own.stream, ()), streams[key], ids)
            if not compare_ids and (updates[key].duplicates or updates[key].conflicts):
                raise _KnownEventsError
        self._copy_events(INCOMING_TABLE if compare_ids else "event", numbers, updates)
        if compare_ids:
            self._connection.execute(_INSERT_NEW_EVENTS)
        with self._connection.pipeline():
            self._update_streams([(numbers[key].stream, one) for key, one in updates.items()])
            for key, update in updates.items():
                for boot_id, offset_s in clock_offsets(update.new).items():
                    self._save_clock_offset(numbers[key].device, boot_id, offset_s)
        for key, update in updates.items():
            recorded[key] = update.ranges
            if update.rejected:
                recorded.rejected[key] = update.rejected
        self._save_all_rejections(messages, streams, recorded)
        return recorded

    def _lock_streams(
        self, streams: Mapping[StreamKey, Sequence[ReceivedEvent]], recorded: Recorded
    ) -> dict[StreamKey, _StreamNumbers]:
        """The streams stay locked until the end of the transaction, so that no other centre counts at the same time.

        Epochs over the limit are left out, and their events are rejected.
        """
        queries = []
        with self._connection.pipeline():
            # All centres lock in one order, so that there is no deadlock.
            for key in sorted(streams, key=lambda key: (key.device, key.epoch)):
                device, seen_at = key.device, streams[key][-1][1]
                values = (device.prefix, device.site, device.device, seen_at, key.epoch, key.epoch)
                queries.append((key, self._connection.execute(_UPSERT_STREAM, values)))
        numbers = {}
        for key, query in queries:
            found = query.fetchall()
            if found:
                numbers[key] = _StreamNumbers(*found[0])
            else:
                recorded.rejected[key] = [
                    InvalidEvent(str(event.id), limits.TOO_MANY_EPOCHS, key.epoch) for event, _ in streams[key]
                ]
        return numbers

    def _known_ranges(self, streams: Sequence[int]) -> Mapping[int, Sequence[Range]]:
        """By stream. A query after the lock sees what the previous owner of the lock committed."""
        found = self._connection.execute(
            "SELECT stream, first_seq, last_seq FROM seq_range WHERE stream = ANY (%s) ORDER BY stream, first_seq",
            [streams],
        )
        known: dict[int, list[Range]] = {}
        for stream, first, last in found:
            known.setdefault(stream, []).append((first, last))
        return known

    def _stored_ids(
        self, numbers: Mapping[StreamKey, _StreamNumbers], streams: Mapping[StreamKey, Sequence[ReceivedEvent]]
    ) -> dict[int, StoredIds]:
        """By device: those ids of the batch that its events have already."""
        stored: dict[int, StoredIds] = {}
        for key, own in numbers.items():
            ids = [event.id for event, _ in streams[key]]
            days = sorted({event_date(each) for each in ids})
            found = self._connection.execute(
                "SELECT id, stream, seq FROM event WHERE device = %s AND id = ANY (%s) AND day = ANY (%s)",
                [own.device, ids, days],
            )
            stored.setdefault(own.device, {}).update({id_: (stream, seq) for id_, stream, seq in found})
        return stored

    def _copy_events(
        self, table: str, numbers: Mapping[StreamKey, _StreamNumbers], updates: Mapping[StreamKey, StreamUpdate]
    ) -> None:
        rows = [b"".join(pack_rows(*numbers[key], update.new)) for key, update in updates.items() if update.new]
        if not rows:
            return
        with self._connection.cursor().copy(f"COPY {table} ({COPY_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(COPY_HEADER)
            for each in rows:
                copy.write(each)
            copy.write(COPY_TRAILER)

    def _update_streams(self, updates: Sequence[tuple[int, StreamUpdate]]) -> None:
        """Only what changed is written. All centres change the streams in the order in which they locked them."""
        cursor = self._connection.cursor()
        cursor.executemany(
            "UPDATE stream SET duplicates = duplicates + %s, conflicts = conflicts + %s, newest_seq = %s WHERE number = %s",
            [(one.duplicates, one.conflicts, one.ranges.maximum, stream) for stream, one in updates],
        )
        deleted, inserted = [], []
        for stream, one in updates:
            gone, added = one.changed_ranges()
            deleted += [(stream, first) for first, _ in gone]
            inserted += [(stream, first, last) for first, last in added]
        if deleted:
            self._connection.execute(
                "DELETE FROM seq_range USING unnest(%s::int[], %s::bigint[]) AS gone (stream, first_seq) "
                "WHERE seq_range.stream = gone.stream AND seq_range.first_seq = gone.first_seq",
                [[stream for stream, _ in deleted], [first for _, first in deleted]],
            )
        if inserted:
            self._connection.execute(
                "INSERT INTO seq_range SELECT * FROM unnest(%s::int[], %s::bigint[], %s::bigint[])",
                [list(column) for column in zip(*inserted, strict=True)],
            )

    def _device_number(self, device: DeviceTopics, seen_at: datetime) -> int:
        values = [device.prefix, device.site, device.device, seen_at]
        found = self._connection.execute(_UPSERT_DEVICE, values).fetchone()
        assert found is not None
        return int(found[0])

    def _save_clock_offset(self, device: int, boot_id: str, offset_s: float) -> None:
        """A boot over the limit is left out: its events keep the time that they came with."""
        self._connection.execute(_UPSERT_CLOCK_OFFSET, {"device": device, "boot": boot_id, "offset": offset_s})

    def _save_all_rejections(
        self,
        messages: Sequence[IngestedMessage],
        streams: Mapping[StreamKey, Sequence[ReceivedEvent]],
        recorded: Recorded,
    ) -> None:
        found = [(message.device, message.received_at, list(message.invalid)) for message in messages]
        found += [(key.device, streams[key][-1][1], rejected) for key, rejected in recorded.rejected.items()]
        for device, at, invalid in sorted(found, key=itemgetter(0)):
            self._save_rejections(device, invalid, at)
        counted = Counter(one.reason for _, _, invalid in found for one in invalid if one.id is None)
        for reason, times in sorted(counted.items()):
            self.count_invalid_message(reason, times)

    def _save_rejections(self, device: DeviceTopics, invalid: Sequence[InvalidEvent], at: datetime) -> None:
        reasons = {one.id: one.reason for one in invalid if one.id is not None}
        if not reasons:
            return
        number = self._device_number(device, at)
        count, stored = self._one_row(
            "SELECT count(*), array_agg(id) FILTER (WHERE id = ANY (%s)) FROM rejected WHERE device = %s",
            [list(reasons), number],
        )
        kept, over = limits.split_by_room(list(reasons), set(stored or ()), count, limits.MAX_REJECTED)
        self._connection.execute(
            "INSERT INTO rejected (device, id, reason, at) "
            "SELECT %s, id, reason, %s FROM unnest(%s::text[], %s::text[]) AS new (id, reason) "
            "ON CONFLICT (device, id) DO UPDATE SET times = rejected.times + 1",
            [number, at, kept, [reasons[each] for each in kept]],
        )
        for reason, times in sorted(Counter(reasons[each] for each in over).items()):
            self._count_over_limit(number, reason, times)

    def _one_row(self, statement: str, values: Sequence[object]) -> tuple[Any, ...]:
        found = self._connection.execute(statement.encode(), values).fetchone()
        assert found is not None
        return found

    def _count_over_limit(self, device: int, reason: str, times: int) -> None:
        """What is not stored, because the device has too much of it."""
        self._connection.execute(
            "INSERT INTO device_limit VALUES (%s, %s, %s) "
            "ON CONFLICT (device, reason) DO UPDATE SET times = device_limit.times + excluded.times",
            [device, reason, times],
        )

    def save_state(self, device: DeviceTopics, report: StateMessage, at: datetime) -> None:
        """See Ledger."""
        with self._transaction("a state could not be stored"):
            self._connection.execute(
                "UPDATE device SET state = %s, state_reason = %s, state_at = %s, software_version = %s WHERE number = %s",
                [report.state, report.reason, at, report.software_version, self._device_number(device, at)],
            )

    def save_health(self, device: DeviceTopics, report: HealthMessage, at: datetime) -> None:
        """See Ledger."""
        with self._transaction("a health message could not be stored"):
            number = self._device_number(device, at)
            if report.clock_quality == "synchronised" and report.boot_id and report.monotonic_s is not None:
                self._save_clock_offset(number, report.boot_id, report.at.timestamp() - report.monotonic_s)
            self._save_notices(number, report)

    def _save_notices(self, device: int, report: HealthMessage) -> None:
        """A device sends each notice many times. One that still grows comes with a larger count."""
        numbers = list({one.number: one for one in report.notices})
        count, stored = self._one_row(
            "SELECT count(*), array_agg(number) FILTER (WHERE epoch = %s AND number = ANY (%s)) FROM notice WHERE device = %s",
            [report.epoch, numbers, device],
        )
        kept, over = limits.split_by_room(numbers, set(stored or ()), count, limits.MAX_NOTICES)
        self._connection.cursor().executemany(
            _UPSERT_NOTICE,
            [
                (device, report.epoch, one.number, one.kind, one.at, one.first_seq, one.last_seq, one.count, one.detail)
                for one in report.notices
                if one.number in kept
            ],
        )
        if over:
            self._count_over_limit(device, limits.TOO_MANY_NOTICES, len(over))

    def count_invalid_message(self, reason: str, times: int = 1) -> None:
        """See Ledger."""
        with self._transaction("a count could not be stored"):
            self._connection.execute(
                "INSERT INTO invalid_message VALUES (%s, %s) "
                "ON CONFLICT (reason) DO UPDATE SET times = invalid_message.times + excluded.times",
                [reason, times],
            )

    def delete_before(self, day: date) -> list[str]:
        """See Ledger."""
        with _ledger_errors("old events could not be deleted"):
            return self._partitions.drop_before(day)

    def recover(self) -> None:
        """See Ledger."""
        try:
            with self._connection.transaction():
                self._connection.execute("UPDATE schema_version SET version = version")
        except psycopg.Error:
            self._connection.close()
            self._connect()

    def close(self) -> None:
        """See Ledger."""
        self._connection.close()


@contextmanager
def _ledger_errors(what: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if (error.sqlstate or "")[:2] in _MESSAGE_ERROR_CLASSES:
            raise
        raise LedgerError(f"{what}: {str(error).strip()}") from error
