"""Many tabs of one browser: they share one event stream, hidden ones hold none, and each further page loads."""

import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.core.model import DeviceState
from kiosk.system.translations import translator
from tests.e2e.browser.test_public_pages import Kiosk
from tests.fakes.parts.web_accounts import staff
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser, Page, expect
from tests.fakes.processes.web_process import served

EN = translator("en")
TABS = 9
"""More than the six connections that a browser opens to one server."""
HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
    document.dispatchEvent(new Event('visibilitychange'));
}"""

pytestmark = pytest.mark.skipif(bool(browsers.missing()), reason=browsers.missing() or "there is a browser")


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    daemon = Kiosk(tmp_path)
    yield daemon
    daemon.kill()


@pytest.fixture
def url(kiosk: Kiosk) -> Iterator[str]:
    with served("--run-dir", kiosk.run_dir, "--state-dir", staff(kiosk.run_dir / "state")) as (found, _):
        yield found


@contextmanager
def tabs(browser: Browser, addresses: list[str], script: str = "") -> Iterator[list[Page]]:
    """One browser with these tabs. `script` runs in each page before its own scripts."""
    with browser.new_context(locale="en-GB") as context:
        if script:
            context.add_init_script(script)
        errors: list[str] = []
        pages = []
        for address in addresses:
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(address, timeout=20_000)
            pages.append(page)
        yield pages
        assert errors == []


def streams(url: str) -> int:
    with urllib.request.urlopen(f"{url}metrics") as answer:  # noqa: S310  # our own server
        found = re.search(r"^entrance_kiosk_web_streams (\d+)", answer.read().decode(), re.MULTILINE)
    assert found
    return int(found[1])


def wait_for_streams(page: Page, url: str, count: int) -> None:
    """The server notices within seconds that a browser has left."""
    for _ in range(100):
        if streams(url) == count:
            return
        page.wait_for_timeout(100)
    assert streams(url) == count


def test_nine_tabs_share_one_stream_and_each_of_them_is_current(chromium: Browser, kiosk: Kiosk, url: str) -> None:
    with tabs(chromium, [url] * TABS) as pages:
        for page in pages:
            expect(page.locator("h1")).to_contain_text(EN("status.sentence.ready"))
        wait_for_streams(pages[0], url, 1)
        kiosk.state = DeviceState.OUT_OF_ORDER
        for page in pages:
            expect(page.locator("h1")).to_contain_text(EN("status.sentence.out-of-order"), timeout=5000)
            expect(page.locator("#lost")).to_be_hidden()


def test_with_many_screens_in_two_languages_open_a_guard_can_log_in(chromium: Browser, kiosk: Kiosk, url: str) -> None:
    addresses = [f"{url}{path}?lang={language}" for path in ("", "guard") for language in ("vi", "en")] * 3
    with tabs(chromium, [*addresses, f"{url}login?role=guard&lang=en"]) as pages:
        expect(pages[-1].locator("h1")).to_have_text("Guard's login")
        kiosk.state = DeviceState.OUT_OF_ORDER
        for page, address in zip(pages[:-1], addresses, strict=True):
            t = translator(address[-2:])
            expect(page.locator("[data-state=out-of-order]")).to_have_count(1, timeout=8000)
            expect(page.locator("#lost")).to_be_hidden()
            assert t("guard.paper-list") in page.locator("main").inner_text()


@pytest.mark.parametrize("script", ["", "delete window.SharedWorker"], ids=["shared", "alone"])
def test_hidden_tabs_hold_no_stream_and_are_current_as_soon_as_they_are_seen(
    chromium: Browser, kiosk: Kiosk, url: str, script: str
) -> None:
    with tabs(chromium, [url, f"{url}guard"], script) as pages:
        wait_for_streams(pages[0], url, 2)
        pages[0].evaluate(HIDE, True)
        wait_for_streams(pages[0], url, 1)
        pages[1].evaluate(HIDE, True)
        wait_for_streams(pages[0], url, 0)
        kiosk.state = DeviceState.OUT_OF_ORDER
        kiosk.publish()
        assert pages[1].locator("main [data-state]").is_hidden()
        for page in pages:
            page.evaluate(HIDE, False)
            expect(page.locator("[data-state=out-of-order]")).to_be_visible(timeout=3000)
        wait_for_streams(pages[0], url, 2)


def test_a_closed_tab_leaves_the_stream_to_the_others(chromium: Browser, kiosk: Kiosk, url: str) -> None:
    with tabs(chromium, [url] * 3) as pages:
        pages[0].close()
        pages[1].goto(f"{url}report")
        kiosk.state = DeviceState.DEGRADED
        expect(pages[2].locator("[data-state=degraded]")).to_have_count(1, timeout=5000)
        pages[2].close()
        wait_for_streams(pages[1], url, 0)


def test_a_guard_who_listens_gets_answers_in_a_hidden_tab_too(chromium: Browser, kiosk: Kiosk, url: str) -> None:
    with tabs(chromium, [f"{url}guard"]) as (page,):
        wait_for_streams(page, url, 1)
        page.locator(".menu summary").click()
        page.get_by_role("button", name=EN("guard.sound")).click()
        page.evaluate(HIDE, True)
        kiosk.answered_s_ago = 0.0
        expect(page.locator("[data-state=pass]")).to_have_count(1, timeout=3000)
        wait_for_streams(page, url, 1)


def test_without_a_free_stream_the_page_polls(chromium: Browser, kiosk: Kiosk, url: str) -> None:
    with chromium.new_context(locale="en-GB") as context:
        page = context.new_page()
        context.route("**/live/*/events*", lambda route: route.fulfill(status=503))
        page.add_init_script("delete window.SharedWorker")  # whose requests cannot be routed
        page.goto(url)
        kiosk.state = DeviceState.OUT_OF_ORDER
        expect(page.locator("[data-state=out-of-order]")).to_have_count(1, timeout=8000)
        expect(page.locator("#lost")).to_be_hidden()
