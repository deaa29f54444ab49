"""The city at this moment: each device, site and area with its state and its counts of today. Read once for all readers."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from mqtt.centre.fleet.status import OFFLINE_AFTER
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.registry.model import Area, RegistryRows, Site, is_valid_on
from mqtt.centre.registry.store import read_rows, read_version
from mqtt.centre.registry.tree import Registry, make_registry
from web_ui.centre.data.calendar import local_day, midnight

MAX_AGE_S = 30.0
"""Older figures are read again before they are shown."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened at gates, without persons."""

    passed_in: int = 0
    passed_out: int = 0
    refused: int = 0
    """Refused, or asked to show the code again."""

    @property
    def passed(self) -> int:
        """Everyone who was let through, in any direction."""
        return self.passed_in + self.passed_out

    @property
    def refused_share(self) -> float | None:
        """Part of all readings, 0 to 1. None without readings."""
        total = self.passed + self.refused
        return self.refused / total if total else None

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.passed_in + other.passed_in, self.passed_out + other.passed_out, self.refused + other.refused
        )


@dataclass(frozen=True, slots=True)
class DeviceNow:
    """One device."""

    number: int
    """Key in the database. 0: it is registered, and has never connected."""
    wire_name: str
    """SITE/DEVICE of its topics."""
    title: str
    site: str
    """The site that it belongs to today."""
    state: str
    state_reason: str
    last_seen_at: datetime | None
    software_version: str
    clock_quality: str
    backlog: int
    quarantined: int
    is_silent: bool
    today: Counts
    last_passage_at: datetime | None
    """Beginning of today's last hour with a passage."""


@dataclass(frozen=True, slots=True)
class SiteNow:
    """One site that is registered today, or known from its devices alone."""

    name: str
    title: str
    row: Site | None
    area: Area | None
    devices: tuple[DeviceNow, ...] = ()

    @property
    def today(self) -> Counts:
        """Of all its gates."""
        return sum((device.today for device in self.devices), Counts())

    @property
    def is_silent(self) -> bool:
        """Whether it has gates, and none of them answers."""
        return bool(self.devices) and all(device.is_silent for device in self.devices)

    @property
    def silent_devices(self) -> int:
        """Gates that do not answer."""
        return sum(device.is_silent for device in self.devices)

    @property
    def last_passage_at(self) -> datetime | None:
        """Beginning of today's last hour with a passage."""
        return max((device.last_passage_at for device in self.devices if device.last_passage_at), default=None)


@dataclass(frozen=True, slots=True)
class AreaNow:
    """An area with the sums of all sites in it and below it."""

    area: Area
    sites: int
    silent_sites: int
    silent_devices: int
    devices: int
    today: Counts


@dataclass(frozen=True)
class Fleet:
    """Everything at one moment."""

    at: datetime
    day: date
    registry: Registry
    sites: Mapping[str, SiteNow]
    devices: Mapping[str, DeviceNow]
    """By wire name."""
    _by_area: Mapping[int, list[SiteNow]] = field(repr=False, default_factory=dict)
    _areas_now: dict[int, AreaNow] = field(repr=False, default_factory=dict)

    def sites_in(self, area: Area) -> list[SiteNow]:
        """The sites in an area and below it, by title."""
        found = [site for one in self.registry.subtree(area, self.day) for site in self._by_area.get(one.number, ())]
        return sorted(found, key=lambda site: (site.title.casefold(), site.name))

    def sites_without_area(self) -> list[SiteNow]:
        """Sites that no area has: not in the registry, or their area ended."""
        return sorted(self._by_area.get(0, ()), key=lambda site: site.name)

    def area_now(self, area: Area) -> AreaNow:
        """The sums of an area. Summed up once for all readers."""
        if area.number not in self._areas_now:
            self._areas_now[area.number] = self._sum_up(area)
        return self._areas_now[area.number]

    def _sum_up(self, area: Area) -> AreaNow:
        sites = self.sites_in(area)
        return AreaNow(
            area,
            len(sites),
            sum(site.is_silent for site in sites),
            sum(site.silent_devices for site in sites),
            sum(len(site.devices) for site in sites),
            sum((site.today for site in sites), Counts()),
        )


_DEVICES = """
SELECT number, site, device, state, state_reason, last_seen_at, software_version, clock_quality, backlog, quarantined
FROM device WHERE retired_at IS NULL OR last_seen_at > retired_at ORDER BY site, device
"""
SUMS = """
CAST(sum(CASE WHEN result = 'pass' AND direction <> 'out' THEN n ELSE 0 END) AS bigint) AS passed_in,
CAST(sum(CASE WHEN result = 'pass' AND direction = 'out' THEN n ELSE 0 END) AS bigint) AS passed_out,
CAST(sum(CASE WHEN result <> 'pass' THEN n ELSE 0 END) AS bigint) AS refused
"""
"""Columns that `counts_of` reads."""
_COUNTS = f"""
SELECT device, max(CASE WHEN result = 'pass' THEN hour END) AS last_hour, {SUMS}
FROM hourly WHERE hour >= ? AND hour < ? GROUP BY device
"""  # noqa: S608 - constants


