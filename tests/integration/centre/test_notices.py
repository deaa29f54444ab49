"""Notices: each deletion of events on a device is recorded on its disk, on the wire and at the centre."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.centre.command import centre
from kiosk.core.model import ClockQuality, ClockReading
from kiosk.delivery.device_reporter import HEALTH_INTERVAL_S, DeviceReporter
from kiosk.storage import RetentionLimits, SqliteEventStore
from kiosk.storage.deletion import retention as limits_module
from mqtt.centre.ingest.ledger import Ledger
from mqtt.centre.postgres.ledger import PostgresLedger
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.device_messages import HealthMessage
from tests.fakes.data import wire_schema
from tests.fakes.data.access_events import GATE, START_AT, an_event
from tests.fakes.parts.connection import FakeBroker, ManualClock
from tests.fakes.processes import postgres


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteEventStore]:
    with closing(SqliteEventStore(tmp_path / "p.db", limits=RetentionLimits(retention_days=7))) as opened:
        yield opened


def reading_after(days: float) -> ClockReading:
    return ClockReading(START_AT + timedelta(days=days), 10.0 + days, ClockQuality.SYNCHRONISED)


def health_of(store: SqliteEventStore, minutes: int = 1) -> list[HealthMessage]:
    """The health messages of a device, one per minute, as the centre parses them."""
    clock = ManualClock()
    broker = FakeBroker(clock)
    reporter = DeviceReporter(store, GATE, "test")
    connection = broker.connect(reporter.state_message("offline", "lost", None))
    for _ in range(minutes):
        reporter.publish_due(connection, clock.now())
        clock.advance(HEALTH_INTERVAL_S)
    messages = broker.on("health")
    for message in messages:
        wire_schema.check(message.topic, message.payload)
    return [HealthMessage.from_payload(message.payload) for message in messages]


def test_a_notice_of_retention_survives_a_restart_and_is_in_every_health_message(
    tmp_path: Path,
) -> None:
    path = tmp_path / "p.db"
    with closing(SqliteEventStore(path, limits=RetentionLimits(retention_days=7))) as store:
        store.commit_all([an_event(number) for number in range(1, 42)])
        store.acknowledge(41)
        assert store.run_maintenance(reading_after(8)) == 40
    with closing(SqliteEventStore(path)) as store:
        for health in health_of(store, minutes=2):
            (notice,) = health.notices
            assert (notice.kind, notice.first_seq, notice.last_seq, notice.count) == ("purged-age", 1, 40, 40)
            assert notice.at == reading_after(8).utc_at


def test_all_notices_reach_the_centre_although_a_message_has_only_some_of_them(store: SqliteEventStore) -> None:
    for number in range(1, 46):
        at = f"2026-11-{number % 28 + 1:02d}T00:00:00+00:00"
        limits_module.add_notice(
            store._relay_connection, "redacted" if number % 2 else "purged-rows", at=at, count=number
        )
    messages = health_of(store, minutes=6)
    assert {one.number for message in messages for one in message.notices} == set(range(1, 46))
    assert all(46 - 10 in {one.number for one in message.notices} for message in messages), "the newest are in each"
    assert max(len(message.to_payload()) for message in messages) < 4096


@pytest.fixture(params=["sqlite", "postgresql"])
def database_and_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Ledger]]:
    if request.param == "sqlite":
        with closing(SqliteLedger(tmp_path / "centre.db")) as ledger:
            yield str(tmp_path / "centre.db"), ledger
        return
    with postgres.server() as address, closing(PostgresLedger(address)) as other:
        yield address, other


def test_the_centre_stores_each_notice_once_updates_it_and_shows_it(
    database_and_ledger: tuple[str, Ledger], store: SqliteEventStore
) -> None:
    database, ledger = database_and_ledger
    store.commit_all([an_event(number) for number in range(1, 42)])  # the newest event is never deleted
    for up_to, days in ((10, 7.0002), (41, 8)):
        store.acknowledge(up_to)
        store.run_maintenance(reading_after(days))
        for health in health_of(store, minutes=2):
            ledger.save_health(GATE, health, START_AT)
    answer = CliRunner().invoke(centre, ["--database", database, "status", "--json"])
    found = json.loads(answer.stdout)["notices"]
    assert [(one["kind"], one["event_count"]) for one in found] == [("purged-age", 40)]
    text = CliRunner().invoke(centre, ["--database", database, "status"]).stdout
    assert "the device reports: 40 events purged-age" in text
