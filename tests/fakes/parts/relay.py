"""An outbox relay on a real store, with a broker in memory and a clock that the test advances."""

import json
import random
from pathlib import Path
from typing import Any

from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from mqtt import events as envelope
from mqtt.events import InvalidEvent
from mqtt.sequence_ranges import Range
from mqtt.topics import TopicKind
from tests.fakes.data import wire_schema
from tests.fakes.data.access_events import GATE, an_event
from tests.fakes.parts.connection import FakeBroker, ManualClock

RECEIPT = GATE.topic(TopicKind.RECEIPT)


class Bench:
    """An outbox relay on a real store, with a broker in memory and a manual clock."""

    def __init__(self, path: Path, options: DeliveryOptions | None = None) -> None:
        self.clock = ManualClock()
        self.broker = FakeBroker(self.clock)
        self.store = SqliteEventStore(path)
        self.options = options or DeliveryOptions(receipt_timeout_s=10.0)
        self.relay = self.new_relay()

    def new_relay(self) -> OutboxRelay:
        return OutboxRelay(
            self.store, GATE, self.broker.connect, clock=self.clock, options=self.options, jitter=random.Random(7)
        )

    def commit(self, count: int) -> None:
        first = self.store.newest_seq + 1
        self.store.commit_all([an_event(number) for number in range(first, first + count)])

    def run(self, seconds: float = 0.0) -> None:
        """Step until `seconds` have passed and the relay has nothing to do."""
        ends = self.clock.s + seconds
        for _ in range(100_000):
            delay = self.relay.step()
            if delay == 0.0 and self.clock.s <= ends:
                continue
            if self.clock.s + delay > ends:
                return
            self.clock.advance(max(delay, 0.05))
        raise AssertionError("the relay never becomes idle")

    def messages(self) -> list[list[int]]:
        """Sequence numbers in each event message so far."""
        found = []
        for message in self.broker.on("event"):
            wire_schema.check(message.topic, message.payload)
            content: Any = json.loads(message.payload)
            events = content if isinstance(content, list) else [content]
            found.append([event["data"]["seq"] for event in events])
        return found

    def seqs(self) -> list[int]:
        return [seq for message in self.messages() for seq in message]

    def receipt(
        self, up_to: int, beyond: list[Range] | None = None, rejected: list[InvalidEvent] | None = None
    ) -> None:
        self.broker.deliver(RECEIPT, envelope.receipt_payload(self.store.epoch, up_to, beyond or [], rejected or []))
