"""The contents of one transaction: groups events by stream, decides what of them is new, finds clock offsets. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from mqtt.centre.ingest import limits
from mqtt.device_messages import HealthMessage, StateMessage
from mqtt.events import SEQ_CONFLICT, AccessCloudEvent, InvalidEvent
from mqtt.sequence_ranges import Range, RangeSet
from mqtt.topics import DeviceTopics


@dataclass(frozen=True, slots=True)
class IngestedMessage:
    """The events of one message of one device."""

    device: DeviceTopics
    events: Sequence[AccessCloudEvent]
    invalid: Sequence[InvalidEvent]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedState:
    """A state message of a device."""

    device: DeviceTopics
    report: StateMessage
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedHealth:
    """A health message of a device."""

    device: DeviceTopics
    report: HealthMessage
    received_at: datetime


@dataclass(slots=True)
class BatchContents:
    """What one transaction writes. Add all messages in the order in which they were received."""

    messages: list[IngestedMessage] = field(default_factory=list)
    states: dict[DeviceTopics, ReceivedState] = field(default_factory=dict)
    """The last one of each device."""
    healths: list[ReceivedHealth] = field(default_factory=list)
    invalid: Counter[str] = field(default_factory=Counter)
    """How many messages were dropped, by reason."""
    stated: set[DeviceTopics] = field(default_factory=set)
    """Devices whose state message is newer than their health messages."""

    def add_state(self, state: ReceivedState) -> None:
        """Add a state message."""
        self.states[state.device] = state
        self.stated.add(state.device)

    def add_health(self, health: ReceivedHealth) -> None:
        """Add a health message. It has the state too."""
        self.healths.append(health)
        self.stated.discard(health.device)

    def last_seen(self) -> dict[DeviceTopics, datetime]:
        """When each device sent its last message of the batch."""
        return last_seen([*self.messages, *self.states.values(), *self.healths])


def last_seen(
    received: Iterable[IngestedMessage | ReceivedState | ReceivedHealth],
) -> dict[DeviceTopics, datetime]:
    """When each device was heard for the last time."""
    seen: dict[DeviceTopics, datetime] = {}
    for one in received:
        before = seen.get(one.device)
        if before is None or one.received_at > before:
            seen[one.device] = one.received_at
    return seen


class StreamKey(NamedTuple):
    """One epoch of one device."""

    device: DeviceTopics
    epoch: str


ReceivedEvent = tuple[AccessCloudEvent, datetime]
"""An event with the time when it was received."""

_epoch = attrgetter("data.epoch")


def group_by_stream(messages: Sequence[IngestedMessage]) -> dict[StreamKey, list[ReceivedEvent]]:
    """All events by stream, in the order in which they were received."""
    streams: dict[StreamKey, list[ReceivedEvent]] = {}
    for message in messages:
        at = message.received_at
        if len(message.events) == 1:  # nearly all live ones
            event = message.events[0]
            streams.setdefault(StreamKey(message.device, event.data.epoch), []).append((event, at))
            continue
        for epoch, events in groupby(message.events, _epoch):
            streams.setdefault(StreamKey(message.device, epoch), []).extend((event, at) for event in events)
    return streams


def clock_offsets(received: Iterable[ReceivedEvent]) -> dict[str, float]:
    """Wall clock minus monotonic clock in seconds by boot id, from the newest event with a synchronised clock.

    The offset dates the events that were recorded in that boot before the clock was set.
    """
    newest = {event.data.boot_id: event for event, _ in received if event.data.clock_quality == "synchronised"}
    return {boot_id: event.time.timestamp() - event.data.monotonic_s for boot_id, event in newest.items()}


class Recorded(dict[StreamKey, RangeSet]):
    """All seqs that the ledger has of the streams of a batch, and what it rejected of them."""

    def __init__(self) -> None:
        super().__init__()
        self.rejected: dict[StreamKey, list[InvalidEvent]] = {}

    def add(self, later: "Recorded") -> None:
        """Add what was recorded after this."""
        self.update(later)
        for key, rejected in later.rejected.items():
            self.rejected.setdefault(key, []).extend(rejected)


@dataclass(slots=True)
class StreamUpdate:
    """A stream after a batch."""

    ranges: RangeSet
    """All seqs that the centre has."""
    known_ranges: frozenset[Range]
    """The ranges before the batch."""
    new: list[ReceivedEvent] = field(default_factory=list)
    """The events to store."""
    duplicates: int = 0
    """Events that the centre has already. Harmless."""
    conflicts: int = 0
    """Events with the seq of another event, or with an id that has another seq."""
    rejected: list[InvalidEvent] = field(default_factory=list)
    """The conflicts, and what exceeds the limits of one device."""

    def changed_ranges(self) -> tuple[list[Range], list[Range]]:
        """The ranges to delete, and those to insert."""
        after = set(self.ranges)
        if after == self.known_ranges:
            return [], []
        return sorted(self.known_ranges - after), sorted(after - self.known_ranges)

    def reject(self, event: AccessCloudEvent, reason: str) -> None:
        """Add it to the rejected events."""
        self.conflicts += reason == SEQ_CONFLICT
        self.rejected.append(InvalidEvent(str(event.id), reason, event.data.epoch))


Rejections = dict[tuple[int, str], tuple[str, datetime, int]]
"""Reason, time of the last one, and how often, by device number and id."""


def rejections(
    messages: Iterable[IngestedMessage],
    recorded: Recorded,
    numbers: Mapping[DeviceTopics, int],
    last: Mapping[DeviceTopics, datetime],
) -> Rejections:
    """The rejected events of a batch that have an id."""
    found: Rejections = {}

    def add(device: DeviceTopics, invalid: Iterable[InvalidEvent], at: datetime) -> None:
        reasons = {one.id: one.reason for one in invalid if one.id is not None}
        for id_, reason in reasons.items():
            times = found.get((numbers[device], id_), ("", at, 0))[2]
            found[numbers[device], id_] = (reason, at, times + 1)

    for message in messages:
        if message.invalid:
            add(message.device, message.invalid, message.received_at)
    for key, rejected in recorded.rejected.items():
        add(key.device, rejected, last[key.device])
    return found


def unreadable_events(messages: Iterable[IngestedMessage]) -> Counter[str]:
    """How many rejected events of a batch have no id, by reason."""
    return Counter(one.reason for message in messages for one in message.invalid if one.id is None)


StoredIds = dict[UUID, tuple[int, int]]
"""Stream number and seq by the ids of one device."""


def update_stream(
    stream: int, known_ranges: Iterable[Range], received: Sequence[ReceivedEvent], stored: StoredIds
) -> StreamUpdate:
    """What a batch changes in one stream. `known_ranges` are its ranges before the batch.

    `stored` has those ids of the batch that the device's events have already. The new ones are added to it. Where it is left
    empty, the result is right only if it has neither duplicates nor conflicts.
    """
    known = list(known_ranges)
    update = StreamUpdate(RangeSet(known), frozenset(known))
    for item in received:
        event = item[0]
        seq = event.data.seq
        before = stored.get(event.id)
        if before is not None and before[0] == stream and before[1] != seq:
            update.reject(event, SEQ_CONFLICT)
            continue
        is_known = seq in update.ranges
        if is_known and before is None:
            update.reject(event, SEQ_CONFLICT)
            continue
        if not is_known and (over := _exceeded_limit(update.ranges, seq)):
            update.reject(event, over)
            continue
        if not is_known:
            update.ranges.add(seq)
        if before is None:
            stored[event.id] = (stream, seq)
            update.new.append(item)
        else:  # also an event of an earlier epoch, which the device sends again under a new one
            update.duplicates += 1
    return update


def _exceeded_limit(ranges: RangeSet, seq: int) -> str:
    newest = ranges.maximum
    if seq == newest + 1:
        return ""
    if seq > newest + limits.MAX_SEQ_JUMP:
        return limits.SEQ_TOO_FAR
    if len(ranges) >= limits.MAX_RANGES and not ranges.touches(seq - 1, seq + 1):
        return limits.TOO_MANY_GAPS
    return ""