_NOTHING: tuple[Counts, datetime | None] = (Counts(), None)


def read_fleet(query: Query, registry: Registry, now: datetime) -> Fleet:
    """The city now. Two statements, whatever its size."""
    day = local_day(now)
    counts = _read_counts(query, day)
    devices = [_device(row, registry, now, day, counts.get(row["number"], _NOTHING)) for row in query(_DEVICES)]
    devices += _never_connected(registry, {device.wire_name for device in devices}, day)
    sites = _group_sites(registry, devices, day)
    by_area: dict[int, list[SiteNow]] = defaultdict(list)
    for site in sites.values():
        by_area[site.area.number if site.area else 0].append(site)
    return Fleet(now, day, registry, sites, {device.wire_name: device for device in devices}, by_area)


def _read_counts(query: Query, day: date) -> dict[int, tuple[Counts, datetime | None]]:
    """Counts of the day and the last hour with a passage, by the number of the device."""
    period = [time_text(midnight(day)), time_text(midnight(day + timedelta(days=1)))]
    return {
        row["device"]: (counts_of(row), to_datetime(row["last_hour"]) if row["last_hour"] else None)
        for row in query(_COUNTS, period)
    }


def counts_of(row: Mapping[str, Any]) -> Counts:
    """The counts of a row with the columns SUMS."""
    return Counts(row["passed_in"], row["passed_out"], row["refused"])


def _device(
    row: Mapping[str, Any], registry: Registry, now: datetime, day: date, counted: tuple[Counts, datetime | None]
) -> DeviceNow:
    wire_name = f"{row['site']}/{row['device']}"
    registered = registry.device(wire_name, day)
    seen_at = to_datetime(row["last_seen_at"])
    return DeviceNow(
        row["number"],
        wire_name,
        registered.title,
        registered.site,
        row["state"],
        row["state_reason"],
        seen_at,
        row["software_version"],
        row["clock_quality"],
        int(row["backlog"]),
        int(row["quarantined"]),
        now - seen_at > OFFLINE_AFTER or row["state"] == "offline",
        *counted,
    )


def _never_connected(registry: Registry, known: set[str], day: date) -> Iterator[DeviceNow]:
    for row in registry.rows.devices:
        if is_valid_on(row, day) and row.wire_name not in known:
            yield DeviceNow(0, row.wire_name, row.title, row.site, "", "", None, "", "", 0, 0, True, Counts(), None)


def _group_sites(registry: Registry, devices: Iterable[DeviceNow], day: date) -> dict[str, SiteNow]:
    by_site: dict[str, list[DeviceNow]] = defaultdict(list)
    for device in devices:
        by_site[device.site].append(device)
    found: dict[str, SiteNow] = {}
    for name in (*(site.site for site in registry.rows.sites), *by_site):
        row = registry.site(name, day)
        if name not in found and (row is not None or by_site.get(name)):
            area = registry.area_of_site(row, day) if row else None
            found[name] = SiteNow(name, row.title if row else name, row, area, tuple(by_site.get(name, ())))
    return found


class FleetReader:
    """Keeps the city as it was read last. Any thread."""

    def __init__(
        self, database: str, now: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._fleet: Fleet | None = None
        self._read_s = 0.0
        self._registry: tuple[int, Registry] = (0, make_registry(RegistryRows()))
        self._wanted = threading.Event()

    def fleet(self) -> Fleet:
        """The city, at most MAX_AGE_S old. Raises LedgerError."""
        self._wanted.set()
        found = self._fleet
        if found is not None and self._monotonic() - self._read_s < MAX_AGE_S:
            return found
        return self.refresh()

    def refresh(self) -> Fleet:
        """Read it now. Callers that wait for another one's reading take its result. Raises LedgerError."""
        asked_s = self._monotonic()
        with self._lock:
            if self._fleet is None or self._read_s < asked_s:
                began_s = self._monotonic()
                with open_query(self._database) as query:
                    self._fleet = read_fleet(query, self._read_registry(query), self._now())
                self._read_s = began_s
            return self._fleet

    def refresh_if_wanted(self) -> None:
        """Read it again if a reader asked since the last call. Raises LedgerError."""
        if self._wanted.is_set():
            self._wanted.clear()
            self.refresh()

    def _read_registry(self, query: Query) -> Registry:
        version = read_version(query)
        if version != self._registry[0]:
            self._registry = (version, make_registry(read_rows(query)))
        return self._registry[1]


def to_datetime(at: datetime | str) -> datetime:
    """A time of either database, in UTC."""
    found = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    return found if found.tzinfo is UTC else found.astimezone(UTC)


def time_text(at: datetime) -> str:
    """A time for a comparison in either database."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
