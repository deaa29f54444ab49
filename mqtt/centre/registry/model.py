"""Areas, sites and devices of the registry. Each row is valid from `since` until the day before `until`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol


class Dated(Protocol):
    """A row with a period."""

    @property
    def since(self) -> date:
        """First day."""

    @property
    def until(self) -> date | None:
        """First day on which the row is no longer valid. None: no end is known."""


def is_valid_on(row: Dated, day: date) -> bool:
    """Whether the period of the row contains the day."""
    return row.since <= day and (row.until is None or day < row.until)


@dataclass(frozen=True, slots=True)
class Area:
    """One unit of the administration in one period: a city, a ward, a commune."""

    code: str
    """Of the official list. A later area may use the code of an earlier one."""
    parent: str
    """Code of the area above. Empty at the root."""
    kind: str
    name_vi: str
    name_en: str
    since: date
    until: date | None = None
    merged_into: str = ""
    """Code of the area that took it over on the day `until`."""
    number: int = 0
    """Key in the database, never used again. Roles refer to it. 0: not stored yet."""

    @property
    def key(self) -> tuple[str, date]:
        """What tells two rows apart."""
        return self.code, self.since

    def name(self, language: str) -> str:
        """Its name in the language: Vietnamese, or English for all others."""
        return self.name_vi if language == "vi" else self.name_en or self.name_vi


@dataclass(frozen=True, slots=True)
class Site:
    """A place with gates, in one period."""

    site: str
    """Its name on the wire, for example `dong-ba`."""
    title: str
    """For people, for example `Chợ Đông Ba`."""
    area: str
    """Code of the area on the day `since`."""
    kind: str
    opening_hours: tuple[str, ...]
    """For example `mon-fri 07:30-17:00`. Empty: always open, or not known."""
    capacity: int | None
    contact: str
    since: date
    until: date | None = None

    @property
    def key(self) -> tuple[str, date]:
        """What tells two rows apart."""
        return self.site, self.since


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """Which site a device belongs to, in one period."""

    wire_name: str
    """SITE/DEVICE as in its topics and its certificate. It does not change when the device moves."""
    site: str
    title: str
    """The gate, for example `Cổng 1`."""
    since: date
    until: date | None = None

    @property
    def key(self) -> tuple[str, date]:
        """What tells two rows apart."""
        return self.wire_name, self.since


SITE_KINDS = ("office", "market", "shop", "restaurant", "hotel", "station", "school", "hospital", "worship", "other")
AREA_KINDS = ("city", "province", "district", "ward", "commune", "township")


@dataclass(frozen=True, slots=True)
class RegistryRows:
    """All rows of the registry, or those of a file."""

    areas: tuple[Area, ...] = ()
    sites: tuple[Site, ...] = ()
    devices: tuple[RegisteredDevice, ...] = ()

    def __iter__(self) -> Iterator[Area | Site | RegisteredDevice]:
        """Areas, then sites, then devices."""
        yield from self.areas
        yield from self.sites
        yield from self.devices
