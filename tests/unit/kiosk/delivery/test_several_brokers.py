"""A kiosk with several broker addresses, in simulated time."""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.delivery.relay import MAX_CENTRE_WAIT_S
from kiosk.storage import SqliteEventStore
from mqtt import events as envelope
from mqtt.connection import BrokerEndpoint, Connection, OutgoingMessage
from mqtt.paho.failover import Failover
from tests.fakes.data.access_events import GATE, an_event
from tests.fakes.parts.connection import FakeBroker, FakeConnection, ManualClock
from tests.fakes.parts.relay import RECEIPT

BACK_WITHIN_S = 10.0


class TwoBrokers:
    """A relay with the brokers `a` and `b`. The centre is at `centre`, and confirms all that arrives there."""

    def __init__(self, path: Path, seed: int = 1) -> None:
        self.clock = ManualClock()
        self.brokers = {"a": FakeBroker(self.clock), "b": FakeBroker(self.clock)}
        self.centre = "a"
        self.store = SqliteEventStore(path)
        self.connects: list[tuple[float, str]] = []
        endpoints = [BrokerEndpoint(name, 1883) for name in self.brokers]
        self.relay = OutboxRelay(
            self.store,
            GATE,
            Failover(endpoints, self._open, clock=lambda: self.clock.s, jitter=random.Random(seed)),
            clock=self.clock,
            brokers=[str(each) for each in endpoints],
            options=DeliveryOptions(receipt_timeout_s=10.0),
            jitter=random.Random(seed),
        )

    def _open(self, endpoint: BrokerEndpoint, will: OutgoingMessage, failures: int) -> Connection:
        self.connects.append((self.clock.s, endpoint.host))
        made = FakeConnection(self.brokers[endpoint.host], will)
        made.address = str(endpoint)
        self.brokers[endpoint.host].links.append(made)
        return made

    def run(self, seconds: float) -> None:
        ends_s = self.clock.s + seconds
        while self.clock.s < ends_s:
            self.clock.advance(max(0.05, min(self.relay.step(), 1.0)))
            self._confirm()

    def _confirm(self) -> None:
        broker = self.brokers[self.centre]
        if broker.on("event") and broker.links and not broker.links[-1].broken:
            broker.received.clear()
            broker.deliver(RECEIPT, envelope.receipt_payload(self.store.epoch, self.store.newest_seq))

    def commit(self) -> None:
        self.store.commit(an_event(self.store.newest_seq + 1))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[TwoBrokers]:
    made = TwoBrokers(tmp_path / "p.db")
    with closing(made.store):
        yield made


def kill(broker: FakeBroker) -> None:
    broker.up = False
    broker.cut()


@pytest.mark.parametrize("seed", range(20))
def test_a_kiosk_is_at_the_other_broker_within_ten_seconds_of_a_kill(tmp_path: Path, seed: int) -> None:
    two = TwoBrokers(tmp_path / "p.db", seed)
    with closing(two.store):
        two.run(1.0)
        for dead, living in (("a", "b"), ("b", "a"), ("a", "b")):
            two.brokers[living].up = True
            two.commit()
            two.run(60.0)
            assert two.relay.status().broker == f"{dead}:1883"
            kill(two.brokers[dead])
            two.centre = living
            two.commit()
            two.run(BACK_WITHIN_S)
            assert (two.relay.status().connected, two.relay.status().broker) == (True, f"{living}:1883")
            assert two.store.backlog_size() == 0


def test_a_kiosk_stays_at_the_second_broker_and_returns_to_the_first_with_its_next_connection(two: TwoBrokers) -> None:
    kill(two.brokers["a"])
    two.centre = "b"
    two.run(20.0)
    two.brokers["a"].up = True
    for _ in range(10):
        two.commit()
        two.run(60.0)
    assert two.relay.status().broker == "b:1883", "a connection that works is kept"
    two.brokers["b"].cut()
    two.centre = "a"
    two.run(BACK_WITHIN_S)
    assert two.relay.status().broker == "a:1883"


def test_a_kiosk_that_is_at_a_broker_without_the_centre_looks_for_the_centre(two: TwoBrokers) -> None:
    two.centre = "b"
    two.run(5.0)
    two.commit()
    two.run(60.0)
    assert two.store.backlog_size() == 0
    assert two.relay.status().broker == "b:1883"


def test_while_the_centre_is_nowhere_the_kiosk_changes_brokers_less_and_less_often(two: TwoBrokers) -> None:
    two.centre = "a"
    two.brokers["a"].unheard = True
    two.run(1.0)
    two.centre = "b"
    two.brokers["b"].refuses = (RECEIPT,)
    two.commit()
    two.brokers["b"].acknowledges = False
    two._confirm = lambda: None  # type: ignore[method-assign]
    two.run(4 * 3600.0)
    changes = [at_s for at_s, _ in two.connects]
    assert {host for _, host in two.connects} == {"a", "b"}
    assert len(changes) < 4 * 3600.0 / MAX_CENTRE_WAIT_S + 10
    assert two.store.backlog_size() == 1


def test_two_dead_brokers_are_tried_rarely_and_the_first_that_returns_is_used(two: TwoBrokers) -> None:
    for broker in two.brokers.values():
        kill(broker)
    two.commit()
    two.run(3600.0)
    assert 60 < len(two.connects) < 300, "full jitter up to a minute"
    two.brokers["b"].up = True
    two.centre = "b"
    two.run(130.0)
    assert two.store.backlog_size() == 0


def test_the_status_names_the_broker_in_use_and_before_the_first_connection_all_of_them(two: TwoBrokers) -> None:
    assert two.relay.status().broker == "a:1883, b:1883"
    two.run(1.0)
    assert two.relay.status().broker == "a:1883"
