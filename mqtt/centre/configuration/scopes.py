"""Where a setting is set, and which of several counts for a device: the nearest. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from mqtt.centre.registry.tree import Registry

CITY, AREA, SITE, DEVICE = "city", "area", "site", "device"


@dataclass(frozen=True, slots=True)
class Scope:
    """The whole city, an area, a site or a device."""

    kind: str
    """CITY, AREA, SITE or DEVICE."""
    name: str = ""
    """Number of the area, name of the site, or `SITE/DEVICE`."""

    def __str__(self) -> str:
        """As it is stored: `city`, `area 12`, `site dong-ba`, `device dong-ba/gate-1`."""
        return f"{self.kind} {self.name}".strip()

    @property
    def origin(self) -> str:
        """As the device gets it: it knows its own name."""
        return self.kind if self.kind == DEVICE else str(self)


WHOLE_CITY_SCOPE = Scope(CITY)


@dataclass(frozen=True, slots=True)
class StoredValue:
    """One setting in one scope."""

    scope: str
    name: str
    """Dotted."""
    value: Any
    changed_by: str
    changed_at: datetime
    reason: str


def parse_scope(text: str) -> Scope:
    """A stored scope."""
    kind, _, name = text.partition(" ")
    return Scope(kind, name)


def scopes_of(registry: Registry, wire_name: str, day: date) -> tuple[Scope, ...]:
    """The scopes that a device is in, the farthest first. A device that is not registered is in the site of its topics."""
    site_name = registry.device(wire_name, day).site
    site = registry.site(site_name, day)
    area = registry.area_of_site(site, day) if site else None
    areas = tuple(Scope(AREA, str(one.number)) for one in registry.path(area, day)) if area else ()
    return (WHOLE_CITY_SCOPE, *areas, Scope(SITE, site_name), Scope(DEVICE, wire_name))


def by_scope(values: Iterable[StoredValue]) -> dict[str, list[StoredValue]]:
    """The values by their scope."""
    found: dict[str, list[StoredValue]] = {}
    for value in values:
        found.setdefault(value.scope, []).append(value)
    return found


def effective_values(values: Mapping[str, Sequence[StoredValue]], scopes: Iterable[Scope]) -> dict[str, StoredValue]:
    """The value of each setting that counts. `scopes`: the farthest first."""
    return {value.name: value for scope in scopes for value in values.get(str(scope), ())}


def plain_values(effective: Mapping[str, StoredValue]) -> dict[str, Any]:
    """What a device gets."""
    return {name: value.value for name, value in effective.items()}


def newest_change(effective: Iterable[StoredValue]) -> StoredValue | None:
    """Who changed something last. None: there is no value."""
    return max(effective, key=lambda value: value.changed_at, default=None)
