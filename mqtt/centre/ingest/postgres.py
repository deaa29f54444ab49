"""The centre's books in PostgreSQL: the same promises as the SQLite ledger, for many devices and several centres at once.

Passages lie in one partition per day. The day comes out of the passage's own id (a UUIDv7 begins with its time), so that
the same id always falls into the same partition and can be there only once. Retention drops whole partitions.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg import sql

from mqtt.centre.ingest.batch import Arrival, Arrived, StreamKey, Tally, by_stream, clock_offsets, tally
from mqtt.centre.ingest.ledger import LedgerTrouble
from mqtt.centre.ingest.postgres_rows import COLUMNS, HEADER, TRAILER, date_of, day_number, packed
from mqtt.centre.ingest.postgres_schema import SCHEMA_LOCK, migrate
from mqtt.device_messages import Health, StateReport
from mqtt.sequence_ranges import Range, RangeSet
from mqtt.topics import Branch

PAST, FUTURE = timedelta(days=60), timedelta(days=2)
"""Days around today that get a partition of their own; ids of other days (clocks that were never set) share one."""


ARRIVING = "incoming_event"
"""A table of the connection's own, empty between transactions: what comes goes through it where some of it was there already."""
INSERT = f"INSERT INTO event ({COLUMNS}) SELECT {COLUMNS} FROM {ARRIVING} ON CONFLICT DO NOTHING"  # noqa: S608 - constants
INSERT_AND_COUNT = f"WITH new AS ({INSERT} RETURNING stream) SELECT stream, count(*) FROM new GROUP BY stream"  # noqa: S608
NUMBERS = """
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
            self._prepare()
        except psycopg.Error as trouble:
            raise LedgerTrouble(f"the centre's PostgreSQL cannot be used: {str(trouble).strip()}") from trouble
        self._days: set[int] = set()

    def _prepare(self) -> None:
        migrate(self._connection)
        with self._connection.transaction():
            self._connection.execute(f"CREATE TEMPORARY TABLE {ARRIVING} (LIKE event) ON COMMIT DELETE ROWS")

    def record(self, messages: Sequence[Arrival]) -> Mapping[StreamKey, RangeSet]:
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
        except psycopg.Error as trouble:
            raise LedgerTrouble(f"passages could not be kept: {str(trouble).strip()}") from trouble

    def _record(self, arrivals: Sequence[Arrival], *, all_new: bool = True) -> Mapping[StreamKey, RangeSet]:
        """`straight`: where all numbers are new, so are the ids, nearly always: then nothing need be compared."""
        streams = by_stream(arrivals)
        numbers = self._numbers(streams)
        known = self._known([stream for _, stream in numbers.values()])
        tallies = {key: tally(known.get(numbers[key][1], ()), arrived) for key, arrived in streams.items()}
        if all_new and all(one.added == one.arrived for one in tallies.values()):
            self._copy("passage", numbers, streams)
            fresh = {numbers[key][1]: one.arrived for key, one in tallies.items()}
        else:
            self._copy(ARRIVING, numbers, streams)
            fresh = dict(self._connection.execute(INSERT_AND_COUNT).fetchall())
        with self._connection.pipeline():
            self._note([(*numbers[key], one, fresh.get(numbers[key][1], 0)) for key, one in tallies.items()])
            for key, arrived in streams.items():
                for boot, offset_s in clock_offsets(arrived).items():
                    self._learn_clock(numbers[key][0], boot, offset_s)
        for arrival in arrivals:
            self._keep_refused(arrival)
        return {key: one.ranges for key, one in tallies.items()}

    def _numbers(self, streams: Mapping[StreamKey, Sequence[Arrived]]) -> dict[StreamKey, tuple[int, int]]:
        """Of device and stream; the streams stay locked until the end of the transaction, so that no other centre counts."""
        asked = []
        with self._connection.pipeline():
            # One order for all centres: no deadlock.
            for key in sorted(streams, key=lambda key: (key.branch, key.epoch)):
                branch, seen_at = key.branch, streams[key][-1][1]
                values = (branch.root, branch.site, branch.device, seen_at, key.epoch)
                asked.append((key, self._connection.execute(NUMBERS, values)))
        return {key: answer.fetchall()[0] for key, answer in asked}

    def _known(self, streams: Sequence[int]) -> Mapping[int, Sequence[Range]]:
        """The ranges that are there, by stream; a statement after the lock sees what whoever had it before has left."""
        found = self._connection.execute(
            "SELECT stream, first_seq, last_seq FROM seq_range WHERE stream = ANY (%s)", [streams]
        )
        known: dict[int, list[Range]] = {}
        for stream, first, last in found:
            known.setdefault(stream, []).append((first, last))
        return known

    def _copy(
        self, table: str, numbers: Mapping[StreamKey, tuple[int, int]], streams: Mapping[StreamKey, Sequence[Arrived]]
    ) -> None:
        if not streams:
            return
        with self._connection.cursor().copy(f"COPY {table} ({COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(HEADER)
            for key, arrived in streams.items():
                copy.write(b"".join(packed(*numbers[key], arrived)))
            copy.write(TRAILER)

    def _note(self, counted: Sequence[tuple[int, int, Tally, int]]) -> None:
        """What is there now of each stream: its device and number, the tally, and how many of its ids were new."""
        cursor = self._connection.cursor()
        cursor.executemany(
            "UPDATE stream SET duplicates = duplicates + %s, conflicts = conflicts + %s, newest_seq = %s WHERE number = %s",
            [(one.doubled(new), one.conflicting(new), one.ranges.newest, stream) for _, stream, one, new in counted],
        )
        grown = [(stream, one.ranges) for _, stream, one, _ in counted if one.added]
        self._connection.execute("DELETE FROM seq_range WHERE stream = ANY (%s)", [[stream for stream, _ in grown]])
        spans = [(stream, first, last) for stream, ranges in grown for first, last in ranges]
        cursor.executemany("INSERT INTO seq_range VALUES (%s, %s, %s)", spans)

    def _make_partitions(self, arrivals: Sequence[Arrival]) -> None:
        """Before the transaction that needs them: making one locks the table for a moment."""
        today = datetime.now(UTC).date()
        wanted = {day_number(event.id) for arrival in arrivals for event in arrival.events} - self._days
        for day in sorted(day for day in map(date_of, wanted) if today - PAST <= day <= today + FUTURE):
            try:
                with self._connection.transaction():
                    self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
                    self._connection.execute(
                        sql.SQL(
                            "CREATE TABLE IF NOT EXISTS {} PARTITION OF event FOR VALUES FROM ({}) TO ({})"
                        ).format(sql.Identifier(f"event_{day:%Y%m%d}"), day.isoformat(), _next(day))
                    )
            except psycopg.errors.CheckViolation:
                """Some passages of that day came early and lie among the other days: there they stay, all of them."""
        self._days |= wanted

    def drop_before(self, day: date) -> list[str]:
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
        except psycopg.Error as trouble:
            raise LedgerTrouble(f"retention could not be kept: {str(trouble).strip()}") from trouble
        self._days.clear()
        return dropped

    def _device(self, device: Branch, seen_at: datetime) -> int:
        return self._one(
            "INSERT INTO device (topic_prefix, site, device, last_seen_at) VALUES (%s, %s, %s, %s) ON CONFLICT (topic_prefix, site, device) "
            "DO UPDATE SET last_seen_at = greatest(device.last_seen_at, excluded.last_seen_at) RETURNING number",
            device.root, device.site, device.device, seen_at,
        )  # fmt: skip

    def _one(self, query: str, *values: object) -> int:
        found = self._connection.execute(query, values).fetchone()
        assert found is not None
        return int(found[0])

    def _learn_clock(self, device: int, boot: str, offset_s: float) -> None:
        self._connection.execute(
            "INSERT INTO boot_clock VALUES (%s, %s, %s) ON CONFLICT (device, boot_id) DO UPDATE SET offset_s = excluded.offset_s",
            [device, boot, offset_s],
        )

    def _keep_refused(self, message: Arrival) -> None:
        for refused in message.refused:
            if refused.id is None:
                self._count_unreadable(refused.reason)
                continue
            self._connection.execute(
                "INSERT INTO rejected (device, id, reason, at) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (device, id) DO UPDATE SET times = rejected.times + 1",
                [self._device(message.branch, message.received_at), refused.id, refused.reason, message.received_at],
            )

    def note_state(self, branch: Branch, report: StateReport, at: datetime) -> None:
        """See Ledger."""
        try:
            with self._connection.transaction():
                self._connection.execute(
                    "UPDATE device SET state = %s, state_reason = %s, state_at = %s, software_version = %s WHERE number = %s",
                    [report.state, report.reason, at, report.software, self._device(branch, at)],
                )
        except psycopg.Error as trouble:
            raise LedgerTrouble(f"a state could not be kept: {str(trouble).strip()}") from trouble

    def note_health(self, branch: Branch, report: Health, at: datetime) -> None:
        """See Ledger."""
        try:
            with self._connection.transaction():
                device = self._device(branch, at)
                if report.clock == "synchronised" and report.boot and report.monotonic_s is not None:
                    self._learn_clock(device, report.boot, report.at.timestamp() - report.monotonic_s)
                self._keep_notices(device, report)
        except psycopg.Error as trouble:
            raise LedgerTrouble(f"a sign of life could not be kept: {str(trouble).strip()}") from trouble

    def _keep_notices(self, device: int, report: Health) -> None:
        """A device tells each of them again and again; one that still grows comes with a larger count."""
        self._connection.cursor().executemany(
            "INSERT INTO notice VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (device, epoch, number) DO UPDATE "
            "SET at = excluded.at, last_seq = excluded.last_seq, count = excluded.count WHERE excluded.count > notice.count",
            [
                (device, report.epoch, one.number, one.kind, one.at, one.first_seq, one.last_seq, one.count, one.detail)
                for one in report.notices
            ],
        )

    def count_unreadable(self, reason: str) -> None:
        """See Ledger."""
        try:
            with self._connection.transaction():
                self._count_unreadable(reason)
        except psycopg.Error as trouble:
            raise LedgerTrouble(f"a count could not be kept: {str(trouble).strip()}") from trouble

    def _count_unreadable(self, reason: str) -> None:
        self._connection.execute(
            "INSERT INTO invalid_message VALUES (%s, 1) ON CONFLICT (reason) DO UPDATE SET times = invalid_message.times + 1",
            [reason],
        )

    def close(self) -> None:
        """See Ledger."""
        self._connection.close()


def _next(day: date) -> str:
    return (day + timedelta(days=1)).isoformat()
