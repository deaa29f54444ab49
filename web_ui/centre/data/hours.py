"""Passages by hour over some days, for the pages of an area and a site. From the hourly counts, never from events."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mqtt.centre.ingest.database import Query
from web_ui.centre.data.attendance import HOUR, SiteAttendance, judge_hours, site_attendance
from web_ui.centre.data.calendar import CITY_ZONE, local_day, midnight
from web_ui.centre.data.day_cache import DayCache, SiteDayCounts
from web_ui.centre.data.fleet import SUMS, Counts, Fleet, SiteNow, counts_of, time_text, to_datetime

MAX_DAYS = 92
Hourly = dict[datetime, Counts]
"""Counts by the beginning of their hour, in UTC."""


@dataclass(frozen=True, slots=True)
class SitePeriod:
    """One site over some days."""

    site: SiteNow
    attendance: SiteAttendance
    total: Counts


def read_area_period(
    cache: DayCache, fleet: Fleet, sites: Sequence[SiteNow], days: int, last_day: date | None = None
) -> list[SitePeriod]:
    """These sites over `days` days up to the last one, the most urgent first. `last_day` None: today, until now."""
    end = (last_day or fleet.day) + timedelta(days=1)
    first_day = end - timedelta(days=days)
    dates = [first_day + timedelta(days=number) for number in range(days)]
    by_day = cache.read(dates)
    gates = _gates_of_sites(fleet, {site.name for site in sites}, first_day, end)
    now = min(fleet.at, midnight(end))
    found = [_site_period(site, gates.get(site.name, []), by_day, first_day, now) for site in sites]
    return sorted(found, key=_urgency)


def _gates_of_sites(fleet: Fleet, names: set[str], first_day: date, end: date) -> dict[str, list[tuple[int, int, int]]]:
    """Device numbers by site, with the days of the period on which they belonged to it: from, until before."""
    found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    moved = fleet.registry.devices_changed_since(first_day)
    for device in fleet.devices.values():
        if device.wire_name in moved:
            for site, since, until in fleet.registry.sites_of_device(device.wire_name, first_day, end):
                found[site].append((device.number, (since - first_day).days, (until - first_day).days))
        elif device.site in names:
            found[device.site].append((device.number, 0, (end - first_day).days))
    return found


def _site_period(
    site: SiteNow,
    gates: Sequence[tuple[int, int, int]],
    by_day: Sequence[SiteDayCounts],
    first_day: date,
    now: datetime,
) -> SitePeriod:
    start = midnight(first_day)
    since = max(start, midnight(site.row.since)) if site.row else start
    masks, passed_in, passed_out, refused = [0] * len(by_day), 0, 0, 0
    for device, from_day, until_day in gates:
        for number in range(from_day, until_day):
            mask, came, left, stopped = by_day[number].row(device)
            masks[number] |= mask
            passed_in, passed_out, refused = passed_in + came, passed_out + left, refused + stopped
    earliest, latest = (since - start) // HOUR, (now - start) // HOUR
    hours = (24 * number + hour for number, mask in enumerate(masks) if mask for hour in range(24) if mask >> hour & 1)
    scanned = {hour - earliest for hour in hours if earliest <= hour <= latest}
    opening_hours = site.row.opening_hours if site.row else ()
    total = Counts(passed_in, passed_out, refused)
    return SitePeriod(site, judge_hours(opening_hours, scanned, since, now, CITY_ZONE), total)


def _urgency(period: SitePeriod) -> tuple[int, int, str]:
    order = list(type(period.attendance.attendance))
    return order.index(period.attendance.attendance), -period.attendance.missed_hours, period.site.title


def read_hourly(query: Query, fleet: Fleet, sites: Sequence[SiteNow], first_day: date) -> dict[str, Hourly]:
    """Counts of sites by hour since a day. Each hour goes to the site that its device belonged to on that day.

    One statement for the devices that did not move, and one for each day on which a device moved.
    """
    names = {site.name: index for index, site in enumerate(sites)}
    found: dict[str, Hourly] = {name: {} for name in names}
    for (since, until), gates in _gates_by_period(fleet, names, first_day).items():
        values = ", ".join(f"({device}, {site})" for device, site in gates)
        rows = query(
            f"WITH gate (device, site) AS (VALUES {values}) SELECT site, hour, {SUMS} "  # noqa: S608 - whole numbers and constants
            "FROM hourly JOIN gate ON gate.device = hourly.device WHERE hour >= ? AND hour < ? GROUP BY site, hour",
            [time_text(midnight(since)), time_text(midnight(until))],
        )
        hours: dict[object, datetime] = {}  # each hour stands in many rows
        for row in rows:
            hour = hours.get(row["hour"]) or hours.setdefault(row["hour"], to_datetime(row["hour"]))
            hourly = found[sites[row["site"]].name]
            counts = counts_of(row)
            hourly[hour] = hourly[hour] + counts if hour in hourly else counts
    return found


def _gates_by_period(
    fleet: Fleet, names: Mapping[str, int], first_day: date
) -> dict[tuple[date, date], list[tuple[int, int]]]:
    """Which device numbers belonged to which of the sites, by the period from a day until before another one."""
    end = fleet.day + timedelta(days=1)
    found: dict[tuple[date, date], list[tuple[int, int]]] = defaultdict(list)
    moved = fleet.registry.devices_changed_since(first_day)
    for device in fleet.devices.values():
        if device.wire_name not in moved:
            if device.site in names and device.number:
                found[first_day, end].append((device.number, names[device.site]))
            continue
        for site, since, until in fleet.registry.sites_of_device(device.wire_name, first_day, end):
            if site in names and device.number:
                found[since, until].append((device.number, names[site]))
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
    hourly = read_hourly(query, fleet, [site], local_day(since))[site.name]
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
