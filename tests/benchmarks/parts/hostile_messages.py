"""What one device can send to cost the centre the most: series of messages of 14 MB each, by name."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID, uuid4

from kiosk.core.model import StoredEvent
from mqtt import events as envelope
from mqtt.topics import DeviceTopics, TopicKind
from tests.fakes.data.access_events import an_event, event_text

TOTAL_BYTES = 14_000_000
SENDER = DeviceTopics("entrance", "bench", "hostile")
EVENT_TOPIC, STATE_TOPIC, HEALTH_TOPIC = (
    SENDER.topic(kind) for kind in (TopicKind.EVENT, TopicKind.STATE, TopicKind.HEALTH)
)
Message = tuple[str, bytes]
"""Topic and payload."""


def _texts(first_seq: int, count: int, *, step: int = 1, epoch: str = "f" * 16) -> list[str]:
    return [
        event_text(
            StoredEvent(epoch, first_seq + step * number, "boot", replace(an_event(number), id=uuid4())), SENDER.source
        )
        for number in range(count)
    ]


def gaps() -> Iterator[Message]:
    """Seqs 1, 3, 5, ...: each event is a range of its own."""
    seq = 1
    while True:
        yield EVENT_TOPIC, envelope.make_payload(_texts(seq, 200, step=2))
        seq += 400


def single_events() -> Iterator[Message]:
    """One valid event a message."""
    seq = 1
    while True:
        yield EVENT_TOPIC, envelope.make_payload(_texts(seq, 1))
        seq += 1


def epochs() -> Iterator[Message]:
    """Each event begins an epoch."""
    rng = random.Random(1)
    while True:
        yield EVENT_TOPIC, envelope.make_payload(_texts(1, 1, epoch=f"{rng.getrandbits(64):016x}"))


def repeated() -> Iterator[Message]:
    """The same events again and again."""
    payload = envelope.make_payload(_texts(1, 15))
    while True:
        yield EVENT_TOPIC, payload


def same_seqs() -> Iterator[Message]:
    """Other events with the same seqs."""
    while True:
        yield EVENT_TOPIC, envelope.make_payload(_texts(1, 15))


def not_json() -> Iterator[Message]:
    """Arbitrary bytes."""
    rng = random.Random(1)
    while True:
        yield EVENT_TOPIC, rng.randbytes(200)


def nested() -> Iterator[Message]:
    """Brackets without an end."""
    while True:
        yield EVENT_TOPIC, b"[" * 100_000


def states() -> Iterator[Message]:
    """Invalid states and healths."""
    while True:
        yield STATE_TOPIC, json.dumps({"state": "ready", "at": str(UUID(int=0))}).encode()
        yield HEALTH_TOPIC, json.dumps({"checks": [{}] * 50}).encode()


KINDS: dict[str, Callable[[], Iterator[Message]]] = {
    "gaps": gaps,
    "single-events": single_events,
    "epochs": epochs,
    "repeated": repeated,
    "same-seqs": same_seqs,
    "not-json": not_json,
    "nested": nested,
    "states": states,
}


def series(kind: str) -> list[Message]:
    """14 MB of one kind."""
    found: list[Message] = []
    size = 0
    for topic, payload in KINDS[kind]():
        if size + len(payload) > TOTAL_BYTES:
            return found
        found.append((topic, payload))
        size += len(payload)
    raise AssertionError("a series has no end of its own")
