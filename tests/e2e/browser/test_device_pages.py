"""Camera aiming, log, quarantine and configuration in a real browser: by keyboard, without scripts, and with no fault in axe."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kiosk import config
from kiosk.app.command_handlers import preview_as_json
from kiosk.app.control_socket import CapturePreviewCommand, ReleaseQuarantineCommand
from kiosk.config import effective
from kiosk.core.frame import Frame
from kiosk.decoding.preview.preview import CameraPreview
from kiosk.system import logs
from tests.fakes.data.access_events import a_store
from tests.fakes.data.qr_images import code_picture, turned
from tests.fakes.data.status_snapshots import a_status, publish
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import PASSWORD, staff
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser, Page, expect, faults
from tests.fakes.processes.web_process import served
from tests.unit.web_ui.pages.admin.test_configuration import CONFIG

pytestmark = pytest.mark.skipif(bool(browsers.missing()), reason=browsers.missing() or "there is a browser")

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202ednuora " + "A" * 300
PAGES = ("", "/events", "/quarantine", "/aiming", "/log", "/log?source=page", "/configuration", "/configuration/change")
LOOKS = (("light", "vi-VN", 320), ("dark", "en-GB", 768), ("light", "en-GB", 1280), ("dark", "vi-VN", 390))


@dataclass(frozen=True, slots=True)
class ServedKiosk:
    """A web server and the fake daemon that receives its commands."""

    url: str
    daemon: FakeControlServer


@pytest.fixture
def served_kiosk(tmp_path: Path) -> Iterator[ServedKiosk]:
    """A kiosk with events, two of them in quarantine, a log with a hostile line, a changed configuration, an administrator."""
    publish(tmp_path, a_status())
    store = a_store(tmp_path / "p.db", 4)
    store.acknowledge(0, rejected=[(1, "too-large"), (2, HOSTILE[:200])])
    store.close()
    path = tmp_path / "kiosk.toml"
    text = f'run_dir = "{tmp_path}"\n{CONFIG}[web]\nstate_dir = "state"\nport = 0\n[storage]\npath = "p.db"\n'
    path.write_text(text, encoding="utf-8")
    effective.publish_effective_settings(config.load_settings(path), tmp_path)
    path.write_text(text.replace("640", "1920"), encoding="utf-8")
    log = logging.getLogger("test.browser")
    log.setLevel(logging.INFO)
    with logs.log_file_handler(tmp_path):
        log.info("the kiosk has started")
        log.warning("%s", HOSTILE)
    staff(tmp_path / "state")
    preview = CameraPreview(lambda _: Frame(turned(code_picture("HUE1:AIM", 8), 9), 1, 1.0))
    with FakeControlServer(tmp_path) as daemon, served("--config", path) as (url, _):
        daemon.detail = {**preview_as_json(preview.capture()), "released": 1}
        preview.close()
        yield ServedKiosk(url, daemon)


def log_in(page: Page, url: str) -> None:
    browsers.log_in(page, url, "admin", PASSWORD)
    expect(page).to_have_url(url + "admin")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_two_previews_are_captured_with_the_enter_key_only(
    chromium: Browser, served_kiosk: ServedKiosk, scripts: bool
) -> None:
    with chromium.new_context(locale="en-GB", java_script_enabled=scripts) as context:
        page = context.new_page()
        console: list[str] = []
        page.on("console", lambda message: console.append(message.text))
        log_in(page, served_kiosk.url)
        page.goto(served_kiosk.url + "admin/aiming")
        expect(page.locator("svg.still")).to_have_count(0)
        for _ in range(2):
            expect(page.locator("main form button")).to_be_focused()
            page.keyboard.press("Enter")
            expect(page.get_by_role("img", name="What the camera sees")).to_be_visible()
            expect(page.get_by_role("status")).to_contain_text("Distance, light and focus are good.")
        assert page.locator("svg.still .code").count() == 1
        assert served_kiosk.daemon.commands == [CapturePreviewCommand()] * 2
        assert console == []


def test_the_preview_is_drawn(chromium: Browser, served_kiosk: ServedKiosk) -> None:
    with chromium.new_context(locale="en-GB") as context:
        page = context.new_page()
        log_in(page, served_kiosk.url)
        page.goto(served_kiosk.url + "admin/aiming")
        page.locator("main form button").press("Enter")
        expect(page.locator("svg.still")).to_be_visible()
        box = page.locator("svg.still").bounding_box()
        corner = page.screenshot(clip={"x": box["x"] + 30, "y": box["y"] + 30, "width": 4, "height": 4})
        page.evaluate("document.querySelector('svg.still image').remove()")
        without = page.screenshot(clip={"x": box["x"] + 30, "y": box["y"] + 30, "width": 4, "height": 4})
        assert corner != without


def test_a_rejected_event_is_sent_again_by_keyboard(chromium: Browser, served_kiosk: ServedKiosk) -> None:
    with chromium.new_context(locale="en-GB") as context:
        page = context.new_page()
        log_in(page, served_kiosk.url)
        page.get_by_role("link", name="Returned").click()
        expect(page.locator("tbody tr")).to_have_count(2)
        page.get_by_role("button", name="Send record 2 again").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Back in the queue")
        page.get_by_role("button", name="Send all again").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Back in the queue")
        assert served_kiosk.daemon.commands == [ReleaseQuarantineCommand(2), ReleaseQuarantineCommand()]


def test_hostile_text_is_shown_and_never_executed(chromium: Browser, served_kiosk: ServedKiosk) -> None:
    with chromium.new_context(locale="en-GB") as context:
        page = context.new_page()
        ran: list[str] = []

        def dismiss(dialog: Any) -> None:
            ran.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", dismiss)
        page.on("pageerror", lambda error: ran.append(str(error)))
        log_in(page, served_kiosk.url)
        for path in ("/log", "/quarantine"):
            page.goto(f"{served_kiosk.url}admin{path}")
            expect(page.locator("main")).to_contain_text(
                "<img src=x onerror=alert(1)><script>alert(2)</script>⟨U+202E⟩"
            )
            assert page.locator("main img, main script").count() == 0
        assert ran == []


def test_the_log_is_filtered_by_its_form(chromium: Browser, served_kiosk: ServedKiosk) -> None:
    with chromium.new_context(locale="en-GB") as context:
        page = context.new_page()
        log_in(page, served_kiosk.url)
        page.get_by_role("link", name="Log", exact=True).click()
        expect(page.locator(".log li")).to_have_count(1)
        page.get_by_label("Level").select_option("Everything")
        page.get_by_role("button", name="Show").press("Enter")
        expect(page.locator(".log li")).to_have_count(2)


def test_a_file_changed_since_the_start_is_shown_and_a_new_text_is_compared(
    chromium: Browser, served_kiosk: ServedKiosk, tmp_path: Path
) -> None:
    publish(tmp_path, a_status())
    with chromium.new_context(locale="en-GB") as context:
        page = context.new_page()
        log_in(page, served_kiosk.url)
        publish(tmp_path, a_status())
        page.goto(served_kiosk.url + "admin/configuration")
        expect(page.locator("main")).to_contain_text("after a restart: 1920")
        page.get_by_label("Text of the configuration file").fill(CONFIG.replace("640", "800"))
        publish(tmp_path, a_status())
        page.get_by_role("button", name="Check").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("camera.width: 640 → 800")


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(map(str, look)))
def test_axe_finds_no_fault_and_no_admin_page_is_wider_than_its_window(
    chromium: Browser, served_kiosk: ServedKiosk, look: tuple[str, str, int]
) -> None:
    scheme, locale, width = look
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    viewport = {"width": width, "height": 800}
    with chromium.new_context(color_scheme=scheme, locale=locale, viewport=viewport) as context:
        page = context.new_page()
        log_in(page, served_kiosk.url)
        for path in PAGES:
            page.goto(f"{served_kiosk.url}admin{path}")
            assert faults(page, options) == "", path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.goto(served_kiosk.url + "admin/aiming")
        page.locator("main form button").press("Enter")
        expect(page.locator("svg.still")).to_be_visible()
        assert faults(page, options) == ""
        assert page.evaluate("document.documentElement.scrollWidth") <= width
