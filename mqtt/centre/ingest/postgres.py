"""The centre's books in PostgreSQL: the same promises as the SQLite ledger, for many devices and several centres at once.

Passages lie in one partition per day. The day comes out of the passage's own id (a UUIDv7 begins with its time), so that
the same id always falls into the same partition and can be there only once. Retention drops whole partitions.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg import sql

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
from mqtt.centre.ingest.postgres_rows import (
    COPY_COLUMNS,
    COPY_HEADER,
    COPY_TRAILER,
    day_number,
    day_number_to_date,
    pack_rows,
)
from mqtt.centre.ingest.postgres_schema import SCHEMA_LOCK, migrate
from mqtt.device_messages import HealthMessage, StateMessage
from mqtt.sequence_ranges import Range, RangeSet
from mqtt.topics import DeviceTopics

PARTITION_DAYS_BACK, PARTITION_DAYS_AHEAD = timedelta(days=60), timedelta(days=2)
"""Days around today that get a partition of their own; ids of other days (clocks that were never set) share one."""


INCOMING_TABLE = "incoming_event"
"""A table of the connection's own, empty between transactions: what comes goes through it where some of it was there already."""
INSERT_NEW_EVENTS = (
    f"INSERT INTO event ({COPY_COLUMNS}) SELECT {COPY_COLUMNS} FROM {INCOMING_TABLE} ON CONFLICT DO NOTHING"  # noqa: S608 - constants
)
INSERT_AND_COUNT = (
    f"WITH new AS ({INSERT_NEW_EVENTS} RETURNING stream) SELECT stream, count(*) FROM new GROUP BY stream"  # noqa: S608
)
UPSERT_STREAM = """
WITH seen AS (
    INSERT INTO device (topic_prefix, site, device, last_seen_at) VALUES (%s, %s, %s, %s) ON CONFLICT (topic_prefix, site, device)
    DO UPDATE SET last_seen_at = greatest(device.last_seen_at, excluded.last_seen_at) RETURNING number
)
INSERT INTO stream (device, epoch) SELECT number, %s FROM seen
ON CONFLICT (device, epoch) DO UPDATE SET epoch = excluded.epoch RETURNING device, number
"""


