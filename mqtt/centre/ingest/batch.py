"""What messages from devices come to: whose streams they are of, which of their numbers are new, what their clocks said. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from mqtt.events import PassageEvent, Refused
from mqtt.sequence_ranges import Range, RangeSet
from mqtt.topics import Branch


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one message of one device came to."""

    branch: Branch
    events: Sequence[PassageEvent]
    refused: Sequence[Refused]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class StreamKey:
    """One life of one device's database."""

    branch: Branch
    epoch: str


Arrived = tuple[PassageEvent, datetime]
"""An event with the time of its arrival."""

_epoch = attrgetter("data.epoch")


def by_stream(messages: Sequence[Arrival]) -> dict[StreamKey, list[Arrived]]:
    """Every event by the stream that it belongs to, in the order of arrival."""
    streams: dict[StreamKey, list[Arrived]] = {}
    for arrival in messages:
        at = arrival.received_at
        for epoch, events in groupby(arrival.events, _epoch):
            streams.setdefault(StreamKey(arrival.branch, epoch), []).extend((event, at) for event in events)
    return streams


def clock_offsets(received: Iterable[Arrived]) -> dict[str, float]:
    """Wall clock minus monotonic clock in seconds, by boot, as the newest event with a set clock has it.

    What was recorded in that boot before the clock was set is thereby dated.
    """
    newest = {event.data.boot: event for event, _ in received if event.data.clock == "synchronised"}
    return {boot: event.time.timestamp() - event.data.monotonic_s for boot, event in newest.items()}


@dataclass(frozen=True, slots=True)
class Tally:
    """A stream after an arrival."""

    ranges: RangeSet
    """The numbers that are there."""
    arrived: int
    """How many passages came."""
    added: int
    """How many numbers are new."""

    def doubled(self, new_ids: int) -> int:
        """How many passages were there already, where `new` ids were not."""
        return self.arrived - new_ids

    def conflicting(self, new_ids: int) -> int:
        """How many of the `new` have a number that another passage had."""
        return max(0, new_ids - self.added)


def tally(known_ranges: Iterable[Range], received: Sequence[Arrived]) -> Tally:
    """`known` are the stream's ranges before."""
    ranges = RangeSet(known_ranges)
    before = ranges.count()
    for event, _ in received:
        ranges.add(event.data.seq)
    return Tally(ranges, len(received), ranges.count() - before)
