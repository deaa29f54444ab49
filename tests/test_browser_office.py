"""Login and actions in a real browser, with scripts off: the browser's own headers pass our fences, and axe finds no fault."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.control import Admit, ShowLamp
from kiosk.model import Direction, Outcome
from kiosk.store import Store
from tests import browser as browsers
from tests.browser import Browser, Page, expect, faults
from tests.daemons import Ordered
from tests.passages import a_passage
from tests.snapshots import a_status, publish
from tests.web_process import served
from web_ui.accounts import Accounts

pytestmark = pytest.mark.skipif(bool(browsers.missing()), reason=browsers.missing() or "there is a browser")

PASSWORD = "một mật khẩu dài"
PIN = "482913"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A kiosk with a few passages, whose administrator and guard are set up."""
    publish(tmp_path, a_status())
    store = Store(tmp_path / "p.db")
    for number in range(3):
        store.commit(a_passage(number))
    store.close()
    (tmp_path / "state").mkdir()
    accounts = Accounts(tmp_path / "state")
    accounts.set_up(accounts.make_code(), PASSWORD)
    accounts.set_pin(PIN)
    with served("--run-dir", tmp_path, "--database", tmp_path / "p.db", "--state-dir", tmp_path / "state") as (
        found,
        _,
    ):
        yield found


def log_in(page: Page, url: str, role: str, secret: str) -> None:
    page.goto(f"{url}login?role={role}")
    page.fill("[name=secret]", secret)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_guard_lets_somebody_in_with_the_keyboard_alone(
    chromium: Browser, tmp_path: Path, url: str, *, scripts: bool
) -> None:
    with Ordered(tmp_path) as daemon, chromium.new_context(locale="en-GB", java_script_enabled=scripts) as context:
        page = context.new_page()
        log_in(page, url, "guard", PIN)
        expect(page).to_have_url(url + "guard/admit")
        page.focus("[name=reason]")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page).to_have_url(url + "guard")
        assert daemon.orders == [Admit(Direction.IN)]


def test_an_administrator_tests_the_lamp_and_sees_it_in_the_audit_log(
    chromium: Browser, tmp_path: Path, url: str
) -> None:
    with Ordered(tmp_path) as daemon, chromium.new_context(locale="en-GB") as context:
        page = context.new_page()
        log_in(page, url, "admin", "not this")
        expect(page.get_by_role("alert")).to_contain_text("That is not right.")
        page.fill("[name=secret]", PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="No pass").click()
        expect(page.get_by_role("status")).to_contain_text("Done.")
        expect(page.locator("tbody tr").first).to_contain_text("Lamp test")
        expect(page.locator("tbody tr").first).to_contain_text("done")
        assert daemon.orders == [ShowLamp(Outcome.FAIL)]
        page.get_by_role("button", name="Log out").click()
        page.goto(url + "admin")
        expect(page.locator("h1")).to_have_text("Administrator's login")


@pytest.mark.parametrize(("scheme", "locale", "width"), [("light", "vi-VN", 1280), ("dark", "en-GB", 320)])
def test_axe_finds_no_fault_and_nothing_is_cut_off_behind_the_login(
    chromium: Browser, url: str, scheme: str, locale: str, width: int
) -> None:
    viewport = {"width": width, "height": 800}
    with chromium.new_context(color_scheme=scheme, locale=locale, viewport=viewport) as context:
        page = context.new_page()
        log_in(page, url, "admin", PASSWORD)
        expect(page).to_have_url(url + "admin")
        for path in ("admin", "admin/events", "admin/settings", "guard/admit", "login?role=guard", "setup"):
            page.goto(url + path)
            assert faults(page) == ""
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
