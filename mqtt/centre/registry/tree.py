"""The registry on one day: which area a site is in, what lies below an area. Pure, and quick for 10,000 devices."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from mqtt.centre.registry.model import Area, RegisteredDevice, RegistryRows, Site, is_valid_on


def successor(area: Area, areas: dict[str, list[Area]]) -> Area | None:
    """The area that follows when this one ends: the one that took it over, or the next period of the same area."""
    if area.until is None:
        return None
    code = area.merged_into or area.code
    for other in areas.get(code, ()):
        starts_then = other.since == area.until
        if other.key != area.key and (is_valid_on(other, area.until) if area.merged_into else starts_then):
            return other
    return None


@dataclass(frozen=True)
class Registry:
    """All rows, with what is needed to look them up. Build it with `make_registry`."""

    rows: RegistryRows
    _areas: dict[str, list[Area]] = field(repr=False)
    _sites: dict[str, list[Site]] = field(repr=False)
    _devices: dict[str, list[RegisteredDevice]] = field(repr=False)

    def area(self, code: str, day: date) -> Area | None:
        """The area with that code on that day."""
        return next((area for area in self._areas.get(code, ()) if is_valid_on(area, day)), None)

    def area_of_site(self, site: Site, day: date) -> Area | None:
        """The area that the site is in on a day of its period. Follows merges. None: an area ended without a successor."""
        found = self.area(site.area, site.since)
        while found is not None and not is_valid_on(found, day):
            following = successor(found, self._areas)
            if following is None or following.since < found.since:
                return None
            found = following
        return found

    def parent(self, area: Area, day: date) -> Area | None:
        """The area above."""
        return self.area(area.parent, day) if area.parent else None

    def path(self, area: Area, day: date) -> tuple[Area, ...]:
        """From the root to the area itself."""
        found, above = [area], self.parent(area, day)
        while above is not None and above not in found:
            found.append(above)
            above = self.parent(above, day)
        return tuple(reversed(found))

    def roots(self, day: date) -> tuple[Area, ...]:
        """The areas without an area above."""
        return tuple(area for area in self.rows.areas if is_valid_on(area, day) and not self.parent(area, day))

    def children(self, area: Area, day: date) -> tuple[Area, ...]:
        """The areas directly below, in the order of their codes."""
        return tuple(one for one in self.rows.areas if one.parent == area.code and is_valid_on(one, day))

    def subtree(self, area: Area, day: date) -> Iterator[Area]:
        """The area and all below it."""
        yield area
        for child in self.children(area, day):
            yield from self.subtree(child, day)

    def site(self, name: str, day: date) -> Site | None:
        """The site on that day."""
        return next((site for site in self._sites.get(name, ()) if is_valid_on(site, day)), None)

    def device(self, wire_name: str, day: date) -> RegisteredDevice:
        """The device on that day. One that is not registered belongs to the site of its topics, and has its name as title."""
        for found in self._devices.get(wire_name, ()):
            if is_valid_on(found, day):
                return found
        site, _, name = wire_name.partition("/")
        return RegisteredDevice(wire_name, site, name, date.min)

    def devices_changed_since(self, day: date) -> set[str]:
        """Wire names of the devices that came to a site, or left it, after that day."""
        return {row.wire_name for row in self.rows.devices if row.since > day or row.until is not None}

    def sites_of_device(self, wire_name: str, first_day: date, end: date) -> Iterator[tuple[str, date, date]]:
        """The sites of a device from a day until before another one: name, first day, day after the last one."""
        rows = self._devices.get(wire_name, [])
        days = sorted(
            {first_day, *(day for row in rows for day in (row.since, row.until) if day and first_day < day < end)}
        )
        for since, until in zip(days, [*days[1:], end], strict=True):
            yield self.device(wire_name, since).site, since, until

    def sites_by_area(self, day: date) -> dict[int, list[Site]]:
        """The open sites by the number of their area. Those without an area have number 0."""
        found: dict[int, list[Site]] = defaultdict(list)
        for site in self.rows.sites:
            if is_valid_on(site, day):
                area = self.area_of_site(site, day)
                found[area.number if area else 0].append(site)
        return found

    def full_title(self, wire_name: str, day: date) -> str:
        """`Chợ Đông Ba · Cổng 1`."""
        device = self.device(wire_name, day)
        site = self.site(device.site, day)
        return f"{site.title if site else device.site} · {device.title}"


def make_registry(rows: RegistryRows) -> Registry:
    """The registry of these rows."""
    areas: dict[str, list[Area]] = defaultdict(list)
    sites: dict[str, list[Site]] = defaultdict(list)
    devices: dict[str, list[RegisteredDevice]] = defaultdict(list)
    for area in rows.areas:
        areas[area.code].append(area)
    for site in rows.sites:
        sites[site.site].append(site)
    for device in rows.devices:
        devices[device.wire_name].append(device)
    return Registry(rows, dict(areas), dict(sites), dict(devices))
