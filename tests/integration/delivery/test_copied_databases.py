"""Delivery from databases whose seqs are given out twice: restored images, rolled-back snapshots, and clones with one name.

Stores, relays and ledger are real. Invariant: no event counts as delivered that the centre does not have under its own id. In the
end each event that a disk holds is at the centre, or in quarantine with its reason.
"""

import random
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kiosk.delivery import DeliveryOptions, OutboxRelay
from kiosk.storage import SqliteEventStore
from mqtt import events
from mqtt.centre.ingest.batch import IngestedMessage
from mqtt.centre.ingest.receipts import receipt_messages
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.connection import OutgoingMessage
from mqtt.events import SEQ_CONFLICT, InvalidEvent
from mqtt.topics import TopicKind
from tests.examples import examples
from tests.fakes.data.access_events import GATE, START_AT, an_event
from tests.fakes.parts.connection import FakeBroker, ManualClock

OPTIONS = DeliveryOptions(receipt_timeout_s=5.0, max_inflight=20, max_batch=4, reconnect_max_delay_s=2.0)


class Device:
    """A kiosk with its disk. Several of them may use one name."""

    def __init__(self, path: Path, clock: ManualClock) -> None:
        self.path = path
        self.clock = clock
        self.broker = FakeBroker(clock)
        self.seen = 0
        self.start()

    def start(self) -> None:
        self.store = SqliteEventStore(self.path)
        self.store.bind_source(GATE.source)
        self.relay = OutboxRelay(
            self.store, GATE, self.broker.connect, clock=self.clock, options=OPTIONS, jitter=random.Random(1)
        )

    def stop(self) -> None:
        self.broker.cut()
        self.store.close()

    def step(self) -> list[OutgoingMessage]:
        self.relay.step()
        new = [message for message in self.broker.received[self.seen :] if message.topic.endswith("/event")]
        self.seen = len(self.broker.received)
        return new

    def ids(self, table: str) -> set[bytes]:
        with closing(sqlite3.connect(self.path)) as database:
            return {bytes(row[0]) for row in database.execute(f"SELECT id FROM {table}")}  # noqa: S608 - constants

    def copy_to(self, path: Path) -> None:
        """An image of the disk at this moment."""
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)


class Centre:
    """A ledger that rejects a second id under one seq of an epoch, as the device's contract demands of a centre."""

    def __init__(self) -> None:
        self.ledger = SqliteLedger(Path(":memory:"))
        self.ids: set[bytes] = set()
        self.id_by_seq: dict[tuple[str, int], UUID] = {}

    def receive(self, message: OutgoingMessage) -> list[bytes]:
        """The receipts for it."""
        good, bad = events.parse_events(message.payload, GATE.source)
        accepted = []
        for event in good:
            if self.id_by_seq.setdefault((event.data.epoch, event.data.seq), event.id) == event.id:
                accepted.append(event)
            else:
                bad.append(InvalidEvent(str(event.id), SEQ_CONFLICT, event.data.epoch))
        arrival = IngestedMessage(GATE, accepted, bad, START_AT)
        ranges = self.ledger.record([arrival])
        self.ids |= {event.id.bytes for event in accepted}
        return [answer.payload for answer in receipt_messages([arrival], ranges)]


