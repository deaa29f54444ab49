"""From the state of all devices to what is wrong, one condition for each subject. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WHOLE_CITY = "*"
"""Subject of a condition of the whole city."""
CITY_OUTAGE_SHARE = 0.5
"""More silent devices than this part of those of the last day are one outage: power, network or broker."""
CITY_OUTAGE_DEVICES = 10
"""In a smaller city each device has an alert of its own."""
RECENT = timedelta(days=1)
BACKLOG_EVENTS = 1000
REFUSED_SHARE = 0.3
REFUSED_READINGS = 50
"""Fewer readings of a day say nothing about their share."""


class AlertKind(StrEnum):
    """What is wrong."""

    CITY_OUTAGE = "city-outage"
    SILENT_SITE = "silent-site"
    SILENT_GATE = "silent-gate"
    OUT_OF_ORDER = "out-of-order"
    BACKLOG = "backlog"
    QUARANTINE = "quarantine"
    CLOCK = "clock"
    REFUSALS = "refusals"
    ENROLMENT_CONFLICT = "enrolment-conflict"


SILENCE = frozenset({AlertKind.SILENT_SITE, AlertKind.SILENT_GATE})
"""Kinds that a city-wide outage stands for."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the conditions of a device depend on."""

    wire_name: str
    site: str
    area: int
    """Number of the area. 0: none."""
    is_silent: bool
    last_seen_at: datetime | None
    """None: it has never connected. That is no alert."""
    state: str
    state_reason: str
    clock_quality: str
    backlog: int
    quarantined: int
    passed_today: int
    refused_today: int


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """Something that is wrong now."""

    kind: AlertKind
    subject: str
    """SITE/DEVICE, SITE, or `WHOLE_CITY`."""
    area: int
    detail: str
    """A number or a code, never a sentence."""


def find_conditions(devices: Sequence[DeviceFacts], now: datetime) -> list[Condition]:
    """All conditions, in order. A site whose gates are all silent has one condition, and so has a city."""
    connected = [device for device in devices if device.last_seen_at is not None]
    outage = _city_outage(connected, now)
    found = [outage] if outage else [*_silences(connected)]
    for device in connected:
        if not device.is_silent:
            found += _of_device(device)
    return sorted(found)


def _city_outage(devices: Sequence[DeviceFacts], now: datetime) -> Condition | None:
    recent = [device for device in devices if device.last_seen_at and now - device.last_seen_at < RECENT]
    silent = sum(device.is_silent for device in recent)
    if silent < CITY_OUTAGE_DEVICES or silent <= CITY_OUTAGE_SHARE * len(recent):
        return None
    return Condition(AlertKind.CITY_OUTAGE, WHOLE_CITY, 0, str(silent))


def _silences(devices: Iterable[DeviceFacts]) -> Iterator[Condition]:
    by_site: dict[str, list[DeviceFacts]] = defaultdict(list)
    for device in devices:
        by_site[device.site].append(device)
    for site, gates in by_site.items():
        silent = [gate for gate in gates if gate.is_silent]
        if len(silent) == len(gates):
            yield Condition(AlertKind.SILENT_SITE, site, gates[0].area, str(len(gates)))
        else:
            for gate in silent:
                yield Condition(AlertKind.SILENT_GATE, gate.wire_name, gate.area, "")


def _of_device(device: DeviceFacts) -> Iterator[Condition]:
    def condition(kind: AlertKind, detail: str) -> Condition:
        return Condition(kind, device.wire_name, device.area, detail)

    if device.state == "out-of-order":
        yield condition(AlertKind.OUT_OF_ORDER, device.state_reason)
    if device.backlog >= BACKLOG_EVENTS:
        yield condition(AlertKind.BACKLOG, str(device.backlog))
    if device.quarantined:
        yield condition(AlertKind.QUARANTINE, str(device.quarantined))
    if device.clock_quality == "unset":
        yield condition(AlertKind.CLOCK, "")
    readings = device.passed_today + device.refused_today
    if readings >= REFUSED_READINGS and device.refused_today > REFUSED_SHARE * readings:
        yield condition(AlertKind.REFUSALS, str(round(100 * device.refused_today / readings)))
