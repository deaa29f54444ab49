"""What the centre of the demo knows before a gate connects: the areas of Huế, sites of two wards, and one account."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

from kiosk.core.rules import OpeningHours
from kiosk.system.csv_output import csv_text
from mqtt.centre.accounts import accounts
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.accounts.roles import Grant, OfficerRole
from mqtt.centre.alerts.store import prepare_alerts
from mqtt.centre.enrolment.schema import prepare_enrolment
from mqtt.centre.ingest.database import open_query
from mqtt.centre.registry.csv_format import COLUMNS
from mqtt.centre.registry.store import import_files, read_rows

ACCOUNT, WHO = "demo", "cli:demo"
CITY_CODE = "46"
_AREAS = "data/hue-areas-2025.csv"
_SINCE = "2026-01-01"


@dataclass(frozen=True, slots=True)
class CityPlace:
    """A gate and where it stands."""

    site: str
    device: str
    ward_code: str
    ward: str
    site_title: str
    site_kind: str

    @property
    def wire_name(self) -> str:
        """SITE/DEVICE."""
        return f"{self.site}/{self.device}"


PLACES = (
    CityPlace("cho-dong-ba", "cong-1", "19753", "Phường Phú Xuân", "Chợ Đông Ba", "market"),
    CityPlace("cho-dong-ba", "cong-2", "19753", "Phường Phú Xuân", "Chợ Đông Ba", "market"),
    CityPlace("ubnd-phu-xuan", "cong-1", "19753", "Phường Phú Xuân", "UBND phường Phú Xuân", "office"),
    CityPlace("cho-vy-da", "cong-1", "19777", "Phường Vỹ Dạ", "Chợ Vỹ Dạ", "market"),
    CityPlace("tram-y-te-vy-da", "cong-1", "19777", "Phường Vỹ Dạ", "Trạm y tế Vỹ Dạ", "hospital"),
    CityPlace("ubnd-vy-da", "cong-1", "19777", "Phường Vỹ Dạ", "UBND phường Vỹ Dạ", "office"),
)
NEW_PLACE = CityPlace("cho-vy-da", "cong-2", "19777", "Phường Vỹ Dạ", "Chợ Vỹ Dạ", "market")
"""The gate that has no name when the demo starts."""


def make_first_rows(database: str, places: Sequence[CityPlace]) -> str:
    """Make tables, registry and an account with the role of an administrator. Returns its password. Raises LedgerError."""
    prepare_alerts(database)
    prepare_enrolment(database)
    password = "-".join(secrets.token_hex(2) for _ in range(3))
    now = datetime.now(UTC)
    areas = files("mqtt.centre.registry").joinpath(_AREAS).read_bytes()
    tables = [("areas.csv", areas), ("sites.csv", _sites(places)), ("devices.csv", _devices(places))]
    with open_query(database) as query:
        append_audit(query, CentreAuditEntry(WHO, "import-registry", "the city of the demo", "start of the demo"), now)
        import_files(query, tables, OpeningHours.parse)
        (city,) = (area for area in read_rows(query).areas if area.code == CITY_CODE)
        accounts.add_account(query, ACCOUNT, "Demo", password, now)
        accounts.set_roles(query, ACCOUNT, [Grant(OfficerRole.ADMIN, city.number)])
    return password


def _sites(places: Sequence[CityPlace]) -> bytes:
    rows = {
        place.site: {
            "site": place.site, "title": place.site_title, "area": place.ward_code, "kind": place.site_kind, "since": _SINCE,
        }
        for place in places
    }  # fmt: skip
    return _table("sites", list(rows.values()))


def _devices(places: Sequence[CityPlace]) -> bytes:
    rows = [
        {
            "device": place.wire_name,
            "site": place.site,
            "title": place.device.replace("cong-", "Cổng "),
            "since": _SINCE,
        }
        for place in places
    ]
    return _table("devices", rows)


def _table(kind: str, rows: Sequence[dict[str, str]]) -> bytes:
    columns = COLUMNS[kind]
    return csv_text([columns, *([row.get(column, "") for column in columns] for row in rows)]).encode()
