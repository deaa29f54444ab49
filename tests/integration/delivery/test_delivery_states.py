"""The delivery protocol in random interleavings: store, relay and ledger are real, the broker between them is simulated.

Messages and receipts are lost, duplicated, reordered and delayed. Connections break. Relay and store restart at any point. The
broker loses its queue, rejects events and disconnects at some of them. Invariant: what the device counts as delivered is at the
centre. In the end, without faults, each event is there once and without a gap.
"""

import random
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kiosk.core.model import Reason
from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from mqtt import events
from mqtt.centre.ingest.batch import IngestedMessage
from mqtt.centre.ingest.receipts import receipt_messages
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.connection import OutgoingMessage
from mqtt.topics import TopicKind
from tests.examples import examples
from tests.fakes.data.access_events import GATE, START_AT, an_event
from tests.fakes.parts.connection import FakeBroker, ManualClock

OPTIONS = DeliveryOptions(receipt_timeout_s=5.0, max_inflight=20, max_batch=4, reconnect_max_delay_s=2.0)


class Delivery(RuleBasedStateMachine):
    """One device, one broker that may lose its queue, one centre."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="delivery-states-"))
        self.clock = ManualClock()
        self.broker = FakeBroker(self.clock)
        self.store = SqliteEventStore(self.folder / "p.db")
        self.relay = self.new_relay()
        self.ledger = SqliteLedger(Path(":memory:"))
        self.seen = 0
        self.queue: list[OutgoingMessage] = []
        """Events that the broker has queued for the centre."""
        self.answers: list[bytes] = []
        """Receipts in transit."""
        self.committed: dict[int, bytes] = {}
        self.at_centre: set[int] = set()
        self.poison: set[int] = set()
        """Events that never reach the centre: the centre rejects them, or the broker disconnects at them."""

    def new_relay(self) -> OutboxRelay:
        return OutboxRelay(
            self.store, GATE, self.broker.connect, clock=self.clock, options=OPTIONS, jitter=random.Random(1)
        )

    # actions of the device

    @rule(count=st.integers(1, 9))
    def commit(self, count: int) -> None:
        first = len(self.committed) + 1
        for stored in self.store.commit_all([an_event(number) for number in range(first, first + count)]):
            self.committed[stored.seq] = stored.event.id.bytes

    @precondition(lambda self: len(self.poison) < 3)
    @rule()
    def commit_poison(self) -> None:
        event = replace(an_event(len(self.committed) + 1), reason=Reason.UNKNOWN_CODE, code_bytes=10**7)
        stored = self.store.commit(event)
        self.committed[stored.seq] = event.id.bytes
        self.poison.add(stored.seq)

    @precondition(lambda self: len(self.broker.hates) < 2)
    @rule()
    def commit_event_at_which_the_broker_disconnects(self) -> None:
        event = an_event(len(self.committed) + 1)
        self.broker.hates += (str(event.id).encode(),)
        stored = self.store.commit(event)
        self.committed[stored.seq] = event.id.bytes
        self.poison.add(stored.seq)

    @rule(turns=st.integers(1, 6))
    def step(self, turns: int) -> None:
        for _ in range(turns):
            self.relay.step()
        new = [message for message in self.broker.received[self.seen :] if message.topic.endswith("/event")]
        self.seen = len(self.broker.received)
        self.queue += new

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(clean=st.booleans())
    def device_starts_anew(self, clean: bool) -> None:
        if clean:
            self.relay.close()
        self.broker.cut()
        self.store.close()
        self.store = SqliteEventStore(self.folder / "p.db")
        self.relay = self.new_relay()

    @rule()
    def quarantine_is_retried(self) -> None:
        self.relay.retry_quarantine()

    # actions of broker, network and centre

    @rule()
    def connection_breaks(self) -> None:
        self.broker.cut()

    @rule(up=st.booleans())
    def broker_goes_or_comes(self, up: bool) -> None:
        self.broker.up = up
        if not up:
            self.broker.cut()

    @precondition(lambda self: self.queue)
    @rule()
    def broker_forgets_its_queue(self) -> None:
        self.queue.clear()

    @precondition(lambda self: self.queue)
    @rule(data=st.data(), twice=st.booleans())
    def centre_takes_a_message(self, data: st.DataObject, twice: bool) -> None:
        index = data.draw(st.integers(0, len(self.queue) - 1))
        message = self.queue[index] if twice else self.queue.pop(index)
        self.centre_keeps(message)

    def centre_keeps(self, message: OutgoingMessage) -> None:
        good, bad = events.parse_events(message.payload, GATE.source)
        arrival = IngestedMessage(GATE, good, bad, START_AT)
        ranges = self.ledger.record([arrival])
        self.at_centre |= {event.data.seq for event in good}
        self.answers += [answer.payload for answer in receipt_messages([arrival], ranges)]

    @precondition(lambda self: self.answers)
    @rule(data=st.data(), twice=st.booleans())
    def receipt_arrives(self, data: st.DataObject, twice: bool) -> None:
        index = data.draw(st.integers(0, len(self.answers) - 1))
        payload = self.answers[index] if twice else self.answers.pop(index)
        if self.broker.links:
            self.broker.deliver(GATE.topic(TopicKind.RECEIPT), payload)

    @precondition(lambda self: self.answers)
    @rule()
    def receipts_are_lost(self) -> None:
        self.answers.clear()

    # invariants

    @invariant()
    def delivered_events_are_at_the_centre(self) -> None:
        if not hasattr(self, "store"):
            return
        waiting = {stored.seq for stored in self.store.pending(0, 10_000)}
        delivered = set(self.committed) - waiting
        assert delivered - self.at_centre == self.quarantined(), "except for events in quarantine"

    def quarantined(self) -> set[int]:
        with closing(sqlite3.connect(self.folder / "p.db")) as database:
            return {int(row[0]) for row in database.execute("SELECT seq FROM quarantine")}

    @invariant()
    def the_backlog_size_is_the_number_of_pending_events(self) -> None:
        if hasattr(self, "store"):
            assert self.store.backlog_size() == len(self.store.pending(0, 10_000))

    def deliver_all(self) -> None:
        """Step without faults until the outbox is empty."""
        for _ in range(3000):
            if self.store.backlog_size() == 0:
                return
            self.step(1)
            for message in self.queue:
                self.centre_keeps(message)
            self.queue.clear()
            for payload in self.answers:
                if self.broker.links:
                    self.broker.deliver(GATE.topic(TopicKind.RECEIPT), payload)
            self.answers.clear()
            self.clock.advance(0.2)
        raise AssertionError(f"delivery does not end: {self.store.backlog_size()} events wait")

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        self.broker.up = True
        self.deliver_all()
        assert self.at_centre >= set(self.committed) - self.quarantined(), "only quarantined events may be missing"
        self.relay.retry_quarantine()  # repeated disconnects may have put a valid event into quarantine
        self.step(1)
        self.deliver_all()
        assert self.at_centre == set(self.committed) - self.poison
        assert self.quarantined() == self.poison
        self.ledger.close()
        self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)


Delivery.TestCase.settings = settings(
    max_examples=examples(10), stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
test_every_interleaving_delivers_each_event_once = Delivery.TestCase
