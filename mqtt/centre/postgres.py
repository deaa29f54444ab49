"""The centre's books in PostgreSQL: the same promises as the SQLite ledger, for many devices and several centres at once.

Passages lie in one partition per day. The day comes out of the passage's own id (a UUIDv7 begins with its time), so that
the same id always falls into the same partition and can be there only once. Retention drops whole partitions.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

import psycopg
from psycopg import sql

from mqtt.centre.arrivals import Arrival, Arrived, StreamKey, by_stream, clock_offsets, tally
from mqtt.centre.ledger import LedgerTrouble
from mqtt.envelope import Health, PassageEvent, StateReport
from mqtt.ranges import RangeSet
from mqtt.topics import Branch

SCHEMA_LOCK = 0x48554531
MILLISECONDS_A_DAY = 86_400_000
PAST, FUTURE = timedelta(days=60), timedelta(days=2)
"""Days around today that get a partition of their own; ids of other days (clocks that were never set) share one."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS device (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    root text NOT NULL, site text NOT NULL, device text NOT NULL,
    state text NOT NULL DEFAULT '', state_reason text NOT NULL DEFAULT '', state_at timestamptz,
    last_seen_at timestamptz NOT NULL, software text NOT NULL DEFAULT '',
    UNIQUE (root, site, device)
);
CREATE TABLE IF NOT EXISTS stream (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device integer NOT NULL REFERENCES device (number),
    epoch text NOT NULL,
    doubled bigint NOT NULL DEFAULT 0, conflicting bigint NOT NULL DEFAULT 0, newest_seq bigint NOT NULL DEFAULT 0,
    UNIQUE (device, epoch)
);
CREATE TABLE IF NOT EXISTS stretch (
    stream integer NOT NULL REFERENCES stream (number),
    first_seq bigint NOT NULL, last_seq bigint NOT NULL,
    PRIMARY KEY (stream, first_seq)
);
CREATE TABLE IF NOT EXISTS passage (
    device integer NOT NULL, id uuid NOT NULL, day date NOT NULL, stream integer NOT NULL, seq bigint NOT NULL,
    occurred_at timestamptz NOT NULL, monotonic_s double precision NOT NULL, boot text NOT NULL, clock text NOT NULL,
    result text NOT NULL, reason text NOT NULL, direction text, kind text, assurance text,
    pseudonym text NOT NULL, sealed bytea NOT NULL, code_bytes integer NOT NULL, received_at timestamptz NOT NULL,
    annuls uuid, grounds text,
    PRIMARY KEY (device, id, day)
) PARTITION BY RANGE (day);
CREATE TABLE IF NOT EXISTS passage_other_days PARTITION OF passage DEFAULT;
CREATE INDEX IF NOT EXISTS annulling ON passage (device, annuls) WHERE annuls IS NOT NULL;
CREATE TABLE IF NOT EXISTS boot (
    device integer NOT NULL REFERENCES device (number), boot text NOT NULL, offset_s double precision NOT NULL,
    PRIMARY KEY (device, boot)
);
CREATE TABLE IF NOT EXISTS rejected (
    device integer NOT NULL REFERENCES device (number),
    id text NOT NULL, reason text NOT NULL, at timestamptz NOT NULL, times bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (device, id)
);
CREATE TABLE IF NOT EXISTS unreadable (reason text PRIMARY KEY, times bigint NOT NULL);
CREATE TABLE IF NOT EXISTS opening (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL, who text NOT NULL, why text NOT NULL, what text NOT NULL, passages bigint NOT NULL
);
CREATE OR REPLACE VIEW corrected AS
    SELECT passage.*, CASE
        WHEN clock = 'synchronised' THEN occurred_at
        WHEN offset_s IS NOT NULL THEN to_timestamp(monotonic_s + offset_s)
        WHEN clock = 'free-running' THEN occurred_at
        END AS corrected_at
    FROM passage LEFT JOIN boot USING (device, boot);
CREATE OR REPLACE VIEW counted AS
    SELECT * FROM corrected WHERE annuls IS NULL AND NOT EXISTS (
        SELECT 1 FROM passage AS undo WHERE undo.device = corrected.device AND undo.annuls = corrected.id);
"""
# A view keeps the columns that it was made with, and new ones cannot be put between them: it is made anew.
GROW = """
DO $$ BEGIN
    IF to_regclass('corrected') IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = to_regclass('corrected') AND attname = 'annuls'
    ) THEN
        DROP VIEW corrected;
        ALTER TABLE passage ADD COLUMN annuls uuid, ADD COLUMN grounds text;
    END IF;
