"""The PostgreSQL ledger behaves like the SQLite ledger, and has partitions, retention and several centres at once."""

import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from kiosk.cli.centre.command import centre
from kiosk.core.model import ClockQuality, StoredEvent
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt import device_messages
from mqtt import events as envelope
from mqtt.centre.ingest.batch import IngestedMessage, StreamKey
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.ingest.ledger import Ledger
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.postgres import schema as postgres_schema
from mqtt.centre.postgres.ledger import PostgresLedger
from mqtt.centre.postgres.rows import COPY_COLUMNS, COPY_HEADER, COPY_TRAILER, event_date, pack_rows
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.connection import Connection, OutgoingMessage
from mqtt.events import SEQ_CONFLICT, InvalidEvent
from mqtt.paho.connection import PahoConnection
from mqtt.sequence_ranges import RangeSet
from mqtt.topics import DeviceTopics
from tests.examples import examples
from tests.fakes.data.access_events import EPOCH, GATE, an_event, an_undo_event, event_text
from tests.fakes.data.arrivals import arrival_of
from tests.fakes.parts.stepping import until
from tests.fakes.processes import postgres
from tests.fakes.processes.broker import Broker

KEY = StreamKey(GATE, EPOCH)
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.server() as address:
        yield address


@pytest.fixture
def address(server: str, request: pytest.FixtureRequest) -> str:
    return postgres.fresh_database(server, request.node.name[:60])


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, server: str, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "sqlite":
        opened: SqliteLedger | PostgresLedger = SqliteLedger(tmp_path / "centre.db")
    else:
        opened = PostgresLedger(postgres.fresh_database(server, request.node.name[:60]))
    with closing(opened):
        yield opened


def an_id(number: int, at: datetime = NOW) -> UUID:
    return UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | number)


def arrival(*seqs: int, at: datetime = NOW, branch: DeviceTopics = GATE) -> IngestedMessage:
    numbered = [(seq, replace(an_event(seq), id=an_id(seq, at), occurred_at=at)) for seq in seqs]
    return arrival_of(numbered, NOW, branch=branch)


def test_both_ledgers_store_each_event_once_and_know_all_gaps(ledger: Ledger) -> None:
    assert ledger.record([arrival(1, 2, 7)])[KEY] == RangeSet([(1, 2), (7, 7)])
    assert ledger.record([arrival(2, 3), arrival(3)])[KEY] == RangeSet([(1, 3), (7, 7)])
    assert ledger.record([arrival(4, 5, 6)])[KEY] == RangeSet([(1, 7)])


def test_both_ledgers_store_state_health_and_rejections(ledger: Ledger) -> None:
    ledger.save_state(GATE, device_messages.StateMessage(state="ready"), NOW)
    ledger.save_health(
        GATE,
        device_messages.HealthMessage(
            at=NOW,
            state="ready",
            clock_quality="synchronised",
            epoch=EPOCH,
            newest_seq=0,
            backlog=0,
            boot_id="b",
            monotonic_s=5.0,
        ),
        NOW,
    )
    ledger.count_invalid_message("not-json")
    ledger.count_invalid_message("not-json")
    refusals = [InvalidEvent(str(an_id(9)), "bad-data-seq", EPOCH), InvalidEvent(None, "not-an-event")]
    assert ledger.record([IngestedMessage(GATE, [], refusals, NOW), IngestedMessage(GATE, [], refusals, NOW)]) == {}


def test_duplicates_and_conflicts_are_counted(address: str) -> None:
    with closing(PostgresLedger(address)) as ledger:
        ledger.record([arrival(1, 2)])
        ledger.record([arrival(1, 2, 2)])
        ledger.record([arrival(1, at=NOW - timedelta(hours=1))])  # another id under the same number
    with psycopg.connect(address) as connection_:
        assert connection_.execute("SELECT duplicates, conflicts, newest_seq FROM stream").fetchone() == (3, 1, 2)
        assert connection_.execute("SELECT count(*) FROM event").fetchone() == (2,)
        assert connection_.execute("SELECT reason FROM rejected").fetchall() == [(SEQ_CONFLICT,)]


