"""Groups received events by stream, counts duplicates and conflicts, and finds clock offsets. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from mqtt.events import AccessCloudEvent, InvalidEvent
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
class StreamKey:
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
        for epoch, events in groupby(message.events, _epoch):
            streams.setdefault(StreamKey(message.device, epoch), []).extend((event, at) for event in events)
    return streams


def clock_offsets(received: Iterable[ReceivedEvent]) -> dict[str, float]:
    """Wall clock minus monotonic clock in seconds by boot id, from the newest event with a synchronised clock.

    The offset dates the events that were recorded in that boot before the clock was set.
    """
    newest = {event.data.boot_id: event for event, _ in received if event.data.clock_quality == "synchronised"}
    return {boot_id: event.time.timestamp() - event.data.monotonic_s for boot_id, event in newest.items()}


@dataclass(frozen=True, slots=True)
class StreamUpdate:
    """A stream after a batch."""

    ranges: RangeSet
    """All seqs that the centre has."""
    received: int
    """Number of events in the batch."""
    new_seqs: int
    """Number of seqs that are new."""

    def duplicates(self, new_ids: int) -> int:
        """Number of events that the centre had already, where `new_ids` ids were new."""
        return self.received - new_ids

    def conflicts(self, new_ids: int) -> int:
        """Number of new ids that have the seq of another event."""
        return max(0, new_ids - self.new_seqs)


def update_stream(known_ranges: Iterable[Range], received: Sequence[ReceivedEvent]) -> StreamUpdate:
    """`known_ranges` are the ranges of the stream before the batch."""
    ranges = RangeSet(known_ranges)
    before = ranges.count()
    for event, _ in received:
        ranges.add(event.data.seq)
    return StreamUpdate(ranges, len(received), ranges.count() - before)
