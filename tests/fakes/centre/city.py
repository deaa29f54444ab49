"""A small city in a real database of the centre: areas, sites, devices with hourly counts, and accounts of each role."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from kiosk.core.rules import OpeningHours
from mqtt.centre.accounts import accounts
from mqtt.centre.accounts.roles import Grant, OfficerRole
from mqtt.centre.configuration.schema import prepare_configuration
from mqtt.centre.enrolment.schema import prepare_enrolment
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.registry.store import import_files, read_rows
from mqtt.centre.registry.tree import make_registry
from mqtt.centre.tracing.cases.schema import prepare_tracing
from web_ui.centre.data.calendar import local_day

PASSWORD = "nước sông Hương chảy chậm"
SAMPLE_AREAS = files("mqtt.centre.registry").joinpath("data/hue-areas-2025.csv").read_bytes()
CITY, WARD_A, WARD_B = "46", "19753", "19777"
SITES = """site,title,area,kind,opening_hours,capacity,contact,since
dong-ba,Chợ Đông Ba,19753,market,mon-sun 06:00-18:00,500,0234 000 001,2025-08-01
phu-xuan,UBND phường Phú Xuân,19753,office,mon-fri 07:00-17:00,,0234 000 002,2025-08-01
vy-da,UBND phường Vỹ Dạ,19777,office,mon-fri 07:00-17:00,,0234 000 003,2025-08-01
ca-phe,Cà phê Vỹ Dạ,19777,restaurant,,40,,2025-08-01
"""
DEVICES = """device,site,title,since
dong-ba/gate-1,dong-ba,Cổng 1,2025-08-01
dong-ba/gate-2,dong-ba,Cổng 2,2025-08-01
phu-xuan/gate-1,phu-xuan,Cổng chính,2025-08-01
vy-da/gate-1,vy-da,Cổng chính,2025-08-01
ca-phe/gate-1,ca-phe,Cửa trước,2025-08-01
"""


@dataclass(frozen=True, slots=True)
class HourCount:
    """One row of the hourly counts."""

    wire_name: str
    hour: datetime
    number: int = 1
    direction: str = "in"
    result: str = "pass"


def make_city(database: str, now: datetime) -> None:
    """Areas, sites, devices and one account of each role and area. All devices but those of `vy-da` were seen at `now`."""
    prepare_enrolment(database)
    prepare_tracing(database)
    prepare_configuration(database)
    with open_query(database) as query:
        named = [("areas.csv", SAMPLE_AREAS), ("sites.csv", SITES.encode()), ("devices.csv", DEVICES.encode())]
        import_files(query, named, OpeningHours.parse)
        for line in DEVICES.splitlines()[1:]:
            add_device(query, line.split(",")[0], now)
        mark_seen(query, now)
        add_accounts(query, now)


def mark_seen(query: Query, now: datetime) -> None:
    """All devices were seen now, those of the site `vy-da` an hour ago."""
    query("UPDATE device SET last_seen_at = ?", [_text(now)])
    query("UPDATE device SET last_seen_at = ? WHERE site = 'vy-da'", [_text(now - timedelta(hours=1))])


def account_name(role: OfficerRole, code: str) -> str:
    """The account of a role in an area."""
    return f"{role}-{code}"


def add_accounts(query: Query, now: datetime) -> None:
    """One account for each role in the city and in two wards, and one without a role. All have PASSWORD."""
    registry = make_registry(read_rows(query))
    accounts.add_account(query, "no-role", "Không vai trò", PASSWORD, now)
    hashed = query("SELECT argon2 FROM account")[0]["argon2"]
    for code in (CITY, WARD_A, WARD_B):
        area = registry.area(code, local_day(now))
        assert area
        for role in OfficerRole:
            name = account_name(role, code)
            query("INSERT INTO account VALUES (?, ?, ?, ?, NULL)", [name, f"{role} {code}", hashed, now.isoformat()])
            accounts.set_roles(query, name, [Grant(role, area.number)])


def add_device(query: Query, wire_name: str, seen_at: datetime, state: str = "ready") -> None:
    """A device that the centre has heard."""
    site, _, device = wire_name.partition("/")
    query(
        "INSERT INTO device (topic_prefix, site, device, state, last_seen_at, software_version, clock_quality) "
        "VALUES ('entrance', ?, ?, ?, ?, '0.1.0', 'synchronised')",
        [site, device, state, _text(seen_at)],
    )


def add_hours(query: Query, counts: Iterable[HourCount]) -> None:
    """Hourly counts of known devices."""
    numbers = {
        f"{row['site']}/{row['device']}": row["number"] for row in query("SELECT number, site, device FROM device")
    }
    for one in counts:
        reason = "ok" if one.result == "pass" else "expired"
        query(
            "INSERT INTO hourly VALUES (?, ?, ?, ?, ?, 'id-card', ?)",
            [numbers[one.wire_name], _text(one.hour), one.direction, one.result, reason, one.number],
        )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