def test_duplicates_of_several_devices_in_one_batch_are_counted_per_device(address: str) -> None:
    other = DeviceTopics("entrance", "dong-ba", "gate-2")
    with closing(PostgresLedger(address)) as ledger:
        first = ledger.record([arrival(1, 2), arrival(1, branch=other)])
        again = ledger.record([arrival(2, 3), arrival(1, 2, 3, branch=other)])
    assert [ranges.up_to for ranges in first.values()] == [2, 1]
    assert [ranges.up_to for ranges in again.values()] == [3, 3]
    with psycopg.connect(address) as connection_:
        counted = connection_.execute("SELECT duplicates, conflicts FROM stream ORDER BY device")
        assert counted.fetchall() == [(1, 0), (1, 0)]
        assert connection_.execute("SELECT count(*) FROM event").fetchone() == (6,)


def test_each_day_has_a_partition_and_retention_drops_whole_partitions(address: str) -> None:
    with closing(PostgresLedger(address)) as ledger:
        for age in range(4):
            ledger.record([arrival(age + 1, at=NOW - timedelta(days=age))])
        ledger.record([arrival(5, at=datetime(1970, 1, 1, 0, 1, tzinfo=UTC))])
        dropped = ledger.delete_before((NOW - timedelta(days=1)).date())
        assert dropped == [f"event_{NOW - timedelta(days=age):%Y%m%d}" for age in (3, 2)]
        with psycopg.connect(address) as connection_:
            assert connection_.execute("SELECT array_agg(seq ORDER BY seq) FROM event").fetchone() == ([1, 2, 5],)
        assert ledger.record([arrival(3, at=NOW - timedelta(days=2))])[KEY].up_to == 5, (
            "a late event creates the partition again"
        )


def test_the_day_of_an_event_comes_from_its_id_for_any_id() -> None:
    assert event_date(an_id(1)) == NOW.date()
    assert event_date(UUID(int=0)).year == 1970
    assert event_date(UUID(int=2**128 - 1)).year == 9999


def events() -> st.SearchStrategy[envelope.AccessCloudEvent]:
    word = st.from_regex(r"[a-z0-9][a-z0-9-]{0,47}", fullmatch=True)
    data = st.builds(
        envelope.AccessEventData,
        epoch=st.just(EPOCH),
        seq=st.integers(1, 2**53 - 1),
        boot_id=st.from_regex(r"[A-Za-z0-9._:-]{0,64}", fullmatch=True),
        monotonic_s=st.floats(0, 1e9, allow_nan=False),
        clock_quality=word,
        outcome=st.sampled_from(["pass", "fail", "check-again"]),
        reason=word,
        direction=st.none() | st.sampled_from(["in", "out"]),
        kind=st.none() | word,
        assurance=st.none() | word,
        pseudonym=st.binary(max_size=32).map(bytes.hex),
        sealed=st.binary(max_size=600).map(b64encode),
        code_bytes=st.integers(0, 1_000_000),
        annuls=st.none() | st.uuids(),
        manual_reason=st.none() | word,
    )
    return st.builds(
        envelope.AccessCloudEvent,
        specversion=st.just("1.0"),
        id=st.uuids(),
        source=st.just(GATE.source),
        type=st.just("entrance.access.v1"),
        time=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=7))]), min_value=datetime(2, 1, 1)),  # noqa: DTZ001
        data=data,
    )


