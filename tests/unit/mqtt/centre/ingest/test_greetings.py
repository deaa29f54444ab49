"""The centre answers a device that connects: what it has of it, and how fast its backlog may come. No message is retained."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mqtt.centre.ingest.collector import Collector
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.connection import IncomingMessage
from mqtt.device_messages import HealthMessage, StateMessage
from mqtt.events import Receipt
from mqtt.topics import DeviceTopics, TopicKind
from tests.fakes.data import wire_schema
from tests.fakes.data.access_events import EPOCH, GATE, START_AT
from tests.fakes.parts.connection import FakeBroker, ManualClock
from tests.unit.mqtt.centre.ingest.test_collector import event

NOW_AT = START_AT + timedelta(hours=1)
OTHER = DeviceTopics("entrance", "dong-ba", "gate-2")


class Centre:
    """A collector with a budget of 100 events per second."""

    def __init__(
        self,
        ledger: SqliteLedger,
        share_group: str | None = None,
        budget: float | None = 100.0,
        refuses: tuple[str, ...] = (),
    ) -> None:
        self.clock = ManualClock()
        self.broker = FakeBroker(self.clock, refuses=refuses)
        self.collector = Collector(
            "entrance",
            ledger,
            self.broker.connect,
            share_group=share_group,
            backlog_budget=budget,
            clock=lambda: self.clock.s,
            now_at=lambda: NOW_AT,
        )
        self.settle()

    def settle(self) -> None:
        for _ in range(5):
            self.collector.step()

    def receive(self, *messages: tuple[str, bytes], retain: bool = False) -> list[Receipt]:
        self.broker.received.clear()
        for topic, payload in messages:
            self.broker.links[-1].events.append(IncomingMessage(topic, payload, 1, retain=retain, token=0))
        self.settle()
        for message in self.broker.on("receipt"):
            wire_schema.check(message.topic, message.payload)
        return [Receipt.from_payload(message.payload) for message in self.broker.on("receipt")]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path / "centre.db")) as opened:
        yield opened


def hello(
    backlog: int = 0, state: str = "ready", device: DeviceTopics = GATE, connected_at: datetime = START_AT
) -> tuple[str, bytes]:
    report = StateMessage.model_validate(
        {
            "state": state,
            "at": START_AT,
            "epoch": EPOCH,
            "newest_seq": 9,
            "backlog": backlog,
            "connected_at": connected_at,
        }
    )
    return device.topic(TopicKind.STATE), report.to_payload()


def health(backlog: int, device: DeviceTopics = GATE) -> tuple[str, bytes]:
    report = HealthMessage(
        at=START_AT, state="ready", clock_quality="unset", epoch=EPOCH, newest_seq=9, backlog=backlog
    )
    return device.topic(TopicKind.HEALTH), report.to_payload()


def test_a_device_that_connects_is_told_what_the_centre_has_and_its_rate(ledger: SqliteLedger) -> None:
    centre = Centre(ledger)
    for seq in (1, 2, 5):
        centre.receive((GATE.topic(TopicKind.EVENT), event(seq).encode()))
    (receipt,) = centre.receive(hello(backlog=7000))
    assert (receipt.epoch, receipt.up_to_seq, receipt.ranges) == (EPOCH, 2, ((5, 5),))
    assert receipt.is_greeting
    assert receipt.backlog_events_per_s == 100.0


def test_a_device_that_the_centre_does_not_know_is_answered_too(ledger: SqliteLedger) -> None:
    (receipt,) = Centre(ledger).receive(hello())
    assert (receipt.up_to_seq, receipt.ranges, receipt.is_greeting) == (0, (), True)


def test_without_a_budget_the_answer_lifts_every_limit(ledger: SqliteLedger) -> None:
    (receipt,) = Centre(ledger, budget=None).receive(hello(backlog=7000))
    assert receipt.sets_backlog_rate
    assert receipt.backlog_events_per_s is None


def test_one_receipt_answers_the_events_and_the_greeting_of_a_batch(ledger: SqliteLedger) -> None:
    (receipt,) = Centre(ledger).receive(hello(backlog=300), (GATE.topic(TopicKind.EVENT), event(1).encode()))
    assert receipt.confirmed is not None
    assert [span[:2] for span in receipt.confirmed] == [(1, 1)]
    assert receipt.backlog_events_per_s == 100.0


def test_a_health_message_is_answered_only_where_the_rate_changed(ledger: SqliteLedger) -> None:
    centre = Centre(ledger)
    centre.receive(hello(backlog=7000))
    assert centre.receive(health(6000)) == []
    rates = {receipt.epoch: receipt.backlog_events_per_s for receipt in centre.receive(health(4000, OTHER))}
    assert rates == {EPOCH: 50.0}
    assert {message.topic for message in centre.broker.on("receipt")} == {
        GATE.topic(TopicKind.RECEIPT), OTHER.topic(TopicKind.RECEIPT)
    }, "both share the budget from now on"  # fmt: skip
    assert centre.receive(health(5000)) == []


def test_neither_a_retained_state_nor_a_last_will_is_answered(ledger: SqliteLedger) -> None:
    centre = Centre(ledger)
    assert centre.receive(hello(), retain=True) == []
    assert centre.receive(hello(state="offline")) == []


def test_a_device_that_came_back_shortly_before_the_centre_is_answered_and_need_not_wait_for_its_health_message(
    ledger: SqliteLedger,
) -> None:
    centre, now = Centre(ledger), NOW_AT
    assert centre.receive(hello(backlog=70, connected_at=now - timedelta(seconds=90)), retain=True) == []
    (receipt,) = centre.receive(hello(backlog=70, connected_at=now - timedelta(seconds=20)), retain=True)
    assert receipt.backlog_events_per_s == 70.0
    offline = hello(state="offline", device=OTHER, connected_at=now)
    assert centre.receive(offline, retain=True) == []


def test_a_health_message_heals_the_state_and_an_older_one_of_the_batch_does_not(ledger: SqliteLedger) -> None:
    centre = Centre(ledger)

    def state() -> str:
        return str(ledger._database.execute("SELECT state FROM device").fetchone()[0])

    centre.receive(health(0))
    assert state() == "ready"
    centre.receive(health(0), hello(state="degraded"))
    assert state() == "degraded"
    centre.receive(hello(state="offline"), health(0))
    assert state() == "ready"


def test_all_messages_of_devices_are_shared_within_a_group(ledger: SqliteLedger) -> None:
    centre = Centre(ledger, share_group="city")
    assert centre.broker.filters == [
        (
            *(f"$share/city/entrance/v1/+/+/{kind}" for kind in ("event", "state", "health")),
            "entrance/v1/centre/probe/centre",
        )
    ]
