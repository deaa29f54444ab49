"""The receipts that a centre sends after a commit. Pure."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from mqtt.centre.ingest.batch import IngestedMessage, StreamKey
from mqtt.connection import OutgoingMessage
from mqtt.events import (
    MAX_RECEIPT_CONFIRMED,
    MAX_RECEIPT_RANGES,
    AccessCloudEvent,
    BacklogRateChange,
    InvalidEvent,
    digest_of_ids,
    receipt_payload,
)
from mqtt.sequence_ranges import Range, RangeSet
from mqtt.topics import DeviceTopics, TopicKind

_epoch = attrgetter("data.epoch")


def receipt_messages(
    ingested: Sequence[IngestedMessage],
    ranges_by_stream: Mapping[StreamKey, RangeSet],
    rates: Mapping[DeviceTopics, BacklogRateChange] | None = None,
) -> list[OutgoingMessage]:
    """A receipt for each stream of the batch, and for each epoch that has only rejections. Rarely several.

    `rates`: the new backlog rates of devices, by device.
    """
    rejected: dict[StreamKey, list[InvalidEvent]] = {}
    for message in ingested:
        for invalid in message.invalid:
            if invalid.id is not None and invalid.epoch is not None:
                rejected.setdefault(StreamKey(message.device, invalid.epoch), []).append(invalid)
    for key, found in getattr(ranges_by_stream, "rejected", {}).items():
        rejected.setdefault(key, []).extend(found)
    events = _events_by_stream(ingested)
    receipts = []
    nothing = RangeSet()
    for key in {**ranges_by_stream, **rejected}:
        known = ranges_by_stream.get(key, nothing)
        ranges = known.after_first_gap()
        received, refused = events.get(key, ()), rejected.get(key, ())
        if len(ranges) > MAX_RECEIPT_RANGES:
            ranges = order_ranges_by_relevance(ranges, {event.data.seq for event in received})
        confirmed = confirmed_ranges(received, {one.id for one in refused} if refused else ())
        rate = rates.get(key.device) if rates else None
        for start in range(0, max(1, len(confirmed)), MAX_RECEIPT_CONFIRMED):
            part = confirmed[start : start + MAX_RECEIPT_CONFIRMED]
            payload = receipt_payload(key.epoch, known.up_to, ranges, refused, part, backlog_rate=rate)
            receipts.append(OutgoingMessage(key.device.topic(TopicKind.RECEIPT), payload))
    return receipts


def _events_by_stream(ingested: Sequence[IngestedMessage]) -> dict[StreamKey, list[AccessCloudEvent]]:
    found: dict[StreamKey, list[AccessCloudEvent]] = {}
    for message in ingested:
        for epoch, of_epoch in groupby(message.events, _epoch):
            found.setdefault(StreamKey(message.device, epoch), []).extend(of_epoch)
    return found


def confirmed_ranges(
    events: Sequence[AccessCloudEvent], rejected_ids: Collection[str | None] = ()
) -> list[tuple[int, int, str]]:
    """The events of one stream as ranges of seqs, each with the digest of its ids. The rejected ones are left out."""
    if len(events) == 1 and not rejected_ids:
        seq = events[0].data.seq
        return [(seq, seq, digest_of_ids([events[0].id.bytes]))]
    ids: dict[int, bytes] = {}
    ambiguous: set[int] = set()
    for event in events:
        if rejected_ids and str(event.id) in rejected_ids:
            continue
        if ids.setdefault(event.data.seq, event.id.bytes) != event.id.bytes:
            ambiguous.add(event.data.seq)
    ranges = RangeSet()
    for seq in sorted(ids.keys() - ambiguous):
        ranges.add(seq)
    return [(first, last, digest_of_ids(ids[seq] for seq in range(first, last + 1))) for first, last in ranges]


def order_ranges_by_relevance(ranges: Sequence[Range], seqs: Iterable[int]) -> list[Range]:
    """The ranges that contain these seqs first, because a receipt cannot contain all ranges."""
    wanted = sorted(seqs)
    relevant = [
        (first, last)
        for first, last in ranges
        if (place := bisect_left(wanted, first)) < len(wanted) and wanted[place] <= last
    ]
    seen = set(relevant)
    return relevant + [each for each in ranges if each not in seen]
