"""From the state of all devices to what is wrong, one condition for each subject. Pure."""

from collections import Counter, defaultdict
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
SHARED_CAUSE_SHARE, SHARED_CAUSE_DEVICES = CITY_OUTAGE_SHARE, CITY_OUTAGE_DEVICES
"""What more devices than this have at the same time has one cause. It is one alert of the whole city."""


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
    GAPS = "gaps"
    DISK = "disk"
    LIST = "list"
    """A list on a device is old or cannot be used."""
    LIST_ENDS = "list-ends"
    """The last key of the published trust list ends soon. It is one for the whole city."""
    CERTIFICATE = "certificate"
    ENROLMENT_WAITING = "enrolment-waiting"
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
    missing_events: int = 0
    """Events that did not come, and that no operator acknowledged."""
    low_disk_mb: int | None = None
    """Free space of a nearly full memory card."""
    old_list_days: int | None = None
    """Age of a list that is too old. 0: a list cannot be used."""
    certificate_days: int | None = None
    """Days left of a certificate that should have been renewed."""


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
    of_devices = [condition for device in connected for condition in _of_device(device)]
    return sorted(found + _with_shared_causes(of_devices, len(connected)))


def _with_shared_causes(found: Sequence[Condition], devices: int) -> list[Condition]:
    """One condition of the whole city for each kind that more than half of its devices have."""
    counts = Counter(one.kind for one in found)
    shared = {
        kind: count
        for kind, count in counts.items()
        if count >= SHARED_CAUSE_DEVICES and count > SHARED_CAUSE_SHARE * devices
    }
    single = [one for one in found if one.kind not in shared]
    return single + [Condition(kind, WHOLE_CITY, 0, str(count)) for kind, count in shared.items()]


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
    for kind, value in _values_of(device):
        if value is not None:
            yield Condition(kind, device.wire_name, device.area, str(value))


def _values_of(device: DeviceFacts) -> Iterator[tuple[AlertKind, int | str | None]]:
    """Each kind with its number or code. None: nothing is wrong."""
    yield AlertKind.CERTIFICATE, device.certificate_days
    if device.is_silent:  # what it said last may be over
        return
    yield AlertKind.OUT_OF_ORDER, device.state_reason if device.state == "out-of-order" else None
    yield AlertKind.BACKLOG, device.backlog if device.backlog >= BACKLOG_EVENTS else None
    yield AlertKind.QUARANTINE, device.quarantined or None
    yield AlertKind.CLOCK, "" if device.clock_quality == "unset" else None
    yield AlertKind.GAPS, device.missing_events or None
    yield AlertKind.DISK, device.low_disk_mb
    yield AlertKind.LIST, device.old_list_days or (None if device.old_list_days is None else "")
    yield AlertKind.REFUSALS, _unusual_share(device)


def _unusual_share(device: DeviceFacts) -> int | None:
    """Refused readings of today in percent, where they are unusually many."""
    readings = device.passed_today + device.refused_today
    if readings < REFUSED_READINGS or device.refused_today <= REFUSED_SHARE * readings:
        return None
    return round(100 * device.refused_today / readings)