class CopiedDatabases(RuleBasedStateMachine):
    """Up to three devices with one name, whose disks are copied, restored and rolled back."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="copied-databases-"))
        self.clock = ManualClock()
        self.centre = Centre()
        self.devices = [Device(self.folder / "p0.db", self.clock)]
        self.images: list[Path] = []
        self.people = 0
        self.queue: list[OutgoingMessage] = []
        self.answers: list[bytes] = []

    def any_device(self, number: int) -> Device:
        return self.devices[number % len(self.devices)]

    @rule(count=st.integers(1, 9), which=st.integers(0, 2))
    def commit(self, count: int, which: int) -> None:
        self.any_device(which).store.commit_all([an_event(self.people + place) for place in range(count)])
        self.people += count

    @rule(turns=st.integers(1, 6), which=st.integers(0, 2))
    def step(self, turns: int, which: int) -> None:
        for _ in range(turns):
            self.queue += self.any_device(which).step()

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: len(self.images) < 4)
    @rule(which=st.integers(0, 2))
    def image_is_made(self, which: int) -> None:
        self.images.append(self.folder / f"image{len(self.images)}.db")
        self.any_device(which).copy_to(self.images[-1])

    @precondition(lambda self: self.images)
    @rule(which=st.integers(0, 2), image=st.integers(0, 3))
    def image_is_restored(self, which: int, image: int) -> None:
        device = self.any_device(which)
        device.stop()
        shutil.copy(self.images[image % len(self.images)], device.path)
        device.start()

    @precondition(lambda self: self.images and len(self.devices) < 3)
    @rule(image=st.integers(0, 3))
    def clone_is_started(self, image: int) -> None:
        path = self.folder / f"p{len(self.devices)}.db"
        shutil.copy(self.images[image % len(self.images)], path)
        self.devices.append(Device(path, self.clock))

    @rule(which=st.integers(0, 2))
    def device_restarts(self, which: int) -> None:
        device = self.any_device(which)
        device.stop()
        device.start()

    @rule(which=st.integers(0, 2))
    def connection_is_lost(self, which: int) -> None:
        self.any_device(which).broker.cut()

    @precondition(lambda self: self.queue)
    @rule(data=st.data(), twice=st.booleans())
    def centre_receives_a_message(self, data: st.DataObject, twice: bool) -> None:
        place = data.draw(st.integers(0, len(self.queue) - 1))
        self.answers += self.centre.receive(self.queue[place] if twice else self.queue.pop(place))

    @precondition(lambda self: self.queue)
    @rule()
    def queue_is_lost(self) -> None:
        self.queue.clear()

    @precondition(lambda self: self.answers)
    @rule(data=st.data(), twice=st.booleans())
    def receipt_arrives(self, data: st.DataObject, twice: bool) -> None:
        place = data.draw(st.integers(0, len(self.answers) - 1))
        self.deliver(self.answers[place] if twice else self.answers.pop(place))

    def deliver(self, payload: bytes) -> None:
        """All devices of a name hear its receipts."""
        for device in self.devices:
            if device.broker.links:
                device.broker.deliver(GATE.topic(TopicKind.RECEIPT), payload)

    @invariant()
    def no_event_is_settled_that_the_centre_does_not_have(self) -> None:
        for device in getattr(self, "devices", ()):
            settled = device.ids("event") - device.ids("outbox") - self.quarantined(device)
            assert settled <= self.centre.ids

    @staticmethod
    def quarantined(device: Device) -> set[bytes]:
        return device.ids("event JOIN quarantine USING (seq)")

    @invariant()
    def the_backlog_size_is_the_number_of_pending_events(self) -> None:
        for device in getattr(self, "devices", ()):
            assert device.store.backlog_size() == len(device.ids("outbox"))

    def teardown(self) -> None:
        if not hasattr(self, "devices"):
            return
        self.deliver_everything()
        for device in self.devices:
            assert device.ids("event") - self.quarantined(device) <= self.centre.ids
            device.relay.retry_quarantine()
        self.deliver_everything()
        for device in self.devices:
            assert device.ids("event") <= self.centre.ids, "nothing is lost"
            assert_told(device)
            device.store.close()
        self.centre.ledger.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def deliver_everything(self) -> None:
        """Without faults."""
        for _ in range(3000):
            self.queue += [message for device in self.devices for message in device.step()]
            self.answers += [answer for message in self.queue for answer in self.centre.receive(message)]
            self.queue.clear()
            for payload in self.answers:
                self.deliver(payload)
            self.answers.clear()
            self.clock.advance(0.2)
            if not any(device.store.backlog_size() for device in self.devices):
                return
        raise AssertionError("it is never delivered")


def assert_told(device: Device) -> None:
    """Each new epoch has a notice."""
    kinds = [notice.kind for notice in device.store.notices()]
    assert bool(device.store.epoch_reason) <= ("new-epoch" in kinds)


CopiedDatabases.TestCase.settings = settings(
    max_examples=examples(10), stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
test_copies_of_a_database_lose_no_event = CopiedDatabases.TestCase
