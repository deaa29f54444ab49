"""Passages by hour over some days, for the pages of an area and a site. From the hourly counts, never from events."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from mqtt.centre.ingest.database import Query
from web_ui.centre.data.attendance import SiteAttendance, site_attendance
from web_ui.centre.data.calendar import CITY_ZONE, local_day, midnight
from web_ui.centre.data.fleet import Counts, DeviceNow, Fleet, SiteNow, to_datetime

MAX_DAYS = 92
Hourly = dict[datetime, Counts]
"""Counts by the beginning of their hour, in UTC."""


@dataclass(frozen=True, slots=True)
class SitePeriod:
    """One site over some days."""

    site: SiteNow
    attendance: SiteAttendance
    total: Counts


def read_area_period(query: Query, fleet: Fleet, sites: Sequence[SiteNow], days: int) -> list[SitePeriod]:
    """These sites over the last `days` days with today, the most urgent first. One statement."""
    since = _first_hour(fleet, days)
    by_site = _by_site(fleet, read_hourly(query, fleet.devices.values(), {site.name for site in sites}, fleet, since))
    found = []
    for site in sites:
        hourly = by_site.get(site.name, {})
        opened = midnight(site.row.since) if site.row else since
        hours = site.row.opening_hours if site.row else ()
        passed = {hour: counts.passed for hour, counts in hourly.items()}
        attendance = site_attendance(hours, passed, max(since, opened), fleet.at, CITY_ZONE)
        found.append(SitePeriod(site, attendance, sum(hourly.values(), Counts())))
    return sorted(found, key=_urgency)


def _urgency(period: SitePeriod) -> tuple[int, int, str]:
    order = list(type(period.attendance.attendance))
    return order.index(period.attendance.attendance), -period.attendance.missed_hours, period.site.title


def read_hourly(
    query: Query, devices: Iterable[DeviceNow], sites: set[str], fleet: Fleet, since: datetime
) -> dict[str, Hourly]:
    """Counts by wire name since an hour, of all devices that belonged to one of these sites in that time."""
    first_day = local_day(since)
    wanted = {
        device.number: device.wire_name
        for device in devices
        if device.site in sites or fleet.registry.device(device.wire_name, first_day).site in sites
    }
    found: dict[str, Hourly] = {wire_name: defaultdict(Counts) for wire_name in wanted.values()}
    if not wanted:
        return found
    rows = query(
        "SELECT device, hour, result, direction, sum(n) AS n FROM hourly "  # noqa: S608 - only question marks
        f"WHERE device IN ({', '.join('?' * len(wanted))}) AND hour >= ? GROUP BY device, hour, result, direction",
        [*wanted, since.astimezone(UTC).isoformat(timespec="milliseconds")],
    )
    for row in rows:
        number, passed, is_out = int(row["n"]), row["result"] == "pass", row["direction"] == "out"
        counts = Counts(
            number if passed and not is_out else 0, number if passed and is_out else 0, 0 if passed else number
        )
        hourly = found[wanted[row["device"]]]
        hour = to_datetime(row["hour"])
        hourly[hour] = hourly[hour] + counts
    return found


def _by_site(fleet: Fleet, by_device: Mapping[str, Hourly]) -> dict[str, Hourly]:
    """Each hour goes to the site that the device belonged to on that day."""
    found: dict[str, Hourly] = {}
    for wire_name, hourly in by_device.items():
        site_on: dict[date, str] = {}
        for hour, counts in hourly.items():
            day = local_day(hour)
            name = site_on.get(day) or site_on.setdefault(day, fleet.registry.device(wire_name, day).site)
            of_site = found.setdefault(name, {})
            of_site[hour] = of_site.get(hour, Counts()) + counts
    return found


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day of a site."""

    day: date
    hours: tuple[Counts, ...]
    """24, from midnight."""

    @property
    def total(self) -> Counts:
        """Of the day."""
        return sum(self.hours, Counts())


@dataclass(frozen=True, slots=True)
class SiteReport:
    """A site over some days, newest day first."""

    days: tuple[DayRow, ...]
    attendance: SiteAttendance
    busiest_hour: int
    """The most passages of one hour, at least 1: the scale of a heat map."""

    @property
    def total(self) -> Counts:
        """Of all days."""
        return sum((day.total for day in self.days), Counts())


def read_site_report(query: Query, fleet: Fleet, site: SiteNow, days: int) -> SiteReport:
    """The hours of a site over the last `days` days with today."""
    since = _first_hour(fleet, days)
    hourly = _by_site(fleet, read_hourly(query, fleet.devices.values(), {site.name}, fleet, since)).get(site.name, {})
    rows = []
    for ago in range(days):
        day = fleet.day - timedelta(days=ago)
        start = midnight(day)
        rows.append(DayRow(day, tuple(hourly.get(start + timedelta(hours=hour), Counts()) for hour in range(24))))
    passed = {hour: counts.passed for hour, counts in hourly.items()}
    opened = midnight(site.row.since) if site.row else since
    hours = site.row.opening_hours if site.row else ()
    attendance = site_attendance(hours, passed, max(since, opened), fleet.at, CITY_ZONE)
    return SiteReport(tuple(rows), attendance, max(1, *(counts.passed for row in rows for counts in row.hours)))


def _first_hour(fleet: Fleet, days: int) -> datetime:
    return midnight(fleet.day - timedelta(days=days - 1))
