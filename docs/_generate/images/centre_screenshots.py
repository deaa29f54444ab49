"""Pictures of the centre's pages for docs/images/: city, ward, site, alerts. Needs chromium."""

import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from docs._generate.images.screenshots import CROWD, PICTURES
from kiosk.core.rules import OpeningHours
from mqtt.centre.alerts.conditions import AlertKind, Condition
from mqtt.centre.alerts.store import update_alerts
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.registry.store import import_files, read_rows
from tests.fakes.centre.city import CITY, PASSWORD, WARD_A, WARD_B, HourCount, add_device, add_hours, make_city
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser

DAYS = 21
MORE_SITES = (
    ("an-cuu", "Chợ An Cựu", 2, "market"),
    ("benh-vien", "Bệnh viện Trung ương Huế", 3, "hospital"),
    ("ga-hue", "Ga Huế", 4, "station"),
    ("thuan-an", "Chợ Thuận An", 5, "market"),
    ("truong", "Trường THPT Quốc Học", 6, "school"),
    ("khach-san", "Khách sạn Sông Hương", 7, "hotel"),
    ("chua", "Chùa Thiên Mụ", 8, "worship"),
    ("phu-bai", "Chợ Phú Bài", 9, "market"),
)
"""Name, title, place of the ward in the sample of areas, kind."""


@dataclass(frozen=True, slots=True)
class CentrePicture:
    """One picture."""

    name: str
    path: str
    width: int
    height: int
    scheme: str
    locale: str


ALL = (
    CentrePicture("centre-city-vi", f"areas/{CITY}", 1440, 760, "light", "vi-VN"),
    CentrePicture("centre-ward-en-dark", f"areas/{WARD_A}", 1440, 760, "dark", "en-GB"),
    CentrePicture("centre-site-vi", "sites/dong-ba", 1440, 1100, "light", "vi-VN"),
    CentrePicture("centre-alerts-phone-vi", "alerts", 390, 844, "light", "vi-VN"),
)


def fill(database: str, now: datetime) -> None:
    """A city with markets and offices, three weeks of passages, and a few things that are wrong."""
    make_city(database, now)
    with open_query(database) as query:
        codes = sorted(area.code for area in read_rows(query).areas if area.code not in {CITY, WARD_A, WARD_B})
        sites = "\n".join(
            f"{name},{title},{codes[place]},{kind},mon-sun 05:00-20:00,2025-08-01"
            for name, title, place, kind in MORE_SITES
        )
        devices = "\n".join(f"{name}/gate-1,{name},Cổng 1,2025-08-01" for name, *_ in MORE_SITES)
        files = [
            ("sites.csv", f"site,title,area,kind,opening_hours,since\n{sites}".encode()),
            ("devices.csv", f"device,site,title,since\n{devices}".encode()),
        ]
        import_files(query, files, OpeningHours.parse)
        for name, *_ in MORE_SITES:
            add_device(query, f"{name}/gate-1", now)
        query("UPDATE device SET last_seen_at = ?", [(now + timedelta(hours=1)).isoformat(timespec="milliseconds")])
        for site in ("vy-da", "ga-hue"):
            query("UPDATE device SET state = 'offline' WHERE site = ?", [site])
        add_hours(query, _passages(now))
        numbers = {area.code: area.number for area in read_rows(query).areas}
        _raise_alerts(query, numbers, codes[4], now)


def _passages(now: datetime) -> Iterator[HourCount]:
    dice, newest = random.Random(7), now.replace(minute=0, second=0, microsecond=0)
    gates = ["dong-ba/gate-1", "dong-ba/gate-2", "ca-phe/gate-1", *(f"{name}/gate-1" for name, *_ in MORE_SITES)]
    for gate in gates:
        for ago in range(DAYS * 24):
            hour = newest - timedelta(hours=ago)
            people = CROWD[(hour.hour + 7) % 24] * (3 if gate.startswith("dong-ba") else 1)
            if people and not (gate == "thuan-an/gate-1" and ago < 60):
                count = max(1, round(people * dice.uniform(0.7, 1.3)))
                yield HourCount(gate, hour, count)
                yield HourCount(gate, hour, max(1, count - dice.randrange(3)), "out")
                if dice.random() < 0.5:
                    yield HourCount(gate, hour, 1 + count // 40, result="fail")


def _raise_alerts(query: Query, numbers: dict[str, int], station: str, now: datetime) -> None:
    """In turn, so that each has a time of its own."""
    found: list[Condition] = []
    for minutes, kind, subject, code, detail in (
        (190, AlertKind.DISK, "dong-ba/gate-2", WARD_A, "140"),
        (75, AlertKind.SILENT_SITE, "vy-da", WARD_B, "1"),
        (31, AlertKind.SILENT_SITE, "ga-hue", station, "1"),
        (4, AlertKind.ENROLMENT_WAITING, "phu-xuan/gate-2", WARD_A, ""),
    ):
        found.append(Condition(kind, subject, numbers[code], detail))
        update_alerts(query, found, now - timedelta(minutes=minutes))
    update_alerts(query, found, now + timedelta(hours=1))


@contextmanager
def served(database: str) -> Iterator[str]:
    """Yields the address of a real `kiosk centre web`."""
    command = [sys.executable, "-m", "kiosk.cli", "centre", "--database", database, "web", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            found = re.search(r"http://\S+/", process.stdout.readline())
            assert found
            yield found[0]
        finally:
            process.terminate()


def take(browser: Browser, address: str, picture: CentrePicture) -> None:
    """Sign in, open the page, and write the picture."""
    viewport = {"width": picture.width, "height": picture.height}
    page = browser.new_context(locale=picture.locale, color_scheme=picture.scheme, viewport=viewport).new_page()
    page.goto(f"{address}sign-in")
    page.fill("[name=name]", "admin-46")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/areas/"))
    page.goto(f"{address}{picture.path}")
    page.screenshot(path=PICTURES / f"{picture.name}.png")
    page.context.close()


def main() -> None:
    """Write all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        database = str(Path(folder) / "city.db")
        fill(database, datetime.now(UTC))
        with served(database) as address, browsers.chromium() as browser:
            for picture in ALL:
                take(browser, address, picture)


if __name__ == "__main__":
    main()
