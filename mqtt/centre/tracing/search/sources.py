"""Where sealed passages come from: the centre's database, or an extract on an offline station. Nothing here unseals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Protocol

from mqtt.centre.ingest.database import open_query
from mqtt.centre.registry.model import Area, Site
from mqtt.centre.registry.tree import Registry
from mqtt.centre.tracing.core.model import SealedPassage, StayRules
from mqtt.centre.tracing.core.stays import DEFAULT_RESET, OVER_NIGHT, usual_stay
from mqtt.centre.tracing.search.passages import PassageReader, midnight


@dataclass(frozen=True, slots=True)
class TracedSite:
    """A site that a case covers."""

    name: str
    title: str
    kind: str

    def rules(self, zone: tzinfo) -> StayRules:
        """How missing ways in and out are filled in here."""
        return StayRules(usual_stay(self.kind), None if self.kind in OVER_NIGHT else DEFAULT_RESET, zone)


class PassageSource(Protocol):
    """Sealed passages of the sites of one case."""

    @property
    def sites(self) -> Mapping[str, TracedSite]:
        """The sites, by name."""

    @property
    def zone(self) -> tzinfo:
        """The time zone of the city."""

    def read(self, sites: frozenset[str], since_at: datetime, until_at: datetime) -> Iterator[list[SealedPassage]]:
        """The passages of these sites and times, in lists that fit into memory."""

    def units(self, since_at: datetime, until_at: datetime) -> list[str]:
        """Names of the parts of a search over all sites, in order. Each is searched as a whole, or again."""

    def read_unit(self, unit: str, since_at: datetime, until_at: datetime) -> Iterator[list[SealedPassage]]:
        """The passages of one part, in lists that fit into memory."""


@dataclass(frozen=True)
class LedgerSource:
    """The centre's database. A part of a search is a day of the city. Raises LedgerError."""

    database: str
    registry: Registry
    zone: tzinfo
    sites: Mapping[str, TracedSite] = field(default_factory=dict)

    def read(self, sites: frozenset[str], since_at: datetime, until_at: datetime) -> Iterator[list[SealedPassage]]:
        """See PassageSource."""
        with open_query(self.database) as query:
            reader = PassageReader.of(query, self.database)
            gates = reader.gates(self.registry, sites, since_at, until_at, self.zone)
            yield from reader.read(gates, since_at, until_at)

    @property
    def chosen_from(self) -> list[Site]:
        """A row for each of these sites, for a choice by title."""
        rows = {one.site: one for one in self.registry.rows.sites if one.site in self.sites}
        loose = (one for name, one in self.sites.items() if name not in rows)
        return [*rows.values(), *(Site(one.name, one.title, "", one.kind, (), None, "", date.min) for one in loose)]

    def units(self, since_at: datetime, until_at: datetime) -> list[str]:
        """See PassageSource."""
        first, last = (at.astimezone(self.zone).date() for at in (since_at, until_at - timedelta(microseconds=1)))
        return [(first + timedelta(days=day)).isoformat() for day in range((last - first).days + 1)]

    def read_unit(self, unit: str, since_at: datetime, until_at: datetime) -> Iterator[list[SealedPassage]]:
        """See PassageSource."""
        day = date.fromisoformat(unit)
        begin = max(since_at, midnight(day, self.zone))
        end = min(until_at, midnight(day + timedelta(days=1), self.zone))
        yield from self.read(frozenset(self.sites), begin, end)


def source_of_area(database: str, registry: Registry, area: Area, day: date, zone: tzinfo) -> LedgerSource:
    """The passages that a case in this area covers. Raises LedgerError.

    A case in the area above all others covers also the gates that no registered site has.
    """
    sites = sites_of_area(registry, area, day)
    if registry.parent(area, day) is None:
        with open_query(database) as query:
            rows = query("SELECT site, device FROM device")
        registered = {one.site for one in registry.rows.sites}
        for name in {registry.device(f"{row['site']}/{row['device']}", day).site for row in rows} - registered:
            sites[name] = TracedSite(name, name, "other")
    return LedgerSource(database, registry, zone, sites)


def sites_of_area(registry: Registry, area: Area, day: date) -> dict[str, TracedSite]:
    """The sites of an area and of all areas below it on a day, and closed ones that were in it until they closed."""
    numbers = {one.number for one in registry.subtree(area, day)}
    found: dict[str, TracedSite] = {}
    for site in registry.rows.sites:
        if (covering := _area_of(registry, site, day)) is not None and covering.number in numbers:
            found[site.site] = TracedSite(site.site, site.title, site.kind)
    return found


def _area_of(registry: Registry, site: Site, day: date) -> Area | None:
    """The area that the site is in, as it is called today. A closed site is where its area went."""
    return registry.area_of_site(site, max(site.since, day))