class PostgresLedger:
    """A ledger in a PostgreSQL database; several may work on one database at the same time. One thread each."""

    def __init__(self, address: str) -> None:
        """`address` is postgresql://user:password@host/name (the password better in ~/.pgpass)."""
        try:
            self._connection = psycopg.connect(address, application_name="entrance centre")
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise
        except psycopg.Error as error:
            raise LedgerError(f"the centre's PostgreSQL cannot be used: {str(error).strip()}") from error
        self._partitioned_days: set[int] = set()

    def _prepare(self) -> None:
        migrate(self._connection)
        with self._connection.transaction():
            self._connection.execute(f"CREATE TEMPORARY TABLE {INCOMING_TABLE} (LIKE event) ON COMMIT DELETE ROWS")

    def record(self, messages: Sequence[IngestedMessage]) -> Mapping[StreamKey, RangeSet]:
        """See Ledger."""
        try:
            self._make_partitions(messages)
            try:
                with self._connection.transaction():
                    return self._record(messages)
            except psycopg.errors.UniqueViolation:
                # New numbers, and ids that were there: two lives of a database, perhaps.
                with self._connection.transaction():
                    return self._record(messages, all_new=False)
        except psycopg.Error as error:
            raise LedgerError(f"passages could not be kept: {str(error).strip()}") from error

    def _record(self, arrivals: Sequence[IngestedMessage], *, all_new: bool = True) -> Mapping[StreamKey, RangeSet]:
        """`straight`: where all numbers are new, so are the ids, nearly always: then nothing need be compared."""
        streams = group_by_stream(arrivals)
        numbers = self._lock_streams(streams)
        known = self._known_ranges([stream for _, stream in numbers.values()])
        tallies = {key: update_stream(known.get(numbers[key][1], ()), arrived) for key, arrived in streams.items()}
        if all_new and all(one.new_seqs == one.received for one in tallies.values()):
            self._copy_events("event", numbers, streams)
            fresh = {numbers[key][1]: one.received for key, one in tallies.items()}
        else:
            self._copy_events(INCOMING_TABLE, numbers, streams)
            fresh = dict(self._connection.execute(INSERT_AND_COUNT).fetchall())
        with self._connection.pipeline():
            self._update_streams([(*numbers[key], one, fresh.get(numbers[key][1], 0)) for key, one in tallies.items()])
            for key, arrived in streams.items():
                for boot, offset_s in clock_offsets(arrived).items():
                    self._save_clock_offset(numbers[key][0], boot, offset_s)
        for arrival in arrivals:
            self._save_rejections(arrival)
        return {key: one.ranges for key, one in tallies.items()}

    def _lock_streams(self, streams: Mapping[StreamKey, Sequence[ReceivedEvent]]) -> dict[StreamKey, tuple[int, int]]:
        """Of device and stream; the streams stay locked until the end of the transaction, so that no other centre counts."""
        asked = []
        with self._connection.pipeline():
            # One order for all centres: no deadlock.
            for key in sorted(streams, key=lambda key: (key.device, key.epoch)):
                branch, seen_at = key.device, streams[key][-1][1]
                values = (branch.prefix, branch.site, branch.device, seen_at, key.epoch)
                asked.append((key, self._connection.execute(UPSERT_STREAM, values)))
        return {key: answer.fetchall()[0] for key, answer in asked}

    def _known_ranges(self, streams: Sequence[int]) -> Mapping[int, Sequence[Range]]:
        """The ranges that are there, by stream; a statement after the lock sees what whoever had it before has left."""
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
        numbers: Mapping[StreamKey, tuple[int, int]],
        streams: Mapping[StreamKey, Sequence[ReceivedEvent]],
    ) -> None:
        if not streams:
            return
        with self._connection.cursor().copy(f"COPY {table} ({COPY_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(COPY_HEADER)
            for key, arrived in streams.items():
                copy.write(b"".join(pack_rows(*numbers[key], arrived)))
            copy.write(COPY_TRAILER)

    def _update_streams(self, counted: Sequence[tuple[int, int, StreamUpdate, int]]) -> None:
        """What is there now of each stream: its device and number, the tally, and how many of its ids were new."""
        cursor = self._connection.cursor()
        cursor.executemany(
            "UPDATE stream SET duplicates = duplicates + %s, conflicts = conflicts + %s, newest_seq = %s WHERE number = %s",
            [(one.duplicates(new), one.conflicts(new), one.ranges.maximum, stream) for _, stream, one, new in counted],
        )
        grown = [(stream, one.ranges) for _, stream, one, _ in counted if one.new_seqs]
        self._connection.execute("DELETE FROM seq_range WHERE stream = ANY (%s)", [[stream for stream, _ in grown]])
        spans = [(stream, first, last) for stream, ranges in grown for first, last in ranges]
        cursor.executemany("INSERT INTO seq_range VALUES (%s, %s, %s)", spans)

    def _make_partitions(self, arrivals: Sequence[IngestedMessage]) -> None:
        """Before the transaction that needs them: making one locks the table for a moment."""
        today = datetime.now(UTC).date()
        wanted = {day_number(event.id) for arrival in arrivals for event in arrival.events} - self._partitioned_days
        for day in sorted(
            day
            for day in map(day_number_to_date, wanted)
            if today - PARTITION_DAYS_BACK <= day <= today + PARTITION_DAYS_AHEAD
        ):
            try:
                with self._connection.transaction():
                    self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
                    self._connection.execute(
                        sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF event FOR VALUES FROM ({}) TO ({})").format(
                            sql.Identifier(f"event_{day:%Y%m%d}"), day.isoformat(), _next_day(day)
                        )
                    )
            except psycopg.errors.CheckViolation:
                """Some passages of that day came early and lie among the other days: there they stay, all of them."""
        self._partitioned_days |= wanted

    def delete_before(self, day: date) -> list[str]:
        """Retention: drop the partitions of earlier days, and what is as old among the other days; their names."""
        dropped = []
        try:
            with self._connection.transaction():
                self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
                found = self._connection.execute(
                    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
                    "WHERE inhparent = 'event'::regclass AND relname ~ '^event_[0-9]{8}$' ORDER BY relname"
                )
                for (name,) in found.fetchall():
                    if str(name) < f"event_{day:%Y%m%d}":
                        self._connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(str(name))))
                        dropped.append(str(name))
                self._connection.execute("DELETE FROM event_other_days WHERE received_at < %s", [day])
        except psycopg.Error as error:
            raise LedgerError(f"retention could not be kept: {str(error).strip()}") from error
        self._partitioned_days.clear()
        return dropped

    def _device_number(self, device: DeviceTopics, seen_at: datetime) -> int:
        return self._fetch_integer(
            "INSERT INTO device (topic_prefix, site, device, last_seen_at) VALUES (%s, %s, %s, %s) ON CONFLICT (topic_prefix, site, device) "
            "DO UPDATE SET last_seen_at = greatest(device.last_seen_at, excluded.last_seen_at) RETURNING number",
            device.prefix, device.site, device.device, seen_at,
        )  # fmt: skip

    def _fetch_integer(self, query: str, *values: object) -> int:
        found = self._connection.execute(query, values).fetchone()
        assert found is not None
        return int(found[0])

    def _save_clock_offset(self, device: int, boot: str, offset_s: float) -> None:
        self._connection.execute(
            "INSERT INTO boot_clock VALUES (%s, %s, %s) ON CONFLICT (device, boot_id) DO UPDATE SET offset_s = excluded.offset_s",
            [device, boot, offset_s],
        )

    def _save_rejections(self, message: IngestedMessage) -> None:
        for refused in message.invalid:
            if refused.id is None:
                self._count_invalid_message(refused.reason)
                continue
            self._connection.execute(
                "INSERT INTO rejected (device, id, reason, at) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (device, id) DO UPDATE SET times = rejected.times + 1",
                [
                    self._device_number(message.device, message.received_at),
                    refused.id,
                    refused.reason,
                    message.received_at,
                ],
            )

    def save_state(self, branch: DeviceTopics, report: StateMessage, at: datetime) -> None:
        """See Ledger."""
        try:
            with self._connection.transaction():
                self._connection.execute(
                    "UPDATE device SET state = %s, state_reason = %s, state_at = %s, software_version = %s WHERE number = %s",
                    [report.state, report.reason, at, report.software_version, self._device_number(branch, at)],
                )
        except psycopg.Error as error:
            raise LedgerError(f"a state could not be kept: {str(error).strip()}") from error

    def save_health(self, branch: DeviceTopics, report: HealthMessage, at: datetime) -> None:
        """See Ledger."""
        try:
            with self._connection.transaction():
                device = self._device_number(branch, at)
                if report.clock_quality == "synchronised" and report.boot_id and report.monotonic_s is not None:
                    self._save_clock_offset(device, report.boot_id, report.at.timestamp() - report.monotonic_s)
                self._save_notices(device, report)
        except psycopg.Error as error:
            raise LedgerError(f"a sign of life could not be kept: {str(error).strip()}") from error

    def _save_notices(self, device: int, report: HealthMessage) -> None:
        """A device tells each of them again and again; one that still grows comes with a larger count."""
        self._connection.cursor().executemany(
            "INSERT INTO notice VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (device, epoch, number) DO UPDATE "
            "SET at = excluded.at, last_seq = excluded.last_seq, count = excluded.count WHERE excluded.count > notice.count",
            [
                (device, report.epoch, one.number, one.kind, one.at, one.first_seq, one.last_seq, one.count, one.detail)
                for one in report.notices
            ],
        )

    def count_invalid_message(self, reason: str) -> None:
        """See Ledger."""
        try:
            with self._connection.transaction():
                self._count_invalid_message(reason)
        except psycopg.Error as error:
            raise LedgerError(f"a count could not be kept: {str(error).strip()}") from error

    def _count_invalid_message(self, reason: str) -> None:
        self._connection.execute(
            "INSERT INTO invalid_message VALUES (%s, 1) ON CONFLICT (reason) DO UPDATE SET times = invalid_message.times + 1",
            [reason],
        )

    def close(self) -> None:
        """See Ledger."""
        self._connection.close()


def _next_day(day: date) -> str:
    return (day + timedelta(days=1)).isoformat()
