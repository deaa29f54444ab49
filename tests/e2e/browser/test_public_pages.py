"""The public pages in a real browser: live updates, no scripts, all window sizes, accessibility."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.core.model import DeviceState
from kiosk.system.translations import translator
from tests.fakes.data.status_snapshots import a_status, answers, publish
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser, Page, expect, faults
from tests.fakes.processes.web_process import served

EN = translator("en")

pytestmark = pytest.mark.skipif(bool(browsers.missing()), reason=browsers.missing() or "there is a browser")

PATHS = ("", "guard", "welcome", "report", "nowhere")
SIZES = ((320, 568), (390, 844), (844, 390), (768, 1024), (1280, 800), (3840, 2160))


class Kiosk:
    """A fake daemon that publishes its state four times a second."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.state = DeviceState.READY
        self.answered_s_ago: float | None = None
        self._stop = threading.Event()
        self._publishing = threading.Lock()
        self._thread = threading.Thread(target=self._run)
        self.publish()
        self._thread.start()

    def publish(self) -> None:
        """Publish one snapshot now."""
        now = datetime.now(UTC)
        decisions = answers(now, 60.0 if self.answered_s_ago is None else self.answered_s_ago)
        with self._publishing:
            publish(self.run_dir, a_status(self.state, now=now, recent_decisions=decisions))

    def _run(self) -> None:
        while not self._stop.wait(0.25):
            self.publish()

    def kill(self) -> None:
        """Stop publishing. The last snapshot stays."""
        self._stop.set()
        self._thread.join()


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    daemon = Kiosk(tmp_path)
    yield daemon
    daemon.kill()


@contextmanager
def page_of(browser: Browser, url: str, **context: object) -> Iterator[Page]:
    """An open page. The test fails if a script fails or the content security policy is violated."""
    options = {"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, **context}
    with browser.new_context(**options) as fresh:
        page = fresh.new_page()
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        yield page
        assert [line for line in errors if "404" not in line and "ERR_" not in line] == []


def test_the_page_updates_without_a_reload(chromium: Browser, kiosk: Kiosk) -> None:
    with served("--run-dir", kiosk.run_dir) as (url, _), page_of(chromium, url) as page:
        expect(page.locator("h1")).to_contain_text(EN("status.sentence.ready"))
        kiosk.state = DeviceState.OUT_OF_ORDER
        expect(page.locator("h1")).to_contain_text(EN("status.sentence.out-of-order"), timeout=3000)
        expect(page).to_have_title(f"{EN('state.out-of-order')} · cong-1")
        expect(page.locator("#spoken")).to_contain_text(EN("status.sentence.out-of-order"))


@pytest.mark.parametrize("path", ["", "guard"])
def test_a_killed_daemon_is_shown_within_four_seconds(chromium: Browser, kiosk: Kiosk, path: str) -> None:
    with served("--run-dir", kiosk.run_dir) as (url, _), page_of(chromium, url + path) as page:
        expect(page.locator("[data-live=yes]")).to_have_count(1)
        kiosk.kill()
        expect(page.locator("[data-state=stale]")).to_have_count(1, timeout=4500)


@pytest.mark.parametrize("path", ["", "guard"])
def test_a_frozen_web_process_is_shown_within_four_seconds_and_so_is_its_return(
    chromium: Browser, kiosk: Kiosk, path: str
) -> None:
    with served("--run-dir", kiosk.run_dir) as (url, process), page_of(chromium, url + path) as page:
        expect(page.locator("#lost")).to_be_hidden()
        process.send_signal(signal.SIGSTOP)
        expect(page.locator("#lost")).to_be_visible(timeout=4500)
        process.send_signal(signal.SIGCONT)
        expect(page.locator("#lost")).to_be_hidden(timeout=10_000)


def test_without_scripts_a_reload_shows_the_current_state(chromium: Browser, kiosk: Kiosk) -> None:
    with served("--run-dir", kiosk.run_dir) as (url, _), page_of(chromium, url, java_script_enabled=False) as page:
        kiosk.state = DeviceState.OUT_OF_ORDER
        kiosk.publish()
        page.reload()
        expect(page.locator("h1")).to_contain_text(EN("status.sentence.out-of-order"))


def test_a_new_decision_fills_the_guard_screen_for_some_seconds(chromium: Browser, kiosk: Kiosk) -> None:
    with served("--run-dir", kiosk.run_dir) as (url, _), page_of(chromium, url + "guard") as page:
        expect(page.locator("h1")).to_have_text(EN("state.ready"))
        kiosk.answered_s_ago = 0.0
        expect(page.locator("h1")).to_contain_text(EN("outcome.pass.in"), timeout=2000)
        kiosk.answered_s_ago = 10.0
        expect(page.locator("h1")).to_have_text(EN("state.ready"), timeout=3000)


@pytest.mark.parametrize("path", PATHS)
def test_no_page_is_wider_than_its_window(chromium: Browser, kiosk: Kiosk, path: str) -> None:
    kiosk.state = DeviceState.DEGRADED
    kiosk.publish()
    with served("--run-dir", kiosk.run_dir) as (url, _), page_of(chromium, url + path) as page:
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


LOOKS = (
    (DeviceState.READY, 0.0, "light", "vi-VN"),
    (DeviceState.DEGRADED, None, "dark", "en-GB"),
    (DeviceState.OUT_OF_ORDER, None, "light", "en-GB"),
)
"""State, age of the last answer in seconds, colour scheme, language."""


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(map(str, look)))
def test_axe_finds_no_fault_on_any_page(
    chromium: Browser, kiosk: Kiosk, look: tuple[DeviceState, float | None, str, str]
) -> None:
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    kiosk.state, kiosk.answered_s_ago, scheme, locale = look
    kiosk.publish()
    with (
        served("--run-dir", kiosk.run_dir) as (url, _),
        page_of(chromium, url, color_scheme=scheme, locale=locale) as page,
    ):
        for path in PATHS:
            page.goto(url + path)
            assert faults(page, options) == ""


def test_everything_on_the_guard_screen_has_a_contrast_of_seven_to_one(chromium: Browser, kiosk: Kiosk) -> None:
    enhanced = {"runOnly": ["color-contrast-enhanced"], "rules": {"color-contrast-enhanced": {"enabled": True}}}
    with served("--run-dir", kiosk.run_dir) as (url, _), page_of(chromium, url + "guard") as page:
        for state in DeviceState:
            kiosk.state, kiosk.answered_s_ago = state, None
            kiosk.publish()
            page.goto(url + "guard")
            assert faults(page, enhanced) == ""


def test_every_link_can_be_focused_by_keyboard_and_shows_the_focus(chromium: Browser, kiosk: Kiosk) -> None:
    with served("--run-dir", kiosk.run_dir) as (url, _), page_of(chromium, url) as page:
        count = page.locator("a[href]").count()
        reached = set()
        for _ in range(count):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.outerHTML"))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        assert len(reached) == count


def test_the_pages_send_requests_to_the_kiosk_only(chromium: Browser, kiosk: Kiosk) -> None:
    with served("--run-dir", kiosk.run_dir) as (url, _), chromium.new_context() as context:
        page = context.new_page()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        for path in PATHS:
            page.goto(url + path)
        assert len(requests) > len(PATHS)
        assert [address for address in requests if not address.startswith(url)] == []
