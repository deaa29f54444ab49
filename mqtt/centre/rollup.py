"""How the hourly counts follow the events: which hours a batch changes. Pure.

The table `hourly` has the number of effective events per device, hour, direction, result, reason and kind. It holds no person,
and outlives the events. An event without direction or kind has an empty text there.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from mqtt.centre.ingest.batch import ReceivedEvent

HourKey = tuple[int, datetime, str, str, str, str]
"""Device number, hour (UTC), direction, result, reason, kind."""
DeviceEventId = tuple[int, UUID]
"""Device number and event id."""
BootOffsets = dict[tuple[int, str], float]
"""Wall clock minus monotonic clock in seconds, by device number and boot id."""

LAST_TIME_S = 7_258_118_400
"""The year 2200. The views do not believe a time before 1970 or after this."""
MIN_OFFSET_CHANGE_S = 0.05
"""A smaller change of a boot's offset is not written: the clock's own drift would write a row with each event."""


@dataclass(slots=True)
class BatchCounts:
    """What the new events of a batch add to the hourly counts."""

    by_hour: Counter[HourKey] = field(default_factory=Counter)
    undated: list[tuple[int, UUID, str]] = field(default_factory=list)
    """Device number, id and boot id of the events whose hour depends on the offset of their boot. The database counts them."""


def count_events(new: Iterable[tuple[int, Sequence[ReceivedEvent]]], annulled: Container[DeviceEventId]) -> BatchCounts:
    """Count the new events of each device. Annulments and what is in `annulled` are no effective events."""
    counts = BatchCounts()
    by_hour: dict[HourKey, int] = counts.by_hour
    hours: dict[int, datetime] = {}
    for device, events in new:
        for event, _ in events:
            data = event.data
            if data.annuls is not None or (device, event.id) in annulled:
                continue
            at_s = event.time.timestamp()
            if data.clock_quality != "synchronised" or not 0 <= at_s <= LAST_TIME_S:
                counts.undated.append((device, event.id, data.boot_id))
                continue
            number = int(at_s // 3600)
            hour = hours.get(number) or hours.setdefault(number, datetime.fromtimestamp(number * 3600, UTC))
            key = (device, hour, data.direction or "", data.outcome, data.reason, data.kind or "")
            by_hour[key] = by_hour.get(key, 0) + 1
    return counts


def annulments(new: Iterable[tuple[int, Sequence[ReceivedEvent]]]) -> set[DeviceEventId]:
    """What the new events annul."""
    return {
        (device, event.data.annuls) for device, events in new for event, _ in events if event.data.annuls is not None
    }


def changed_offsets(offsets: Mapping[tuple[int, str], float], stored: Mapping[tuple[int, str], float]) -> BootOffsets:
    """The offsets to write, where `stored` has what the database has of them."""
    return {
        key: offset_s
        for key, offset_s in offsets.items()
        if key not in stored or abs(stored[key] - offset_s) > MIN_OFFSET_CHANGE_S
    }
