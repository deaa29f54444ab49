"""The centre's pages in a real browser, served by `kiosk centre web`: signing in, from city to device, live, on paper."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.city import PASSWORD, HourCount, add_hours, make_city, mark_seen
from tests.fakes.processes.browser import Browser, Page, chromium, expect, faults, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())
PAGES = (
    "areas/46", "areas/19753", "sites/dong-ba", "sites/dong-ba/devices/gate-1", "alerts", "audit", "accounts",
    "accounts/viewer-46", "me", "me/second-factor", "me/tokens",
)  # fmt: skip


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> str:
    database, now = str(tmp_path_factory.mktemp("city") / "city.db"), datetime.now(UTC)
    make_city(database, now)
    hour = now.replace(minute=0, second=0, microsecond=0)
    with open_query(database) as query:
        mark_seen(query, now + timedelta(hours=1))  # the module may take minutes
        add_hours(query, [HourCount("dong-ba/gate-1", hour - timedelta(hours=ago), 5 + ago % 60) for ago in range(400)])
    return database


@pytest.fixture(scope="module")
def address(city: str) -> Iterator[str]:
    command = [sys.executable, "-m", "kiosk.cli", "centre", "--database", city, "web", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        found = re.fullmatch(r"centre web: (http://127\.0\.0\.1:\d+/)\n", process.stdout.readline())
        assert found
        try:
            yield found[1]
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def sign_in(browser: Browser, address: str, name: str = "admin-46", **options: object) -> Page:
    page = browser.new_context(**options).new_page()
    page.goto(f"{address}sign-in")
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/areas/|/audit"))
    return page


@pytest.mark.parametrize("locale", ["vi", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_an_accessibility_error(browser: Browser, address: str, locale: str, scheme: str) -> None:
    page = sign_in(browser, address, locale=locale, color_scheme=scheme)
    for path in PAGES:
        page.goto(f"{address}{path}")
        assert faults(page) == "", path


@pytest.mark.parametrize("width", [320, 768, 1280, 3840])
def test_no_page_scrolls_sideways(browser: Browser, address: str, width: int) -> None:
    page = sign_in(browser, address, viewport={"width": width, "height": 900})
    for path in PAGES:
        page.goto(f"{address}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_from_the_city_to_a_device_and_back_without_scripts(browser: Browser, address: str) -> None:
    page = sign_in(browser, address, locale="en", java_script_enabled=False)
    page.click("text=Phu Xuan Ward")
    page.click("table >> text=Chợ Đông Ba >> nth=0")
    page.click("text=Cổng 1")
    expect(page.locator("h1")).to_contain_text("Chợ Đông Ba · Cổng 1")
    page.click("text=Hue City")
    expect(page.locator("h1")).to_contain_text("4 sites")
    assert page.locator("noscript meta[http-equiv=refresh]").count() == 1
    page.click("text=Sign out")
    expect(page.locator("h1")).to_have_text("Sign in")


def test_a_page_shows_what_changed_without_being_loaded_again(browser: Browser, address: str, city: str) -> None:
    page = sign_in(browser, address, locale="en")
    page.goto(f"{address}areas/19753")
    page.evaluate("window.notLoadedAgain = true")
    with open_query(city) as query:
        query("UPDATE device SET last_seen_at = '2026-01-01T00:00:00.000+00:00' WHERE site = 'dong-ba'")
    expect(page.locator("h1")).to_contain_text("1 of 2 site does not answer.", timeout=60_000)
    assert page.evaluate("window.notLoadedAgain") is True
    with open_query(city) as query:
        mark_seen(query, datetime.now(UTC) + timedelta(hours=1))


def test_a_ward_is_printed_with_letterhead_and_lines_to_sign(browser: Browser, address: str) -> None:
    page = sign_in(browser, address, locale="vi")
    page.goto(f"{address}areas/19753")
    assert not page.locator(".letterhead").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".letterhead").is_visible()
    assert page.locator(".signatures").is_visible()
    assert not page.locator(".tabs").is_visible()


def test_a_table_is_saved_as_a_sheet(browser: Browser, address: str, tmp_path: Path) -> None:
    page = sign_in(browser, address, locale="en", accept_downloads=True)
    with page.expect_download() as download:
        page.click("text=Save as XLSX")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "areas-46.xlsx"
    assert path.read_bytes()[:2] == b"PK"


def test_an_auditor_lands_on_the_audit_and_has_no_other_page(browser: Browser, address: str) -> None:
    page = sign_in(browser, address, "auditor-46", locale="en")
    expect(page.locator("h1")).to_have_text("Audit")
    assert page.locator(".tabs a").all_inner_texts() == ["Audit"]
