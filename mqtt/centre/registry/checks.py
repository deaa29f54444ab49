"""Whether rows of the registry fit together: periods, areas above and below, merges. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import TypeVar

from mqtt.centre.registry.csv_format import MAX_MISTAKES, Mistake, ParsedFile
from mqtt.centre.registry.model import Area, RegisteredDevice, RegistryRows, Site
from mqtt.centre.registry.tree import Registry, make_registry, successor

Row = TypeVar("Row", Area, Site, RegisteredDevice)
_Complaint = tuple[str, str, date, str, str, str]
"""Kind, key (two values), column, text, and the name that the row refers to."""


def merge_rows(stored: RegistryRows, files: Iterable[ParsedFile]) -> RegistryRows:
    """The stored rows with those of the files. A row replaces the one with its key. A later row ends an earlier open one."""
    areas, sites, devices = list(stored.areas), list(stored.sites), list(stored.devices)
    for file in files:
        areas += file.rows.areas
        sites += file.rows.sites
        devices += file.rows.devices
    return RegistryRows(_latest(areas), _latest(sites), _latest(devices))


def _latest(rows: list[Row]) -> tuple[Row, ...]:
    by_key: dict[tuple[str, date], Row] = {}
    for row in rows:
        before = by_key.get(row.key)
        if isinstance(before, Area) and isinstance(row, Area):
            row = replace(row, number=row.number or before.number)  # noqa: PLW2901  the row with the key of the stored one
        by_key[row.key] = row
    ordered = [by_key[key] for key in sorted(by_key)]
    for index, (row, following) in enumerate(pairwise(ordered)):
        if row.until is None and row.key[0] == following.key[0]:
            ordered[index] = replace(row, until=following.since)
    return tuple(ordered)


def check_rows(rows: RegistryRows, files: Sequence[ParsedFile]) -> tuple[Mistake, ...]:
    """All mistakes of the merged rows, at the lines of the files where they stand there.

    A reference to a row that has a mistake itself is not one more mistake.
    """
    places: dict[tuple[str, str, date], tuple[str, int]] = {
        place: (file.name, line) for file in files for place, line in file.lines.items()
    }
    registry = make_registry(rows)
    found = [
        *_overlaps("areas", rows.areas),
        *_overlaps("sites", rows.sites),
        *_overlaps("devices", rows.devices),
        *_check_areas(registry, rows.areas),
        *_check_sites(registry, rows.sites),
        *_check_devices(registry, rows.devices),
    ]
    rejected = frozenset().union(*(file.rejected for file in files))
    return tuple(sorted(_mistake(one, places) for one in found if one[-1] not in rejected)[:MAX_MISTAKES])


def _mistake(found: _Complaint, places: Mapping[tuple[str, str, date], tuple[str, int]]) -> Mistake:
    kind, name, since, column, text, _ = found
    file, line = places.get((kind, name, since), ("", 0))
    return Mistake(file, line, column, text) if file else Mistake(f"stored {kind} {name} of {since}", 0, column, text)


def _overlaps(kind: str, rows: Iterable[Area | Site | RegisteredDevice]) -> Iterator[_Complaint]:
    for row, following in pairwise(rows):
        if row.key[0] == following.key[0] and (row.until is None or following.since < row.until):
            yield (
                kind,
                *following.key,
                "since",
                f"{row.key[0]} is already valid then: since {row.since}, until {row.until}",
                "",
            )


def _check_areas(registry: Registry, areas: Iterable[Area]) -> Iterator[_Complaint]:
    by_code: dict[str, list[Area]] = defaultdict(list)
    for area in areas:
        by_code[area.code].append(area)
    for area in areas:
        if area.parent and (gap := _first_gap(area, by_code.get(area.parent, []))):
            yield "areas", *area.key, "parent", f"the area above, {area.parent}, is not valid on {gap}", area.parent
        elif _is_own_ancestor(registry, area):
            yield "areas", *area.key, "parent", "the area lies below itself", ""
        if area.merged_into and successor(area, by_code) is None:
            yield (
                "areas",
                *area.key,
                "merged_into",
                f"no area {area.merged_into} is valid on {area.until}",
                area.merged_into,
            )


def _is_own_ancestor(registry: Registry, area: Area) -> bool:
    seen, above = {area.code}, registry.parent(area, area.since)
    while above is not None:
        if above.code in seen:
            return True
        seen.add(above.code)
        above = registry.parent(above, area.since)
    return False


def _first_gap(row: Area | Site | RegisteredDevice, over: Iterable[Area | Site]) -> date | None:
    """The first day of the row on which none of `over` is valid. None: they cover it. `over` is in order of time."""
    day = row.since
    for one in over:
        if one.since <= day and (one.until is None or day < one.until):
            if one.until is None:
                return None
            day = one.until
            if row.until is not None and day >= row.until:
                return None
    return day


def _check_sites(registry: Registry, sites: Iterable[Site]) -> Iterator[_Complaint]:
    for site in sites:
        if registry.area(site.area, site.since) is None:
            yield "sites", *site.key, "area", f"no area {site.area} is valid on {site.since}", site.area


def _check_devices(registry: Registry, devices: Iterable[RegisteredDevice]) -> Iterator[_Complaint]:
    by_site: dict[str, list[Site]] = defaultdict(list)
    for site in registry.rows.sites:
        by_site[site.site].append(site)
    for device in devices:
        if gap := _first_gap(device, by_site.get(device.site, [])):
            yield "devices", *device.key, "site", f"no site {device.site} is registered on {gap}", device.site


def areas_without_successor(registry: Registry, day: date) -> tuple[Site, ...]:
    """Sites that are in no area on that day, because their area ended without a merge."""
    return tuple(registry.sites_by_area(day).get(0, ()))
