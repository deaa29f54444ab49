"""The delivery protocol through every interleaving that can be found: store, courier and ledger are real, the world between is not.

A message or receipt may be lost, doubled, reordered or late; connections break; courier and store die at any point and start
anew; the broker forgets its queue; it refuses records, and hangs up on some. At every moment: what the device counts as delivered
is at the centre. In the end, when the world behaves again: everything is there once, without a gap.
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
from mqtt.centre.ingest.sqlite_ledger import SqliteLedger
from mqtt.connection import OutgoingMessage
from mqtt.topics import TopicKind
from tests.fakes.data.access_events import GATE, START_AT, an_event
from tests.fakes.parts.connection import FakeBroker, ManualClock

TERMS = DeliveryOptions(receipt_timeout_s=5.0, max_inflight=20, max_batch=4, reconnect_max_delay_s=2.0)


class Delivery(RuleBasedStateMachine):
    """One device, one broker that may forget, one centre that does not."""

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
        """Passages that the broker holds for the centre."""
        self.answers: list[bytes] = []
        """Receipts that are on their way."""
        self.committed: dict[int, bytes] = {}
        self.at_centre: set[int] = set()
        self.poison: set[int] = set()
        """What can never be at the centre: the centre refuses it, or the broker hangs up on it."""

    def new_relay(self) -> OutboxRelay:
        return OutboxRelay(
            self.store, GATE, self.broker.connect, clock=self.clock, options=TERMS, jitter=random.Random(1)
        )

    # what the device does

    @rule(count=st.integers(1, 9))
    def commit(self, count: int) -> None:
        first = len(self.committed) + 1
        for stored in self.store.commit_all([an_event(number) for number in range(first, first + count)]):
            self.committed[stored.seq] = stored.event.id.bytes

    @precondition(lambda self: len(self.poison) < 3)
    @rule()
    def commit_poison(self) -> None:
        passage = replace(an_event(len(self.committed) + 1), reason=Reason.UNKNOWN_CODE, code_bytes=10**7)
        stored = self.store.commit(passage)
        self.committed[stored.seq] = passage.id.bytes
        self.poison.add(stored.seq)

    @precondition(lambda self: len(self.broker.hates) < 2)
    @rule()
    def commit_what_makes_the_broker_hang_up(self) -> None:
        passage = an_event(len(self.committed) + 1)
        self.broker.hates += (str(passage.id).encode(),)
        stored = self.store.commit(passage)
        self.committed[stored.seq] = passage.id.bytes
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

    # what the world does

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
        place = data.draw(st.integers(0, len(self.queue) - 1))
        message = self.queue[place] if twice else self.queue.pop(place)
        self.centre_keeps(message)

    def centre_keeps(self, message: OutgoingMessage) -> None:
        good, bad = events.parse_events(message.payload, GATE.source)
        arrival = IngestedMessage(GATE, good, bad, START_AT)
        standing = self.ledger.record([arrival])
        self.at_centre |= {event.data.seq for event in good}
        self.answers += [answer.payload for answer in receipt_messages([arrival], standing)]

    @precondition(lambda self: self.answers)
    @rule(data=st.data(), twice=st.booleans())
    def receipt_arrives(self, data: st.DataObject, twice: bool) -> None:
        place = data.draw(st.integers(0, len(self.answers) - 1))
        payload = self.answers[place] if twice else self.answers.pop(place)
        if self.broker.links:
            self.broker.deliver(GATE.topic(TopicKind.RECEIPT), payload)

    @precondition(lambda self: self.answers)
    @rule()
    def receipts_are_lost(self) -> None:
        self.answers.clear()

    # what must hold

    @invariant()
    def nothing_counts_as_delivered_that_the_centre_has_not(self) -> None:
        if not hasattr(self, "store"):
            return
        waiting = {stored.seq for stored in self.store.pending(0, 10_000)}
        gone = set(self.committed) - waiting
        assert gone - self.at_centre == self.aside(), "but for what is in quarantine"

    def aside(self) -> set[int]:
        with closing(sqlite3.connect(self.folder / "p.db")) as database:
            return {int(row[0]) for row in database.execute("SELECT seq FROM quarantine")}

    @invariant()
    def the_depth_that_is_shown_is_what_waits(self) -> None:
        if hasattr(self, "store"):
            assert self.store.backlog_size() == len(self.store.pending(0, 10_000))

    def come_to_rest(self) -> None:
        """The world behaves from now on."""
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
        raise AssertionError(f"it does not come to rest: {self.store.backlog_size()} wait")

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        self.broker.up = True
        self.come_to_rest()
        assert self.at_centre >= set(self.committed) - self.aside(), "quarantine alone may be missing"
        self.relay.retry_quarantine()  # a connection that broke again and again may have made an innocent suspect
        self.step(1)
        self.come_to_rest()
        assert self.at_centre == set(self.committed) - self.poison
        assert self.aside() == self.poison
        self.ledger.close()
        self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)


Delivery.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
test_every_interleaving_delivers_each_passage_once = Delivery.TestCase
