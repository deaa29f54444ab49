"""Retained messages that no one can read, on every topic that kiosk and centre subscribe to: neither ends nor stalls."""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt import topics
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.sqlite.ledger import SqliteLedger, read_counts
from mqtt.connection import Connection, OutgoingMessage
from mqtt.paho.connection import MAX_PACKET_BYTES, PahoConnection
from mqtt.topics import TopicKind
from tests.fakes.data.access_events import GATE, an_event
from tests.fakes.processes.broker import Broker, publish

KIOSK_TOPICS = (GATE.topic(TopicKind.RECEIPT), *topics.centre_topics(GATE.prefix))
CENTRE_TOPICS = tuple(
    f"entrance/v1/dong-ba/{device}/{kind}" for device in ("gate-1", "gate-7") for kind in ("event", "state", "health")
)
POISON = {
    "binary": bytes(range(256)),
    "deep": b"[" * 100_000,
    "wrong type": b'{"state": 7, "epoch": [], "events_per_s": "x", "up_to": -1}',
    "number": b"1e999999",
    "text": b'"' + b"x" * 10_000 + b'"',
    "empty object": b"{}",
    "NUL": b"\x00",
    "oversize": b"x" * (MAX_PACKET_BYTES + 200_000),
}
OPTIONS = DeliveryOptions(receipt_timeout_s=0.5, reconnect_max_delay_s=0.2)


@pytest.fixture(params=["5", "3.1.1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Line:
    """A relay and a collector at one broker, stepped by one thread."""

    def __init__(self, folder: Path, broker: Broker, version: str) -> None:
        endpoint = broker.endpoint(version, keepalive_s=5)
        self.store = SqliteEventStore(folder / "p.db")
        self.path = folder / "centre.db"
        self.ledger = SqliteLedger(self.path)

        def from_gate(will: OutgoingMessage) -> Connection:
            return PahoConnection(endpoint, "gate-1", will=will)

        def from_centre(will: OutgoingMessage) -> Connection:
            return PahoConnection(endpoint, "centre-1", will=will, keep_session=True)

        self.relay = OutboxRelay(
            self.store, GATE, from_gate, clock=SystemClock(), options=OPTIONS, jitter=random.Random(1)
        )
        self.collector = Collector("entrance", self.ledger, from_centre, jitter=random.Random(1))
        self._pause = threading.Event()

    def until(self, done: Callable[[], bool]) -> None:
        ends_s = time.monotonic() + 90.0
        while not done():
            assert time.monotonic() < ends_s, f"{self.store.backlog_size()} wait, {self.relay.status()}"
            self._pause.wait(min(self.relay.step(), self.collector.step(), 0.05))

    def deliver(self, count: int) -> None:
        first = self.store.newest_seq + 1
        self.store.commit_all([an_event(number) for number in range(first, first + count)])
        self.until(lambda: self.store.backlog_size() == 0)
        assert read_counts(self.path).distinct == first + count - 1

    def close(self) -> None:
        self.relay.close()
        self.collector.close()
        self.ledger.close()
        self.store.close()


@pytest.mark.parametrize("kind", POISON)
def test_a_retained_message_of_this_kind_on_every_topic_stops_neither_kiosk_nor_centre(
    tmp_path: Path, version: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Broker(persistence=True) as broker, caplog.at_level(logging.INFO):
        poison(broker, POISON[kind])
        with closing(Line(tmp_path, broker, version)) as line:
            line.deliver(10)
            for _ in range(2):
                broker.stop()
                broker.start()
                line.deliver(10)
            assert line.store.quarantined_count() == 0
        dropped = Counter(one for one in caplog.messages if one.startswith("an invalid message on"))
        assert all(times == 1 for times in dropped.values()), "once for each cause, however often it comes again"
        # a broker of MQTT 5 keeps what is larger than the kiosk accepts, and the centre replaces its own retained messages
        assert any(f"on {KIOSK_TOPICS[0]} was" in one for one in dropped) is ((kind, version) != ("oversize", "5"))


def poison(broker: Broker, payload: bytes) -> None:
    for number, topic in enumerate((*KIOSK_TOPICS, *CENTRE_TOPICS)):
        publish(broker.endpoint(), OutgoingMessage(topic, payload, retain=True), f"attacker-{number}")


def test_an_oversize_message_reaches_the_kiosk_of_mqtt_3_without_its_content(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Broker() as broker, caplog.at_level(logging.ERROR):
        poison(broker, b"x" * 20_000_000)
        with closing(Line(tmp_path, broker, "3.1.1")) as line:
            line.deliver(5)
        assert sum(f"on {KIOSK_TOPICS[0]} was dropped" in one for one in caplog.messages) == 1
