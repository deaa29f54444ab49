"""While a backlog waits, the centre measures how long a live message takes, and stops the backlogs where it takes too long."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mqtt.centre.fleet.backlog_control import FLOOR_EVENTS_PER_S
from mqtt.centre.fleet.ingest_pace import LATE_S
from mqtt.centre.ingest.inbox import BATCH_BYTES
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.connection import IncomingMessage
from mqtt.topics import TopicKind
from tests.fakes.data.access_events import GATE
from tests.unit.mqtt.centre.ingest.test_collector import event
from tests.unit.mqtt.centre.ingest.test_greetings import OTHER, Centre, health, hello

PROBE = "entrance/v1/centre/probe/centre"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path / "centre.db")) as opened:
        yield opened


def probes(centre: Centre) -> list[bytes]:
    return [message.payload for message in centre.broker.received if message.topic == PROBE]


def rates(centre: Centre, *messages: tuple[str, bytes]) -> list[float | None]:
    return [receipt.backlog_events_per_s for receipt in centre.receive(*messages) if receipt.sets_backlog_rate]


def test_a_centre_without_backlogs_sends_itself_nothing(ledger: SqliteLedger) -> None:
    centre = Centre(ledger)
    centre.receive(hello(), health(0), (GATE.topic(TopicKind.EVENT), event(1).encode()))
    assert probes(centre) == []


def test_a_live_message_that_is_late_stops_the_backlogs_and_an_early_one_lets_them_go_on(ledger: SqliteLedger) -> None:
    centre = Centre(ledger)
    assert rates(centre, hello(7000), hello(7000, device=OTHER)) == [50.0, 50.0]
    (first,) = probes(centre)
    centre.clock.advance(LATE_S)
    assert rates(centre, (PROBE, first)) == [FLOOR_EVENTS_PER_S] * 2
    (second,) = probes(centre)
    assert second != first
    assert rates(centre, (PROBE, second)) == [25.0] * 2


def test_one_that_does_not_come_back_stops_them_too(ledger: SqliteLedger) -> None:
    centre = Centre(ledger)
    centre.receive(hello(7000))
    centre.receive((PROBE, probes(centre)[-1]))
    assert probes(centre)
    centre.clock.advance(10 * LATE_S)
    assert rates(centre, health(7000)) == [FLOOR_EVENTS_PER_S]


def test_messages_of_others_on_its_topic_and_of_an_earlier_start_change_nothing(ledger: SqliteLedger) -> None:
    centre = Centre(ledger)
    centre.receive(hello(7000))
    centre.clock.advance(5 * LATE_S)
    assert centre.receive((PROBE, b"of another start"), (PROBE, b"")) == []
    assert ledger._database.execute("SELECT count(*) FROM invalid_message").fetchone()[0] == 0


def test_a_broker_that_refuses_the_topic_is_used_all_the_same(ledger: SqliteLedger) -> None:
    centre = Centre(ledger)
    centre.collector.close()
    again = Centre(ledger, refuses=(PROBE,))
    assert again.collector.ready
    assert rates(again, hello(7000)) == [100.0]


def test_a_large_message_that_waits_too_long_at_the_centre_stops_the_backlogs(ledger: SqliteLedger) -> None:
    """The broker hands out only so many messages before the oldest is acknowledged. So live ones would soon wait behind it."""
    centre = Centre(ledger)
    centre.receive(hello(7000))
    inbox = centre.collector._inbox
    inbox.large_bytes = 1
    padding = b" " * (BATCH_BYTES // 10)
    for seq in range(1, 4):
        message = event(seq).encode() + padding
        centre.broker.links[-1].events.append(
            IncomingMessage(GATE.topic(TopicKind.EVENT), message, 1, retain=False, token=0)
        )
    centre.broker.received.clear()
    centre.collector.step()
    centre.clock.advance(2 * LATE_S)
    centre.settle()
    told = [message.payload for message in centre.broker.on("receipt")]
    assert any(b'"backlog_events_per_s":0.02' in payload for payload in told)
