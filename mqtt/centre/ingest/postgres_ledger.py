"""A ledger in PostgreSQL: the same guarantees as the SQLite ledger, for many devices and several centres at once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import NamedTuple

import psycopg

from mqtt.centre.ingest.batch import (
    IngestedMessage,
    ReceivedEvent,
    StreamKey,
    StreamUpdate,
    clock_offsets,
    group_by_stream,
    update_stream,
)
from mqtt.centre.ingest.ledger import LedgerError
from mqtt.centre.ingest.postgres_partitions import DayPartitions
from mqtt.centre.ingest.postgres_rows import COPY_COLUMNS, COPY_HEADER, COPY_TRAILER, pack_rows
from mqtt.centre.ingest.postgres_schema import migrate
from mqtt.device_messages import HealthMessage, StateMessage
from mqtt.sequence_ranges import Range, RangeSet
from mqtt.topics import DeviceTopics

INCOMING_TABLE = "incoming_event"
"""A temporary table, empty between transactions. Events go through it where some of them may be duplicates."""

_INSERT_NEW_EVENTS = (
    f"INSERT INTO event ({COPY_COLUMNS}) SELECT {COPY_COLUMNS} FROM {INCOMING_TABLE} ON CONFLICT DO NOTHING"  # noqa: S608 - constants
)
_INSERT_AND_COUNT = (
    f"WITH new AS ({_INSERT_NEW_EVENTS} RETURNING stream) SELECT stream, count(*) FROM new GROUP BY stream"  # noqa: S608
)
_UPSERT_DEVICE = """
INSERT INTO device (topic_prefix, site, device, last_seen_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (topic_prefix, site, device)
DO UPDATE SET last_seen_at = greatest(device.last_seen_at, excluded.last_seen_at) RETURNING number
"""
_UPSERT_STREAM = f"""
WITH seen AS ({_UPSERT_DEVICE})
INSERT INTO stream (device, epoch) SELECT number, %s FROM seen
ON CONFLICT (device, epoch) DO UPDATE SET epoch = excluded.epoch RETURNING device, number
"""  # noqa: S608 - constants
_UPSERT_NOTICE = (
    "INSERT INTO notice VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (device, epoch, number) DO UPDATE "
    "SET at = excluded.at, last_seq = excluded.last_seq, count = excluded.count WHERE excluded.count > notice.count"
)


class _StreamNumbers(NamedTuple):
    device: int
    stream: int


class PostgresLedger:
    """Several ledgers may work on one database at the same time. One thread each."""

    def __init__(self, address: str) -> None:
        """`address` is postgresql://user:password@host/name. The password is safer in ~/.pgpass. Raises LedgerError."""
        try:
            self._connection = psycopg.connect(address, application_name="entrance centre")
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
    def _transaction(self, what: str) -> Iterator[None]:
        with _ledger_errors(what), self._connection.transaction():
            yield

    def record(self, messages: Sequence[IngestedMessage]) -> Mapping[StreamKey, RangeSet]:
        """See Ledger."""
        with _ledger_errors("events could not be stored"):
            self._partitions.create_for(event.id for message in messages for event in message.events)
            try:
                with self._connection.transaction():
                    return self._record(messages)
            except psycopg.errors.UniqueViolation:
                # New seqs with known ids: two databases may have one device name.
                with self._connection.transaction():
                    return self._record(messages, compare_ids=True)

    def _record(
        self, messages: Sequence[IngestedMessage], *, compare_ids: bool = False
    ) -> Mapping[StreamKey, RangeSet]:
        """Where all seqs are new, nearly always all ids are new too. Then the events are copied without comparing ids."""
        streams = group_by_stream(messages)
        numbers = self._lock_streams(streams)
        known = self._known_ranges([each.stream for each in numbers.values()])
        updates = {key: update_stream(known.get(numbers[key].stream, ()), events) for key, events in streams.items()}
        if not compare_ids and all(update.new_seqs == update.received for update in updates.values()):
            self._copy_events("event", numbers, streams)
            new_ids = {numbers[key].stream: update.received for key, update in updates.items()}
        else:
            self._copy_events(INCOMING_TABLE, numbers, streams)
            new_ids = dict(self._connection.execute(_INSERT_AND_COUNT).fetchall())
        with self._connection.pipeline():
            self._update_streams(
                [(numbers[key].stream, one, new_ids.get(numbers[key].stream, 0)) for key, one in updates.items()]
            )
            for key, events in streams.items():
                for boot_id, offset_s in clock_offsets(events).items():
                    self._save_clock_offset(numbers[key].device, boot_id, offset_s)
        for message in messages:
            self._save_rejections(message)
        return {key: update.ranges for key, update in updates.items()}

    def _lock_streams(self, streams: Mapping[StreamKey, Sequence[ReceivedEvent]]) -> dict[StreamKey, _StreamNumbers]:
        """The streams stay locked until the end of the transaction, so that no other centre counts at the same time."""
        queries = []
        with self._connection.pipeline():
            # All centres lock in one order, so that there is no deadlock.
            for key in sorted(streams, key=lambda key: (key.device, key.epoch)):
                device, seen_at = key.device, streams[key][-1][1]
                values = (device.prefix, device.site, device.device, seen_at, key.epoch)
                queries.append((key, self._connection.execute(_UPSERT_STREAM, values)))
        return {key: _StreamNumbers(*query.fetchall()[0]) for key, query in queries}

    def _known_ranges(self, streams: Sequence[int]) -> Mapping[int, Sequence[Range]]:
        """By stream. A query after the lock sees what the previous owner of the lock committed."""
        found = self._connection.execute(
            "SELECT stream, first_seq, last_seq FROM seq_range WHERE stream = ANY (%s)", [streams]
        )
        known: dict[int, list[Range]] = {}
        for stream, first, last in found:
            known.setdefault(stream, []).append((first, last))
        return known

    def _copy_events(
        self,
        table: str,
        numbers: Mapping[StreamKey, _StreamNumbers],
        streams: Mapping[StreamKey, Sequence[ReceivedEvent]],
    ) -> None:
        if not streams:
            return
        with self._connection.cursor().copy(f"COPY {table} ({COPY_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(COPY_HEADER)
            for key, events in streams.items():
                copy.write(b"".join(pack_rows(*numbers[key], events)))
            copy.write(COPY_TRAILER)

    def _update_streams(self, updates: Sequence[tuple[int, StreamUpdate, int]]) -> None:
        """For each stream: its number, the update, and how many of its ids were new."""
        cursor = self._connection.cursor()
        cursor.executemany(
            "UPDATE stream SET duplicates = duplicates + %s, conflicts = conflicts + %s, newest_seq = %s WHERE number = %s",
            [(one.duplicates(new), one.conflicts(new), one.ranges.maximum, stream) for stream, one, new in updates],
        )
        grown = [(stream, one.ranges) for stream, one, _ in updates if one.new_seqs]
        self._connection.execute("DELETE FROM seq_range WHERE stream = ANY (%s)", [[stream for stream, _ in grown]])
        rows = [(stream, first, last) for stream, ranges in grown for first, last in ranges]
        cursor.executemany("INSERT INTO seq_range VALUES (%s, %s, %s)", rows)

    def _device_number(self, device: DeviceTopics, seen_at: datetime) -> int:
        values = [device.prefix, device.site, device.device, seen_at]
        found = self._connection.execute(_UPSERT_DEVICE, values).fetchone()
        assert found is not None
        return int(found[0])

    def _save_clock_offset(self, device: int, boot_id: str, offset_s: float) -> None:
        self._connection.execute(
            "INSERT INTO boot_clock VALUES (%s, %s, %s) "
            "ON CONFLICT (device, boot_id) DO UPDATE SET offset_s = excluded.offset_s",
            [device, boot_id, offset_s],
        )

    def _save_rejections(self, message: IngestedMessage) -> None:
        for invalid in message.invalid:
            if invalid.id is None:
                self._count_invalid_message(invalid.reason)
                continue
            device = self._device_number(message.device, message.received_at)
            self._connection.execute(
                "INSERT INTO rejected (device, id, reason, at) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (device, id) DO UPDATE SET times = rejected.times + 1",
                [device, invalid.id, invalid.reason, message.received_at],
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
        self._connection.cursor().executemany(
            _UPSERT_NOTICE,
            [
                (device, report.epoch, one.number, one.kind, one.at, one.first_seq, one.last_seq, one.count, one.detail)
                for one in report.notices
            ],
        )

    def count_invalid_message(self, reason: str) -> None:
        """See Ledger."""
        with self._transaction("a count could not be stored"):
            self._count_invalid_message(reason)

    def _count_invalid_message(self, reason: str) -> None:
        self._connection.execute(
            "INSERT INTO invalid_message VALUES (%s, 1) "
            "ON CONFLICT (reason) DO UPDATE SET times = invalid_message.times + 1",
            [reason],
        )

    def delete_before(self, day: date) -> list[str]:
        """See Ledger."""
        with _ledger_errors("old events could not be deleted"):
            return self._partitions.drop_before(day)

    def close(self) -> None:
        """See Ledger."""
        self._connection.close()


@contextmanager
def _ledger_errors(what: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise LedgerError(f"{what}: {str(error).strip()}") from error
