"""The collector: commit before acknowledgement, a receipt for every event, and harmless invalid messages."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kiosk.core.model import StoredEvent
from mqtt import device_messages, events, topics
from mqtt.centre.ingest import receipts
from mqtt.centre.ingest.batch import IngestedMessage
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.sqlite.ledger import SqliteLedger, read_counts
from mqtt.connection import Connection, ConnectionEvent, IncomingMessage, OutgoingMessage
from mqtt.sequence_ranges import RangeSet
from mqtt.topics import DeviceTopics, TopicKind
from tests.fakes.data import wire_schema
from tests.fakes.data.access_events import EPOCH, GATE, an_event, event_text
from tests.fakes.parts.connection import FakeBroker, FakeConnection, ManualClock
from tests.fakes.processes.broker import Broker, free_port
from tests.paths import PROJECT


def event(seq: int, *, branch: DeviceTopics = GATE, sealed_bytes: int = 110) -> str:
    access_event = an_event(seq, sealed_bytes=sealed_bytes)
    return event_text(StoredEvent(EPOCH, seq, "boot-a", access_event), branch.source)


class RecordingLedger:
    """A ledger that records its commits."""

    def __init__(self, inner: SqliteLedger, calls: list[str]) -> None:
        self._inner = inner
        self._calls = calls
        self.broken = False

    def record(self, arrivals: Sequence[IngestedMessage]) -> Any:
        if self.broken:
            raise LedgerError("disk full")
        standing = self._inner.record(arrivals)
        self._calls.append("commit")
        return standing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Bench:
    """A collector with a real ledger and a connection in memory."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self.calls: list[str] = []
        self.ledger = RecordingLedger(ledger, self.calls)
        self.clock = ManualClock()
        self.broker = FakeBroker(self.clock)
        self.collector = Collector("entrance", self.ledger, self.connect, jitter=random.Random(3))
        self.settle()

    def connect(self, will: OutgoingMessage) -> Connection:
        calls = self.calls

        class RecordingConnection(FakeConnection):
            def acknowledge(self, incoming: IncomingMessage) -> None:
                calls.append("puback")

            def publish(self, message: OutgoingMessage) -> int:
                calls.append(message.topic.rsplit("/", 1)[1])
                return super().publish(message)

        link = RecordingConnection(self.broker, will)
        self.broker.links.append(link)
        return link

    def settle(self) -> None:
        for _ in range(5):
            self.collector.step()

    def hand_in(self, topic: str, payload: bytes) -> None:
        self.broker.deliver(topic, payload)
        self.settle()

    def receipts(self) -> list[events.Receipt]:
        for message in self.broker.on("receipt"):
            wire_schema.check(message.topic, message.payload)
        return [events.Receipt.from_payload(message.payload) for message in self.broker.on("receipt")]


@pytest.fixture
def bench(ledger: SqliteLedger) -> Bench:
    return Bench(ledger)


def test_the_order_is_commit_then_acknowledge_then_receipt(bench: Bench) -> None:
    bench.calls.clear()
    bench.hand_in(GATE.topic(TopicKind.EVENT), event(1).encode())
    assert bench.calls == ["commit", "puback", "receipt"]


def test_what_cannot_be_stored_is_not_acknowledged_and_the_centre_goes_on(bench: Bench, centre_file: Path) -> None:
    bench.calls.clear()
    bench.ledger.broken = True
    bench.broker.deliver(GATE.topic(TopicKind.EVENT), event(1).encode())
    assert bench.collector.step() > 0, "it waits before it tries again"
    assert bench.calls == ["state"], "the devices see that it is offline"
    bench.ledger.broken = False
    bench.settle()
    assert bench.collector.ready
    bench.hand_in(GATE.topic(TopicKind.EVENT), event(1).encode())
    assert read_counts(centre_file).distinct == 1


class Breaking(FakeConnection):
    """Returns what was received, then loses the connection."""

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        found = super().process(timeout_s)
        self.broken = any(isinstance(event, IncomingMessage) for event in found)
        return found


def test_where_the_connection_breaks_while_a_batch_is_committed_it_is_kept_and_comes_again(
    bench: Bench, centre_file: Path
) -> None:
    broker = FakeBroker(ManualClock())

    def connect(will: OutgoingMessage) -> Connection:
        link = Breaking(broker, will)
        broker.links.append(link)
        return link

    collector = Collector("entrance", bench.ledger, connect)
    for _ in range(2):
        for _ in range(3):
            collector.step()
        broker.deliver(GATE.topic(TopicKind.EVENT), event(1).encode())
        collector.step()
        assert not collector.ready
        assert read_counts(centre_file).distinct == 1, "what was under way is done when the step ends"
    collector.close()
    assert read_counts(centre_file).duplicates == 1
    assert broker.on("receipt") == [], "nothing is promised on a connection that is gone"


def test_much_at_once_is_committed_in_several_transactions_each_before_its_acknowledgement(bench: Bench) -> None:
    bench.calls.clear()
    for first in range(1, 7 * 40, 40):
        texts = [event(seq, sealed_bytes=4000) for seq in range(first, first + 40)]
        bench.broker.deliver(GATE.topic(TopicKind.EVENT), events.make_payload(texts))
    bench.settle()
    assert bench.calls == 2 * ["commit", *3 * ["puback"], "receipt"] + ["commit", "puback", "receipt"]
    assert [receipt.up_to_seq for receipt in bench.receipts()] == [120, 240, 280]