def test_each_event_is_stored_in_its_row_unchanged(address: str) -> None:
    PostgresLedger(address).close()
    with psycopg.connect(address, row_factory=dict_row) as connection:
        connection.execute("SET TIME ZONE 'UTC'")

        @settings(max_examples=examples(40), deadline=None)
        @given(
            st.lists(
                st.tuples(events(), st.sampled_from([NOW, NOW + timedelta(microseconds=1)])), min_size=1, max_size=3
            )
        )
        def kept(arrived: list[tuple[envelope.AccessCloudEvent, datetime]]) -> None:
            connection.execute("CREATE TEMPORARY TABLE here (LIKE event)")
            with connection.cursor().copy(f"COPY here ({COPY_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(COPY_HEADER + b"".join(pack_rows(3, 5, arrived)) + COPY_TRAILER)
            found = connection.execute("SELECT * FROM here").fetchall()
            connection.rollback()
            for row, (event, at) in zip(found, arrived, strict=True):
                assert (row["device"], row["stream"], row["id"], row["received_at"]) == (3, 5, event.id, at)
                assert row["day"] == event_date(event.id)
                assert row["annuls"] == event.data.annuls
                assert row["occurred_at"] == event.time
                for name in COPY_COLUMNS.split(", ")[7:]:
                    assert name == "received_at" or row[name] == getattr(event.data, name)
                assert (row["seq"], row["monotonic_s"]) == (event.data.seq, event.data.monotonic_s)

        kept()


def test_an_id_with_a_second_sequence_number_is_rejected(address: str) -> None:
    """Two copies of a database with one epoch: COPY into the table finds the existing id, and the slow path is used."""
    moved = arrival(1)
    event = replace(moved.events[0], data=replace(moved.events[0].data, seq=9))
    with closing(PostgresLedger(address)) as ledger:
        ledger.record([moved])
        standing = ledger.record([IngestedMessage(GATE, [event], [], NOW), arrival(2)])
    assert standing[KEY] == RangeSet([(1, 2)])
    assert [one.reason for one in standing.rejected[KEY]] == [SEQ_CONFLICT]
    with psycopg.connect(address) as connection_:
        assert connection_.execute("SELECT duplicates, conflicts, newest_seq FROM stream").fetchone() == (0, 1, 2)
        assert connection_.execute("SELECT array_agg(seq ORDER BY seq) FROM event").fetchone() == ([1, 2],)


def test_several_centres_on_one_database_lose_and_duplicate_no_event(address: str) -> None:
    PostgresLedger(address).close()
    problems: list[BaseException] = []

    def work(offset: int) -> None:
        try:
            with closing(PostgresLedger(address)) as mine:
                for start in range(0, 200, 10):
                    mine.record([arrival(*range(start + 1, start + 11)), arrival(start // 10 + 1 + offset)])
        except BaseException as problem:  # noqa: BLE001 - the thread of the test raises it
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in (300, 400, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    with psycopg.connect(address) as connection_:
        assert connection_.execute("SELECT count(*), count(DISTINCT seq) FROM event").fetchone() == (260, 260)
        assert connection_.execute("SELECT sum(last_seq - first_seq + 1) FROM seq_range").fetchone() == (260,)
        assert connection_.execute("SELECT duplicates FROM stream").fetchone() == (400,)


def test_events_from_before_the_clock_was_set_get_a_corrected_time(address: str) -> None:
    boot = replace(an_event(1), id=an_id(1), monotonic_s=60.0, clock_quality=ClockQuality.UNSET)
    later = replace(an_event(2), id=an_id(2), occurred_at=NOW, monotonic_s=660.0)
    texts = [event_text(StoredEvent(EPOCH, seq, "boot-a", one), GATE.source) for seq, one in ((1, boot), (2, later))]
    good, _ = envelope.parse_events(envelope.make_payload(texts), GATE.source)
    with closing(PostgresLedger(address)) as ledger:
        ledger.record([IngestedMessage(GATE, good, [], NOW)])
    with psycopg.connect(address) as connection_:
        found = connection_.execute("SELECT corrected_at FROM event_with_corrected_time WHERE seq = 1").fetchone()
    assert found is not None
    assert abs(found[0] - (NOW - timedelta(seconds=600))) < timedelta(seconds=1)


def test_an_unreachable_database_raises_a_ledger_error() -> None:
    with pytest.raises(LedgerError, match="PostgreSQL cannot be used"):
        PostgresLedger("postgresql://centre@127.0.0.1:1/none")


def test_two_centres_share_the_events_and_the_device_gets_complete_receipts(address: str, tmp_path: Path) -> None:
    with Broker() as broker, closing(SqliteEventStore(tmp_path / "p.db")) as store:
        ledgers = [PostgresLedger(address), PostgresLedger(address)]
        centres = [shared_centre(broker, ledger, number) for number, ledger in enumerate(ledgers)]
        until(lambda: all(one.ready for one in centres), *(one.step for one in centres))
        relay = OutboxRelay(
            store,
            GATE,
            lambda will: PahoConnection(broker.endpoint(), "gate", will=will),
            clock=SystemClock(),
            options=DeliveryOptions(max_batch=5),
        )
        store.commit_all([replace(an_event(number), id=an_id(number)) for number in range(1, 301)])
        until(lambda: store.backlog_size() == 0, relay.step, *(one.step for one in centres))
        relay.close()
        for one, ledger in zip(centres, ledgers, strict=True):
            one.close()
            ledger.close()
    done = CliRunner().invoke(centre, ["--database", address, "status"])
    assert "1-300, complete; 0 came twice" in done.output
    with psycopg.connect(address) as connection_:
        assert connection_.execute("SELECT count(*) FROM event").fetchone() == (300,)


def shared_centre(broker: Broker, ledger: Ledger, number: int) -> Collector:
    def connect(will: OutgoingMessage) -> Connection:
        return PahoConnection(broker.endpoint(), f"centre-{number}", will=will, keep_session=True)

    return Collector("entrance", ledger, connect, share_group="centres")


def test_both_ledgers_store_an_annulment_and_count_neither_of_the_two_events(ledger: Ledger) -> None:
    undone = replace(an_event(1), id=an_id(1))
    undo = replace(an_undo_event(2, undone), id=an_id(2))
    texts = [event_text(StoredEvent(EPOCH, seq, "boot-a", one), GATE.source) for seq, one in ((1, undone), (2, undo))]
    good, _ = envelope.parse_events(envelope.make_payload(texts), GATE.source)
    ledger.record([IngestedMessage(GATE, good, [], NOW), arrival(3)])
    assert ask(ledger, "SELECT seq FROM effective_event") == [(3,)]
    assert ask(ledger, "SELECT seq, manual_reason FROM event_with_corrected_time WHERE annuls IS NOT NULL") == [
        (2, "turned-back")
    ]
    assert len(ask(ledger, "SELECT 1 FROM event")) == 3


def ask(ledger: Ledger, query: str) -> list[tuple[object, ...]]:
    if isinstance(ledger, PostgresLedger):
        return ledger._connection.execute(query.encode()).fetchall()
    assert isinstance(ledger, SqliteLedger)
    return ledger._database.execute(query).fetchall()


def test_a_migration_of_the_postgres_schema_runs_once_and_completely_or_not_at_all(address: str) -> None:
    with closing(PostgresLedger(address)) as ledger:
        ledger.record([arrival(1, 2)])
    later = (*postgres_schema.MIGRATIONS, "CREATE TABLE extra (x integer); ALTER TABLE notice ADD COLUMN note text")
    broken = (*later, "CREATE TABLE halfway (x integer); ALTER TABLE nothing ADD COLUMN x integer")
    with closing(psycopg.connect(address)) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            postgres_schema.migrate(connection, broken)
        assert connection.execute("SELECT to_regclass('extra'), to_regclass('halfway')").fetchone() == (None, None)
        connection.commit()
        for _ in range(2):
            postgres_schema.migrate(connection, later)
        assert connection.execute("SELECT version FROM schema_version").fetchone() == (len(later),)
        assert connection.execute("SELECT count(*) FROM event").fetchone() == (2,)
    with pytest.raises(LedgerError, match="newer release"):
        PostgresLedger(address)
