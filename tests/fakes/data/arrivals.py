"""Passages as they arrive at a centre: over the wire, from one gate, in one epoch of its database."""

from collections.abc import Iterable
from datetime import datetime

from kiosk.core.model import Passage, Stored
from mqtt import events
from mqtt.centre.ingest.batch import Arrival
from mqtt.topics import Branch
from tests.fakes.data.access_events import EPOCH, GATE, event_text


def arrival_of(
    passages: Iterable[tuple[int, Passage]],
    at: datetime,
    *,
    branch: Branch = GATE,
    epoch: str = EPOCH,
    boot: str = "boot-a",
) -> Arrival:
    """These passages under their numbers, in one message that came at `at`."""
    texts = [event_text(Stored(epoch, seq, boot, passage), branch.source) for seq, passage in passages]
    good, bad = events.read_passages(events.message_of(texts), branch.source)
    assert bad == []
    return Arrival(branch, good, bad, at)
