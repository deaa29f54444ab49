"""What messages from devices come to: whose streams they are of, which of their numbers are new, what their clocks said. Pure."""

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
    """What one message of one device came to."""

    device: DeviceTopics
    events: Sequence[AccessCloudEvent]
    invalid: Sequence[InvalidEvent]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class StreamKey:
    """One life of one device's database."""

    device: DeviceTopics
    epoch: str


ReceivedEvent = tuple[AccessCloudEvent, datetime]
"""An event with the time of its arrival."""

_epoch = attrgetter("data.epoch")


def group_by_stream(messages: Sequence[IngestedMessage]) -> dict[StreamKey, list[ReceivedEvent]]:
    """Every event by the stream that it belongs to, in the order of arrival."""
    streams: dict[StreamKey, list[ReceivedEvent]] = {}
    for arrival in messages:
        at = arrival.received_at
        for epoch, events in groupby(arrival.events, _epoch):
            streams.setdefault(StreamKey(arrival.device, epoch), []).extend((event, at) for event in events)
    return streams


def clock_offsets(received: Iterable[ReceivedEvent]) -> dict[str, float]:
    """Wall clock minus monotonic clock in seconds, by boot, as the newest event with a set clock has it.

    What was recorded in that boot before the clock was set is thereby dated.
    """
    newest = {event.data.boot_id: event for event, _ in received if event.data.clock_quality == "synchronised"}
    return {boot: event.time.timestamp() - event.data.monotonic_s for boot, event in newest.items()}


@dataclass(frozen=True, slots=True)
class StreamUpdate:
    """A stream after an arrival."""

    ranges: RangeSet
    """The numbers that are there."""
    received: int
    """How many passages came."""
    new_seqs: int
    """How many numbers are new."""

    def duplicates(self, new_ids: int) -> int:
        """How many passages were there already, where `new` ids were not."""
        return self.received - new_ids

    def conflicts(self, new_ids: int) -> int:
        """How many of the `new` have a number that another passage had."""
        return max(0, new_ids - self.new_seqs)


def update_stream(known_ranges: Iterable[Range], received: Sequence[ReceivedEvent]) -> StreamUpdate:
    """`known` are the stream's ranges before."""
    ranges = RangeSet(known_ranges)
    before = ranges.count()
    for event, _ in received:
        ranges.add(event.data.seq)
    return StreamUpdate(ranges, len(received), ranges.count() - before)
