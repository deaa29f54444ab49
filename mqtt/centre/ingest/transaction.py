"""What one transaction of a centre stores: the parsed messages of many devices."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from mqtt import events, topics
from mqtt.centre.ingest.batch import BatchContents, IngestedMessage, ReceivedHealth, ReceivedState, Recorded, StreamKey
from mqtt.centre.ingest.ledger import Ledger
from mqtt.connection import IncomingMessage
from mqtt.device_messages import HealthMessage, StateMessage
from mqtt.events import BacklogRateChange, InvalidEvent
from mqtt.message_model import InvalidMessageError
from mqtt.printable_text import printable
from mqtt.topics import DeviceTopics, TopicKind

log = logging.getLogger(__name__)

UNSTORABLE = "unstorable"
"""Reason of a valid message that the ledger cannot store. It would be an error of the centre."""
JUST_CONNECTED = timedelta(seconds=60)
"""Before a centre that subscribes. Each device then sent its first health message, which is answered too."""
_parse_topic = lru_cache(maxsize=20_000)(topics.parse_topic)
"""A fleet has few topics and many messages."""


@dataclass(slots=True)
class Batch:
    """Messages for one transaction."""

    received_at: datetime
    incoming: list[IncomingMessage] = field(default_factory=list)
    contents: BatchContents = field(default_factory=BatchContents)
    greeted: set[StreamKey] = field(default_factory=set)
    """Streams of devices that have connected, or that are told a new backlog rate. Each gets a receipt, without events too."""
    rates: Mapping[DeviceTopics, BacklogRateChange] = field(default_factory=dict)
    probes: list[bytes] = field(default_factory=list)
    """The centre's messages to itself."""
    commit_s: float = 0.0
    """How long its transaction took."""

    def is_empty(self) -> bool:
        """Nothing is to be done."""
        return not self.incoming and not self.greeted

    def commit(self, ledger: Ledger) -> Recorded:
        """All of it in one transaction, events first. Raises LedgerError, and others for a message that cannot be stored."""
        contents = self.contents
        with ledger.transaction(contents):
            recorded = ledger.record(contents.messages) if contents.messages else Recorded()
            if contents.states:
                ledger.save_states(contents.states.values())
            if contents.healths:
                ledger.save_healths(contents.healths, contents.stated)
            if contents.invalid:
                ledger.count_invalid_messages(contents.invalid)
            recorded.update(ledger.stream_ranges(self.greeted - recorded.keys()) if self.greeted else {})
        return recorded


def parse_messages(messages: Sequence[IncomingMessage], received_at: datetime, probe_topic: str) -> Batch:
    """The batch of these messages. Those that are invalid are counted in it. `probe_topic`: of the centre's messages to itself."""
    batch = Batch(received_at)
    for incoming in messages:
        batch.incoming.append(incoming)
        try:
            if incoming.topic == probe_topic:
                batch.probes.append(incoming.payload)
            else:
                _parse_into_batch(incoming, batch)
        except Exception as error:  # noqa: BLE001 - nothing that one device sends may end the centre
            log.error("%s: dropped, it cannot be read: %s", printable(incoming.topic), type(error).__name__)
            batch.contents.invalid[UNSTORABLE] += 1
    return batch


def _parse_into_batch(incoming: IncomingMessage, batch: Batch) -> None:
    now, contents = batch.received_at, batch.contents
    parsed = _parse_topic(incoming.topic)
    if parsed is None:
        contents.invalid["unknown-topic"] += 1
        return
    device, kind = parsed
    try:
        if kind is TopicKind.EVENT:
            valid, invalid = events.parse_events(incoming.payload, device.source)
            if invalid:
                log.warning("%s: %s", device.source, describe_rejected(invalid))
            contents.messages.append(IngestedMessage(device, valid, invalid, now))
        elif kind is TopicKind.STATE:
            state = StateMessage.from_payload(incoming.payload)
            contents.add_state(ReceivedState(device, state, now))
            if state.epoch is not None and state.state != "offline" and _has_just_connected(incoming, state, now):
                batch.greeted.add(StreamKey(device, state.epoch))
        elif kind is TopicKind.HEALTH:
            contents.add_health(ReceivedHealth(device, HealthMessage.from_payload(incoming.payload), now))
        else:
            contents.invalid["unknown-topic"] += 1
    except InvalidMessageError as error:
        log.warning("%s: an invalid message to %s was dropped: %s", device.source, kind, error)
        contents.invalid[str(error)] += 1


def _has_just_connected(incoming: IncomingMessage, state: StateMessage, now: datetime) -> bool:
    """A retained state is of a device that connected before the centre did, as after the death of a broker, or long ago."""
    if not incoming.retain:
        return True
    return state.connected_at is not None and abs(now - state.connected_at) < JUST_CONNECTED


def describe_rejected(rejected: Sequence[InvalidEvent]) -> str:
    """One line for a message, however many events of it are rejected."""
    reasons = Counter(one.reason for one in rejected)
    return "events rejected: " + ", ".join(f"{times} {reason}" for reason, times in sorted(reasons.items()))
