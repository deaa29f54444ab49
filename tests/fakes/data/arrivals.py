"""Events as they arrive at a centre, from one gate and one epoch of its database."""

from collections.abc import Iterable
from datetime import datetime

from kiosk.core.model import AccessEvent, StoredEvent
from mqtt import events
from mqtt.centre.ingest.batch import IngestedMessage
from mqtt.topics import DeviceTopics
from tests.fakes.data.access_events import EPOCH, GATE, event_text


def arrival_of(
    stored_events: Iterable[tuple[int, AccessEvent]],
    at: datetime,
    *,
    branch: DeviceTopics = GATE,
    epoch: str = EPOCH,
    boot: str = "boot-a",
) -> IngestedMessage:
    """One message with these events and their sequence numbers, received at `at`."""
    texts = [event_text(StoredEvent(epoch, seq, boot, event), branch.source) for seq, event in stored_events]
    good, bad = events.parse_events(events.make_payload(texts), branch.source)
    assert bad == []
    return IngestedMessage(branch, good, bad, at)