END $$
"""
COLUMNS = (
    "device, id, day, stream, seq, occurred_at, monotonic_s, boot, clock, result, reason, direction, kind, assurance, "
    "pseudonym, sealed, code_bytes, received_at, annuls, grounds"
)
TYPES = (
    "int4", "uuid", "date", "int4", "int8", "timestamptz", "float8", "text", "text", "text", "text", "text", "text", "text",
    "text", "bytea", "int4", "timestamptz", "uuid", "text",
)  # fmt: skip

INSERT = f"INSERT INTO passage ({COLUMNS}) SELECT {COLUMNS} FROM arriving ON CONFLICT DO NOTHING"  # noqa: S608 - constants
INSERT_AND_COUNT = f"WITH new AS ({INSERT} RETURNING stream) SELECT stream, count(*) FROM new GROUP BY stream"  # noqa: S608


class PostgresLedger:
    """A ledger in a PostgreSQL database; several may work on one database at the same time. One thread each."""

    def __init__(self, address: str) -> None:
        """`address` is postgresql://user:password@host/name (the password better in ~/.pgpass)."""
        try:
            self._connection = psycopg.connect(address, application_name="entrance centre")
            self._prepare()
        except psycopg.Error as trouble:
            raise LedgerTrouble(f"the centre's PostgreSQL cannot be used: {str(trouble).strip()}") from trouble
        self._days: set[date] = set()

    def _prepare(self) -> None:
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])  # two centres may start at once
            self._connection.execute(GROW)
            self._connection.execute(SCHEMA)
        with self._connection.transaction():
            self._connection.execute("CREATE TEMPORARY TABLE arriving (LIKE passage) ON COMMIT DELETE ROWS")

    def record(self, arrivals: Sequence[Arrival]) -> Mapping[StreamKey, RangeSet]:
        """See Ledger."""
        try:
            self._make_partitions(arrivals)
            with self._connection.transaction():
                return self._record(arrivals)
        except psycopg.Error as trouble:
            raise LedgerTrouble(f"passages could not be kept: {str(trouble).strip()}") from trouble

    def _record(self, arrivals: Sequence[Arrival]) -> Mapping[StreamKey, RangeSet]:
        streams = by_stream(arrivals)
        numbers: dict[StreamKey, tuple[int, int]] = {}
        for key in sorted(streams, key=lambda key: (key.branch, key.epoch)):  # one order for all centres: no deadlock
            device = self._device(key.branch, streams[key][-1][1])
            numbers[key] = (device, self._stream(device, key.epoch))
        fresh = self._insert(numbers, streams)
        standing = {}
        for key, arrived in streams.items():
            device, stream = numbers[key]
            standing[key] = self._count(stream, arrived, fresh.get(stream, 0))
            for boot, offset_s in clock_offsets(arrived).items():
                self._learn_clock(device, boot, offset_s)
        for arrival in arrivals:
            self._keep_refused(arrival)
        return standing

    def _insert(
        self, numbers: Mapping[StreamKey, tuple[int, int]], streams: Mapping[StreamKey, Sequence[Arrived]]
    ) -> Mapping[int, int]:
        """Put the passages in, each id once; how many of each stream were new.

        Which were new is asked of PostgreSQL only where some were not: RETURNING takes half of its time again.
        """
        if not streams:
            return {}
        with self._connection.cursor().copy(f"COPY arriving ({COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(TYPES)
            for key, arrived in streams.items():
                device, stream = numbers[key]
                for event, at in arrived:
                    copy.write_row(_row(device, stream, event, at))
        wanted = {numbers[key][1]: len(arrived) for key, arrived in streams.items()}
        if len(wanted) == 1:
            return dict.fromkeys(wanted, self._connection.execute(INSERT).rowcount)
        if self._insert_all(sum(wanted.values())):
            return wanted
        return dict(self._connection.execute(INSERT_AND_COUNT).fetchall())

    def _insert_all(self, count: int) -> bool:
        """All of what arrives, or nothing, where some of it was there already."""
        whole = False
        with self._connection.transaction() as savepoint:
            whole = self._connection.execute(INSERT).rowcount == count
            if not whole:
                raise psycopg.Rollback(savepoint)
        return whole

    def _count(self, stream: int, arrived: Sequence[Arrived], fresh: int) -> RangeSet:
        known = self._connection.execute(
            "SELECT first_seq, last_seq FROM stretch WHERE stream = %s", [stream]
        ).fetchall()
        found = tally([(int(first), int(last)) for first, last in known], arrived, fresh)
        self._connection.execute(
            "UPDATE stream SET doubled = doubled + %s, conflicting = conflicting + %s, newest_seq = %s WHERE number = %s",
            [found.doubled, found.conflicting, found.ranges.newest, stream],
        )
        if found.added:
            self._connection.execute("DELETE FROM stretch WHERE stream = %s", [stream])
            with self._connection.cursor() as cursor:
                spans = [(stream, *span) for span in found.ranges]
                cursor.executemany("INSERT INTO stretch VALUES (%s, %s, %s)", spans)
        return found.ranges

    def _make_partitions(self, arrivals: Sequence[Arrival]) -> None:
        """Before the transaction that needs them: making one locks the table for a moment."""
        today = datetime.now(UTC).date()
        wanted = {day_of(event.id) for arrival in arrivals for event in arrival.events} - self._days
        for day in sorted(day for day in wanted if today - PAST <= day <= today + FUTURE):
            try:
                with self._connection.transaction():
                    self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
                    self._connection.execute(
                        sql.SQL(
                            "CREATE TABLE IF NOT EXISTS {} PARTITION OF passage FOR VALUES FROM ({}) TO ({})"
                        ).format(sql.Identifier(f"passage_{day:%Y%m%d}"), day.isoformat(), _next(day))
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
                    "WHERE inhparent = 'passage'::regclass AND relname ~ '^passage_[0-9]{8}$' ORDER BY relname"
                )
                for (name,) in found.fetchall():
                    if str(name) < f"passage_{day:%Y%m%d}":
                        self._connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(str(name))))
                        dropped.append(str(name))
                self._connection.execute("DELETE FROM passage_other_days WHERE received_at < %s", [day])
        except psycopg.Error as trouble:
            raise LedgerTrouble(f"retention could not be kept: {str(trouble).strip()}") from trouble
        self._days.clear()
        return dropped

    def _device(self, branch: Branch, seen_at: datetime) -> int:
        return self._one(
            "INSERT INTO device (root, site, device, last_seen_at) VALUES (%s, %s, %s, %s) ON CONFLICT (root, site, device) "
            "DO UPDATE SET last_seen_at = greatest(device.last_seen_at, excluded.last_seen_at) RETURNING number",
            branch.root, branch.site, branch.device, seen_at,
        )  # fmt: skip

    def _stream(self, device: int, epoch: str) -> int:
        """Its number; the row stays locked until the end of the transaction, so that no other centre counts meanwhile."""
        self._connection.execute(
            "INSERT INTO stream (device, epoch) VALUES (%s, %s) ON CONFLICT DO NOTHING", [device, epoch]
        )
        return self._one("SELECT number FROM stream WHERE device = %s AND epoch = %s FOR UPDATE", device, epoch)

    def _one(self, query: str, *values: object) -> int:
        found = self._connection.execute(query, values).fetchone()
        assert found is not None
        return int(found[0])

    def _learn_clock(self, device: int, boot: str, offset_s: float) -> None:
        self._connection.execute(
            "INSERT INTO boot VALUES (%s, %s, %s) ON CONFLICT (device, boot) DO UPDATE SET offset_s = excluded.offset_s",
            [device, boot, offset_s],
        )

    def _keep_refused(self, arrival: Arrival) -> None:
        for refused in arrival.refused:
            if refused.id is None:
                self._count_unreadable(refused.reason)
                continue
            self._connection.execute(
                "INSERT INTO rejected (device, id, reason, at) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (device, id) DO UPDATE SET times = rejected.times + 1",
                [self._device(arrival.branch, arrival.received_at), refused.id, refused.reason, arrival.received_at],
            )

    def note_state(self, branch: Branch, report: StateReport, at: datetime) -> None:
        """See Ledger."""
        try:
            with self._connection.transaction():
                self._connection.execute(
                    "UPDATE device SET state = %s, state_reason = %s, state_at = %s, software = %s WHERE number = %s",
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
        except psycopg.Error as trouble:
            raise LedgerTrouble(f"a sign of life could not be kept: {str(trouble).strip()}") from trouble

    def count_unreadable(self, reason: str) -> None:
        """See Ledger."""
        try:
            with self._connection.transaction():
                self._count_unreadable(reason)
        except psycopg.Error as trouble:
            raise LedgerTrouble(f"a count could not be kept: {str(trouble).strip()}") from trouble

    def _count_unreadable(self, reason: str) -> None:
        self._connection.execute(
            "INSERT INTO unreadable VALUES (%s, 1) ON CONFLICT (reason) DO UPDATE SET times = unreadable.times + 1",
            [reason],
        )

    def close(self) -> None:
        """See Ledger."""
        self._connection.close()


def day_of(passage_id: UUID) -> date:
    """The day (UTC) that a UUIDv7 names in its first 48 bits (RFC 9562 section 5.7)."""
    return _day((passage_id.int >> 80) // MILLISECONDS_A_DAY)


@lru_cache(maxsize=128)
def _day(since_1970: int) -> date:
    try:
        return date(1970, 1, 1) + timedelta(days=since_1970)
    except OverflowError:  # beyond the year 9999: an id that is no UUIDv7
        return date.max


def _next(day: date) -> str:
    return (day + timedelta(days=1)).isoformat()


def _row(device: int, stream: int, event: PassageEvent, received_at: datetime) -> tuple[object, ...]:
    data = event.data
    return (
        device,
        event.id,
        day_of(event.id),
        stream,
        data.seq,
        event.time,
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
        received_at,
        data.annuls,
        data.grounds,
    )
