"""Store, relay, a real broker and a real centre: each event arrives once, and then leaves the outbox."""

import json
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.core.model import DeviceState
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.sqlite.ledger import SqliteLedger, read_counts
from mqtt.connection import Connection, OutgoingMessage
from mqtt.paho.connection import PahoConnection
from tests.fakes.data.access_events import GATE, an_event
from tests.fakes.parts.stepping import until
from tests.fakes.processes.broker import Broker, Listener


@pytest.fixture(params=["5", "3.1.1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteEventStore]:
    with closing(SqliteEventStore(tmp_path / "events.db")) as opened:
        yield opened


def relay_of(
    store: SqliteEventStore, broker: Broker, version: str = "5", options: DeliveryOptions | None = None
) -> OutboxRelay:
    def connect(will: OutgoingMessage) -> Connection:
        return PahoConnection(broker.endpoint(version, keepalive_s=5), f"{GATE.source}", will=will)

    jitter = random.Random(1)
    return OutboxRelay(
        store,
        GATE,
        connect,
        clock=SystemClock(),
        brokers=[broker.address],
        options=options,
        software_version="test",
        jitter=jitter,
    )


def centre_of(path: Path, broker: Broker, version: str = "5") -> tuple[Collector, SqliteLedger]:
    ledger = SqliteLedger(path)

    def connect(will: OutgoingMessage) -> Connection:
        return PahoConnection(broker.endpoint(version), "centre-1", will=will, keep_session=True)

    return Collector("entrance", ledger, connect), ledger


def test_committed_events_arrive_once_and_then_leave_the_outbox(
    tmp_path: Path, broker: Broker, store: SqliteEventStore, version: str
) -> None:
    relay = relay_of(store, broker, version)
    collector, ledger = centre_of(tmp_path / "centre.db", broker, version)
    until(lambda: collector.ready, collector.step)
    for number in range(1, 121):
        store.commit(an_event(number))
    until(lambda: store.backlog_size() == 0, relay.step, collector.step)
    counts = read_counts(tmp_path / "centre.db")
    assert (counts.distinct, counts.duplicates, counts.missing) == (120, 0, 0)
    assert len(store.recent(999)) == 120, "delivered events are kept"
    assert relay.status().connected
    assert relay.status().last_receipt_at is not None
    relay.close()
    collector.close()
    ledger.close()


def test_new_events_are_sent_before_the_backlog(broker: Broker, store: SqliteEventStore) -> None:
    listener = Listener(broker.endpoint(), "entrance/v1/+/+/event")
    for number in range(1, 301):
        store.commit(an_event(number))
    relay = relay_of(store, broker, options=DeliveryOptions(max_inflight=60, max_batch=20))
    until(lambda: len(listener.look()) >= 3, relay.step)
    live = store.commit(an_event(999))
    until(lambda: len(listener.look()) >= 4, relay.step)
    event = json.loads(listener.messages[3][1])
    assert event["id"] == str(live.event.id), "the window was full of backlog, but a live event is sent"
    relay.close()
    listener.close()


def test_the_state_is_sent_at_each_connect_change_and_clean_stop(
    broker: Broker, store: SqliteEventStore, version: str
) -> None:
    topic = "entrance/v1/dong-ba/gate-1/state"
    listener = Listener(broker.endpoint(), topic)
    relay = relay_of(store, broker, version)

    def states() -> list[str]:
        return [json.loads(payload)["state"] for _, payload in listener.look()]

    until(lambda: states() == ["birth"], relay.step)
    relay.set_state(DeviceState.READY)
    until(lambda: states() == ["birth", "ready"], relay.step)
    relay.set_state(DeviceState.OUT_OF_ORDER, "disk full")
    until(lambda: states()[2:] == ["out-of-order"], relay.step)
    relay.close()
    until(lambda: states()[3:] == ["offline"], lambda: 0.0)
    assert json.loads(listener.messages[-1][1])["reason"] == "stopped"
    listener.close()
    late = Listener(broker.endpoint(), topic, name="late")
    until(lambda: len(late.look(0.05)) == 1, lambda: 0.0)
    assert json.loads(late.messages[0][1])["state"] == "offline", "the state is retained"
    late.close()
