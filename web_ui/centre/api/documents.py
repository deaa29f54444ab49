"""What `/api/v1` answers with. Frozen: a field is added, never changed. All times are UTC, all counts are sums of many people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mqtt.centre.alerts.store import Alert
from mqtt.centre.registry.model import Area
from web_ui.centre.data.fleet import Counts, DeviceNow, Fleet, SiteNow
from web_ui.centre.data.hours import SitePeriod


@dataclass(frozen=True, slots=True)
class CountsDocument:
    """Readings of a period."""

    passed_in: int
    """People who passed, also at gates that do not tell the direction."""
    passed_out: int
    refused: int


@dataclass(frozen=True, slots=True)
class AreaDocument:
    """An area with the sums of all sites in it and below it."""

    code: str
    parent: str | None
    kind: str
    name_vi: str
    name_en: str
    sites: int
    silent_sites: int
    devices: int
    silent_devices: int
    today: CountsDocument


@dataclass(frozen=True, slots=True)
class SiteDocument:
    """A site now."""

    name: str
    title: str
    area: str | None
    """Code of the area. Null: it is in none."""
    kind: str | None
    opening_hours: tuple[str, ...]
    capacity: int | None
    contact: str
    devices: int
    silent_devices: int
    is_silent: bool
    """It has devices, and none of them answers."""
    today: CountsDocument


@dataclass(frozen=True, slots=True)
class DeviceDocument:
    """A device now."""

    name: str
    """SITE/DEVICE, as in its topics."""
    title: str
    site: str
    """The site that it belongs to today."""
    is_silent: bool
    state: str
    """As in its newest state message. Empty: it never connected."""
    state_reason: str
    last_seen_at: datetime | None
    software_version: str
    clock_quality: str
    backlog: int
    """Events that wait in the device."""
    quarantined: int
    today: CountsDocument


@dataclass(frozen=True, slots=True)
class AttendanceDocument:
    """How a site scanned in a period."""

    site: str
    attendance: str
    """`never`, `stopped`, `gaps`, `regular` or `unknown`."""
    open_hours: int
    missed_hours: int
    usual_hours: int
    missed_usual_hours: int
    last_passage_at: datetime | None
    """Beginning of the hour."""
    total: CountsDocument


@dataclass(frozen=True, slots=True)
class HourDocument:
    """One hour of a site with at least one reading."""

    hour: datetime
    """Its beginning."""
    counts: CountsDocument


@dataclass(frozen=True, slots=True)
class AlertDocument:
    """An alert."""

    number: int
    kind: str
    subject: str
    """SITE/DEVICE, SITE, or `*` for the whole city."""
    area: str | None
    detail: str
    """A number or a code."""
    since: datetime
    until: datetime | None
    """Null: it is open."""
    acknowledged_by: str
    muted_until: datetime | None


@dataclass(frozen=True, slots=True)
class AreaList:
    """All areas that the token may see."""

    at: datetime
    """When the city was read. At most 30 seconds ago."""
    areas: tuple[AreaDocument, ...]


@dataclass(frozen=True, slots=True)
class SiteList:
    """Some sites of an area, by name."""

    at: datetime
    sites: tuple[SiteDocument, ...]
    next: str | None
    """What `after` of the next request is. Null: there are no more."""


@dataclass(frozen=True, slots=True)
class DeviceList:
    """Some devices of an area, by name."""

    at: datetime
    devices: tuple[DeviceDocument, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class AttendanceList:
    """All sites of an area, the most urgent first."""

    at: datetime
    days: int
    sites: tuple[AttendanceDocument, ...]


@dataclass(frozen=True, slots=True)
class HourList:
    """The hours of a site, oldest first."""

    at: datetime
    days: int
    hours: tuple[HourDocument, ...]


@dataclass(frozen=True, slots=True)
class AlertList:
    """Open alerts, then those that ended in the last two days."""

    checked_at: datetime | None
    """Last check of the city. Null or old: `kiosk centre alerts` does not run."""
    alerts: tuple[AlertDocument, ...]


@dataclass(frozen=True, slots=True)
class ErrorDocument:
    """Why there is no answer."""

    status: int
    error: str


def area_document(fleet: Fleet, area: Area) -> AreaDocument:
    """An area now."""
    now = fleet.area_now(area)
    return AreaDocument(
        area.code, area.parent or None, area.kind, area.name_vi, area.name_en,
        now.sites, now.silent_sites, now.devices, now.silent_devices, counts_document(now.today),
    )  # fmt: skip


def site_document(site: SiteNow) -> SiteDocument:
    """A site now."""
    row = site.row
    return SiteDocument(
        site.name,
        site.title,
        site.area.code if site.area else None,
        row.kind if row else None,
        row.opening_hours if row else (),
        row.capacity if row else None,
        row.contact if row else "",
        len(site.devices),
        site.silent_devices,
        site.is_silent,
        counts_document(site.today),
    )


def device_document(device: DeviceNow) -> DeviceDocument:
    """A device now."""
    return DeviceDocument(
        device.wire_name, device.title, device.site, device.is_silent, device.state, device.state_reason,
        device.last_seen_at, device.software_version, device.clock_quality, device.backlog, device.quarantined,
        counts_document(device.today),
    )  # fmt: skip


def attendance_document(period: SitePeriod) -> AttendanceDocument:
    """A site over some days."""
    found = period.attendance
    return AttendanceDocument(
        period.site.name, found.attendance.value, found.open_hours, found.missed_hours, found.usual_hours,
        found.missed_usual_hours, found.last_passage_at, counts_document(period.total),
    )  # fmt: skip


def alert_document(alert: Alert, areas: Sequence[Area]) -> AlertDocument:
    """An alert. `areas`: where its area is looked up."""
    code = next((area.code for area in areas if area.number == alert.area), None)
    return AlertDocument(
        alert.number, alert.kind.value, alert.subject, code, alert.detail, alert.since, alert.until,
        alert.acknowledged_by, alert.muted_until,
    )  # fmt: skip


def counts_document(counts: Counts) -> CountsDocument:
    """Counts of the pages as a document."""
    return CountsDocument(counts.passed_in, counts.passed_out, counts.refused)