def test_a_receipt_says_what_is_there_and_what_is_refused(bench: Bench) -> None:
    bad = json.loads(event(3))
    bad["data"]["outcome"] = "perhaps"
    payload = events.make_payload([event(1), event(2), json.dumps(bad), event(5)])
    bench.hand_in(GATE.topic(TopicKind.EVENT), payload)
    receipt = bench.receipts()[0]
    assert (receipt.epoch, receipt.up_to_seq, receipt.ranges) == (EPOCH, 2, ((5, 5),))
    assert [(str(one.id), one.reason) for one in receipt.rejected] == [(bad["id"], "bad-data-outcome")]


def test_a_duplicate_event_gets_a_receipt_too(bench: Bench) -> None:
    for _ in range(2):
        bench.hand_in(GATE.topic(TopicKind.EVENT), event(1).encode())
    assert [receipt.up_to_seq for receipt in bench.receipts()] == [1, 1]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (GATE.topic(TopicKind.EVENT), b"\x00\xff"),
        (GATE.topic(TopicKind.EVENT), b"[" * 5000),
        (GATE.topic(TopicKind.EVENT), b"x" * 300_000),
        (GATE.topic(TopicKind.STATE), b"{}"),
        (GATE.topic(TopicKind.HEALTH), b"[]"),
        ("entrance/v1/dong-ba/GATE/event", b"{}"),
        ("entrance/v1/" + "a" * 2000 + "/gate-1/event", b"{}"),
        (GATE.topic(TopicKind.EVENT), event(1, branch=DeviceTopics("entrance", "dong-ba", "gate-2")).encode()),
    ],
)
def test_hostile_messages_are_thrown_away_counted_and_acknowledged(
    bench: Bench, centre_file: Path, topic: str, payload: bytes
) -> None:
    bench.calls.clear()
    bench.hand_in(topic, payload)
    assert "puback" in bench.calls, "otherwise the broker sends it again for ever"
    assert read_counts(centre_file).distinct == 0
    with closing(sqlite3.connect(centre_file)) as raw:
        unreadable = raw.execute("SELECT coalesce(sum(times), 0) FROM invalid_message").fetchone()[0]
        rejected = raw.execute("SELECT count(*) FROM rejected").fetchone()[0]
    assert unreadable + rejected == 1
    bench.hand_in(GATE.topic(TopicKind.EVENT), event(1).encode())
    assert read_counts(centre_file).distinct == 1, "and the next one is kept"


def test_a_devices_state_is_kept(bench: Bench, centre_file: Path) -> None:
    report = device_messages.StateMessage(state="out-of-order", reason="disk full", software_version="0.1.0")
    bench.hand_in(GATE.topic(TopicKind.STATE), report.to_payload())
    with closing(sqlite3.connect(centre_file)) as raw:
        assert raw.execute("SELECT site, device, state, state_reason FROM device").fetchall() == [
            ("dong-ba", "gate-1", "out-of-order", "disk full")
        ]


def test_the_centre_says_that_it_is_there_and_that_it_goes(bench: Bench) -> None:
    bench.collector.close()
    messages = [message for message in bench.broker.received if message.topic == topics.centre_state_topic("entrance")]
    for message in [*messages, bench.broker.links[0].will]:
        wire_schema.check(message.topic, message.payload)
    assert [json.loads(message.payload)["state"] for message in messages] == ["ready", "offline"]
    assert all(message.retain for message in messages)


def test_of_too_many_gaps_a_receipt_names_those_that_were_asked_about() -> None:
    ranges = RangeSet([(number, number) for number in range(1, 2001, 2)])
    beyond = receipts.order_ranges_by_relevance(ranges.after_first_gap(), [1501, 1999])
    assert beyond[:2] == [(1501, 1501), (1999, 1999)]


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "kiosk.cli", "centre", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )


def test_the_process_ends_cleanly_on_sigterm(centre_file: Path) -> None:
    with Broker() as broker:
        process = start("--broker", broker.address, "--database", str(centre_file))
        assert process.stderr is not None
        assert "connected and subscribed" in process.stderr.readline()
        os.kill(process.pid, signal.SIGTERM)
        _, rest = process.communicate(timeout=20)
        assert process.returncode == 0, rest


def test_the_process_waits_for_a_broker_that_is_not_there_yet(centre_file: Path) -> None:
    process = start("--broker", f"127.0.0.1:{free_port()}", "--database", str(centre_file))
    assert process.stderr is not None
    assert "Connection refused" in process.stderr.readline()
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--broker", "nonsense"], "is not host:port"),
        (["--broker", "127.0.0.1:1", "--database", "/nowhere/at/all.db"], "cannot be used as the centre's database"),
    ],
)
def test_bad_input_is_one_sentence_and_not_zero(arguments: list[str], sentence: str) -> None:
    process = start(*arguments)
    _, output = process.communicate(timeout=20)
    assert process.returncode != 0
    assert sentence in output
    assert "Traceback" not in output
