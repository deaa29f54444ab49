"""A centre's collector that tests feed without a broker, on a real ledger."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from kiosk.core.model import StoredEvent
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.ingest.ledger import Ledger
from mqtt.centre.postgres.ledger import PostgresLedger
from mqtt.centre.sqlite.ledger import SqliteLedger
from mqtt.connection import IncomingMessage
from mqtt.events import Receipt
from mqtt.topics import DeviceTopics, TopicKind
from tests.fakes.data.access_events import EPOCH, GATE, an_event, event_text
from tests.fakes.parts.connection import FakeBroker, FakeConnection, ManualClock
from tests.fakes.processes import postgres

HONEST = DeviceTopics("entrance", "dong-ba", "gate-2")
HEALTH: dict[str, Any] = {
    "at": "2026-11-23T08:00:00Z",
    "state": "ready",
    "clock_quality": "synchronised",
    "epoch": EPOCH,
    "newest_seq": 1,
    "backlog": 0,
    "boot_id": "boot-a",
    "monotonic_s": 5.0,
    "checks": {"camera": {"status": "pass", "value": 1.0}},
    "notices": [{"number": 1, "kind": "purged-age", "at": "2026-11-23T08:00:00Z", "count": 1, "detail": "x"}],
}
STATE: dict[str, Any] = {"state": "ready", "at": "2026-11-23T08:00:00Z", "reason": "", "epoch": EPOCH}


KINDS = {b"e": TopicKind.EVENT, b"s": TopicKind.STATE, b"h": TopicKind.HEALTH, b"r": TopicKind.RECEIPT}
END = b"\x00\x00"
MOST_MESSAGES = 8


def event_content(seq: int) -> dict[str, Any]:
    """A valid event of the device GATE as its JSON object."""
    content: dict[str, Any] = json.loads(event_text(StoredEvent(EPOCH, seq, "boot-a", an_event(seq)), GATE.source))
    return content


class FedCentre:
    """A collector with the connection of a fake broker. `acknowledged` counts since the last `receive`."""

    def __init__(self, ledger: Ledger) -> None:
        self.acknowledged = 0
        self.broker = FakeBroker(ManualClock())
        self.collector = Collector("entrance", ledger, self._connect)
        self.seq = 0
        self.messages = 0
        for _ in range(4):
            self.collector.step()

    def _connect(self, will: Any) -> FakeConnection:
        centre = self

        class Counting(FakeConnection):
            def acknowledge(self, incoming: IncomingMessage) -> None:
                centre.acknowledged += 1

        self.broker.links.append(Counting(self.broker, will))
        return self.broker.links[-1]

    def receive(self, messages: list[tuple[str, bytes]]) -> None:
        """Deliver topics with payloads, and one event of an honest device.

        Raises AssertionError if not all were acknowledged, if the honest device did not get its receipt, or if the centre asks
        for a pause; and what the collector raises.
        """
        self.seq += 1
        self.messages += len(messages)
        honest = event_text(StoredEvent(EPOCH, self.seq, "boot-b", an_event(self.seq)), HONEST.source).encode()
        self.acknowledged = 0
        self.broker.received.clear()
        for topic, payload in [*messages, (HONEST.topic(TopicKind.EVENT), honest)]:
            self.broker.deliver(topic, payload)
        for _ in range(4):
            assert self.collector.step() == 0.0
        assert self.acknowledged == len(messages) + 1
        answers = [one for one in self.broker.received if one.topic == HONEST.topic(TopicKind.RECEIPT)]
        assert [Receipt.from_payload(one.payload).up_to_seq for one in answers] == [self.seq]


def messages_in(data: bytes) -> list[tuple[str, bytes]]:
    """Topics with payloads from fuzzed bytes: parts that END separates.

    A part's first byte names the topic of GATE. After `t` comes any topic, up to a line end.
    """
    found = []
    for part in data.split(END)[:MOST_MESSAGES]:
        kind = KINDS.get(part[:1])
        if kind is not None:
            found.append((GATE.topic(kind), part[1:]))
        elif part[:1] == b"t":
            topic, _, payload = part[1:].partition(b"\n")
            found.append((topic.decode("utf-8", "replace"), payload))
        else:
            found.append((GATE.topic(TopicKind.EVENT), part))
    return found


def seeds() -> list[bytes]:
    """Valid messages of each kind, a batch, and a free topic."""
    events = [event_content(seq) for seq in (1, 2, 3)]
    texts = [
        b"e" + json.dumps(events[0]).encode(),
        b"e" + json.dumps(events).encode(),
        b"s" + json.dumps(STATE).encode(),
        b"h" + json.dumps(HEALTH).encode(),
        b"tentrance/v1/dong-ba/gate-9/state\n" + json.dumps(STATE).encode(),
        b"r{}",
    ]
    return [*texts, END.join(texts)]


@contextmanager
def centre(ledger: str) -> Iterator[FedCentre]:
    """A centre with a new ledger of the named kind."""
    if ledger == "postgres":
        with postgres.server() as address, closing(PostgresLedger(address)) as opened:
            yield FedCentre(opened)
        return
    with tempfile.TemporaryDirectory() as folder, closing(SqliteLedger(Path(folder) / "centre.db")) as opened_file:
        yield FedCentre(opened_file)


def judge(fed: FedCentre, data: bytes) -> None:
    """Raises AssertionError for a message that harms another device, and any exception of the collector."""
    fed.receive(messages_in(data))
