"""The hourly counts are right after any order of events, duplicates, annulments, late events and clock corrections."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.core.model import AccessEvent, ClockQuality
from mqtt.centre.ingest.batch import IngestedMessage
from mqtt.centre.ingest.ledger import Ledger
from mqtt.centre.postgres.ledger import PostgresLedger
from mqtt.centre.sqlite import schema as sqlite_schema
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.device_messages import HealthMessage
from mqtt.topics import DeviceTopics
from tests.examples import examples
from tests.fakes.data.access_events import EPOCH, an_event, an_undo_event
from tests.fakes.data.arrivals import arrival_of
from tests.fakes.processes import postgres

NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
RECOUNT = {
    SqliteLedger: "strftime('%Y-%m-%dT%H:00:00.000+00:00', coalesce(corrected_at, received_at))",
    PostgresLedger: "date_trunc('hour', coalesce(corrected_at, received_at), 'UTC')",
}
GROUPS = "coalesce(direction, ''), outcome, reason, coalesce(kind, '')"
_device_names = count(1)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    if request.param == "sqlite":
        with closing(SqliteLedger(tmp_path_factory.mktemp("centre") / "centre.db")) as opened:
            yield opened
        return
    with postgres.server() as address, closing(PostgresLedger(address)) as other:
        yield other


def ask(ledger: Any, query: str, *values: object) -> list[tuple[Any, ...]]:
    if isinstance(ledger, PostgresLedger):
        found = ledger._connection.execute(query.replace("?", "%s").encode(), values).fetchall()
        ledger._connection.rollback()
        return found
    rows: list[tuple[Any, ...]] = ledger._database.execute(query, values).fetchall()
    return rows


def counted_and_recounted(ledger: Ledger, device: str) -> tuple[list[Any], list[Any]]:
    counted = ask(
        ledger,
        "SELECT hour, direction, result, reason, kind, n FROM hourly JOIN device ON device.number = hourly.device "
        "WHERE device.device = ?",
        device,
    )
    recounted = ask(
        ledger,
        f"SELECT {RECOUNT[type(ledger)]}, {GROUPS}, count(*) FROM effective_event AS e "  # noqa: S608 - constants
        "JOIN device ON device.number = e.device WHERE device.device = ? GROUP BY 1, 2, 3, 4, 5",
        device,
    )
    return sorted(counted), sorted(recounted)


def event(number: int, minutes_ago: int, quality: ClockQuality) -> AccessEvent:
    at = NOW - timedelta(minutes=minutes_ago)
    id_ = UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | number)
    started_at = NOW - timedelta(days=2)
    shown_at = at if quality is not ClockQuality.UNSET else datetime(1970, 1, 1, tzinfo=UTC)
    return replace(
        an_event(number),
        id=id_,
        occurred_at=shown_at,
        monotonic_s=(at - started_at).total_seconds(),
        clock_quality=quality,
    )


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["events", "again", "undo", "undo-of-the-next", "health"]),
        st.integers(1, 3),
        st.integers(0, 2000),
        st.sampled_from(list(ClockQuality)),
        st.sampled_from(["boot-a", "boot-b"]),
    ),
    min_size=1,
    max_size=12,
)


class Device:
    """Makes messages of one device, each of which may come in the same batch as the one before."""

    def __init__(self, name: str) -> None:
        self.topics = DeviceTopics("entrance", "dong-ba", name)
        self.seq = 0
        self.sent: list[tuple[int, AccessEvent, str]] = []

    def message(self, *numbered: tuple[int, AccessEvent], boot: str) -> IngestedMessage:
        self.sent += [(seq, one, boot) for seq, one in numbered]
        return arrival_of(numbered, NOW, branch=self.topics, boot=boot)

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq


def messages_of(device: Device, steps: list[Any]) -> Iterator[IngestedMessage | HealthMessage]:
    for kind, number, minutes_ago, quality, boot in steps:
        if kind == "health":
            at = NOW - timedelta(minutes=minutes_ago)
            yield HealthMessage(
                at=at, state="ready", clock_quality="synchronised", epoch=EPOCH, newest_seq=1, backlog=0, boot_id=boot,
                monotonic_s=(at - NOW + timedelta(days=2)).total_seconds() + number % 2,
            )  # fmt: skip
        elif kind == "again" and device.sent:
            seq, again, boot_before = device.sent[minutes_ago % len(device.sent)]
            yield arrival_of([(seq, again)], NOW, branch=device.topics, boot=boot_before)
        elif kind == "undo" and device.sent:
            target = device.sent[minutes_ago % len(device.sent)][1]
            seq = device.next_seq()
            undo = replace(an_undo_event(seq, target), id=event(seq, 0, quality).id)
            yield device.message((seq, undo), boot=boot)
        elif kind == "undo-of-the-next":
            seqs = device.next_seq(), device.next_seq()
            target = event(seqs[0], minutes_ago, quality)
            undo = replace(an_undo_event(seqs[1], target), id=event(seqs[1], 0, quality).id)
            yield device.message((seqs[1], undo), boot=boot)
            yield device.message((seqs[0], target), boot=boot)
        else:
            seqs_ = [device.next_seq() for _ in range(number)]
            yield device.message(*((seq, event(seq, minutes_ago, quality)) for seq in seqs_), boot=boot)


def test_the_counts_equal_a_recount_of_the_events(ledger: Ledger) -> None:
    @settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS, st.booleans())
    def equal(steps: list[Any], together: bool) -> None:
        device = Device(f"gate-{next(_device_names)}")
        waiting: list[IngestedMessage] = []
        for message in messages_of(device, steps):
            if isinstance(message, HealthMessage):
                ledger.save_health(device.topics, message, NOW)
            else:
                waiting.append(message)
            if waiting and not together:
                ledger.record(waiting)
                waiting = []
        if waiting:
            ledger.record(waiting)
        counted, recounted = counted_and_recounted(ledger, device.topics.device)
        assert counted == recounted

    equal()


def test_the_counts_outlive_the_events(ledger: Ledger) -> None:
    device = Device("gate-of-retention")
    ledger.record([device.message(*((seq, event(seq, 5, ClockQuality.SYNCHRONISED)) for seq in (1, 2)), boot="b")])
    before, _ = counted_and_recounted(ledger, device.topics.device)
    assert sum(row[-1] for row in before) == 2
    ledger.delete_before((NOW + timedelta(days=1)).date())
    after, recounted = counted_and_recounted(ledger, device.topics.device)
    assert (after, recounted) == (before, [])


def test_a_database_of_an_earlier_release_gets_its_counts(tmp_path: Path) -> None:

    file = tmp_path / "centre.db"
    with closing(sqlite3.connect(file)) as raw:
        sqlite_schema.migrate(raw, sqlite_schema.MIGRATIONS[:2])
        raw.execute(
            "INSERT INTO device (number, topic_prefix, site, device, last_seen_at) VALUES (1, 'e', 's', 'd', 'x')"
        )
        raw.execute("INSERT INTO stream (number, device, epoch) VALUES (1, 1, 'e')")
        for number, annuls in ((1, None), (2, None), (3, b"\x01" * 16)):
            raw.execute(
                "INSERT INTO event VALUES (1, ?, 1, ?, '2026-11-23T08:10:00.000+00:00', 1.0, 'b', 'synchronised', 'pass', 'ok', "
                "'in', 'card', NULL, '', x'', 0, '2026-11-23T08:10:00.000+00:00', ?, NULL)",
                [bytes([number]) * 16, number, annuls],
            )
        raw.commit()
    SqliteLedger(file).close()
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute("SELECT hour, n FROM hourly").fetchall() == [("2026-11-23T08:00:00.000+00:00", 1)]
