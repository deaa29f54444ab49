"""Login and actions in a real browser, with and without scripts. The browser's headers pass our checks, and axe finds no fault."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kiosk.app.control_socket import AdmitCommand, ShowSignalCommand, UndoCommand
from kiosk.core.model import Direction, ManualReason, Outcome
from kiosk.core.status import UndoStatus
from tests.fakes.data.access_events import a_store
from tests.fakes.data.status_snapshots import a_status, publish
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import PASSWORD, PIN, staff
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser, expect, faults, log_in
from tests.fakes.processes.web_process import served

pytestmark = pytest.mark.skipif(bool(browsers.missing()), reason=browsers.missing() or "there is a browser")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The address of a kiosk with some events and with accounts of administrator and guard."""
    publish(tmp_path, a_status())
    a_store(tmp_path / "p.db", 3).close()
    state_dir = staff(tmp_path / "state")
    with served("--run-dir", tmp_path, "--database", tmp_path / "p.db", "--state-dir", state_dir) as (found, _):
        yield found


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_guard_admits_a_person_with_the_keyboard_only(
    chromium: Browser, tmp_path: Path, url: str, *, scripts: bool
) -> None:
    with (
        FakeControlServer(tmp_path) as daemon,
        chromium.new_context(locale="en-GB", java_script_enabled=scripts) as context,
    ):
        page = context.new_page()
        log_in(page, url, "guard", PIN)
        expect(page).to_have_url(url + "guard/admit")
        page.focus("[name=direction]")
        page.keyboard.press("Enter")
        expect(page).to_have_url(url + "guard")
        assert daemon.commands == [AdmitCommand(Direction.IN, ManualReason.NOTHING_TO_SHOW)]


def test_a_guard_undoes_the_last_event_while_its_button_is_shown(chromium: Browser, tmp_path: Path, url: str) -> None:
    last = UndoStatus(48213, datetime.now(UTC).isoformat(), "in", "ok", "insurance", 25.0)
    with (
        repeated_status(tmp_path, undo=None) as update,
        FakeControlServer(tmp_path) as daemon,
        chromium.new_context() as context,
    ):
        page = context.new_page()
        page.goto(url + "guard?lang=en")
        button = page.get_by_role("link", name="Undo the last one")
        expect(page.locator(".show.tone-ready")).to_be_visible()
        expect(button).to_have_count(0)
        update(undo=last)
        expect(button).to_be_visible()
        button.click()
        page.fill("[name=secret]", PIN)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Undo the last passage")
        assert faults(page) == ""
        page.get_by_role("button", name="Undo: Turned back").click()
        expect(page).to_have_url(url + "guard")
        assert daemon.commands == [UndoCommand(ManualReason.TURNED_BACK, 48213)]
        expect(button).to_be_visible()
        assert faults(page) == ""
        update(undo=None)
        expect(button).to_have_count(0)


def test_the_guard_can_undo_without_scripts_and_sees_the_reason_of_a_refusal(
    chromium: Browser, tmp_path: Path, url: str
) -> None:
    last = UndoStatus(48213, datetime.now(UTC).isoformat(), "out", "manual", None, 25.0)
    with (
        repeated_status(tmp_path, undo=last),
        FakeControlServer(tmp_path) as daemon,
        chromium.new_context(
            locale="vi-VN", java_script_enabled=False, viewport={"width": 320, "height": 700}
        ) as context,
    ):
        page = context.new_page()
        page.goto(url + "guard")
        page.get_by_role("link", name="Hủy lượt vừa rồi").click()
        page.fill("[name=secret]", PIN)
        page.keyboard.press("Enter")
        expect(page.locator("form p, section p").first).to_contain_text("Bảo vệ cho qua, không cần mã.")
        daemon.refuses, daemon.refuses_with = "in English", "too-late"
        page.get_by_role("button", name="Hủy: Bấm nhầm").click()
        expect(page.get_by_role("alert")).to_have_text(re.compile("Quá muộn: lượt này không hủy được nữa."))


@contextmanager
def repeated_status(run_dir: Path, **changes: Any) -> Iterator[Callable[..., None]]:
    """Publish a status twice a second, so that it stays fresh. Yields a function that changes it."""
    fields, stop, lock = dict(changes), threading.Event(), threading.Lock()

    def update(**new_fields: Any) -> None:
        with lock:
            fields.update(new_fields)
            publish(run_dir, a_status(**fields))

    def publish_repeatedly() -> None:
        while not stop.wait(0.5):
            update()

    publisher = threading.Thread(target=publish_repeatedly)
    update()
    publisher.start()
    try:
        yield update
    finally:
        stop.set()
        publisher.join()


def test_an_administrator_tests_the_lamp_and_sees_it_in_the_audit_log(
    chromium: Browser, tmp_path: Path, url: str
) -> None:
    with FakeControlServer(tmp_path) as daemon, chromium.new_context(locale="en-GB") as context:
        page = context.new_page()
        log_in(page, url, "admin", "not this")
        expect(page.get_by_role("alert")).to_contain_text("The password or PIN is wrong.")
        page.fill("[name=secret]", PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Refused").click()
        expect(page.get_by_role("status")).to_contain_text("Done.")
        page.goto(url + "admin/audit?show=all")
        expect(page.locator("tbody tr").first).to_contain_text("Lamp test")
        expect(page.locator("tbody tr").first).to_contain_text("done")
        assert daemon.commands == [ShowSignalCommand(Outcome.FAIL)]
        page.get_by_role("button", name="Log out").click()
        page.goto(url + "admin")
        expect(page.locator("h1")).to_have_text("Administrator's login")


@pytest.mark.parametrize(("scheme", "locale", "width"), [("light", "vi-VN", 1280), ("dark", "en-GB", 320)])
def test_axe_finds_no_fault_and_no_page_is_wider_than_its_window_after_login(
    chromium: Browser, url: str, scheme: str, locale: str, width: int
) -> None:
    viewport = {"width": width, "height": 800}
    with chromium.new_context(color_scheme=scheme, locale=locale, viewport=viewport) as context:
        page = context.new_page()
        log_in(page, url, "admin", PASSWORD)
        expect(page).to_have_url(url + "admin")
        for path in (
            "admin",
            "admin/events",
            "admin/configuration",
            "admin/guards",
            "admin/audit",
            "admin/device",
            "guard/admit",
            "guard/undo",
            "login?role=guard",
            "setup",
        ):
            page.goto(url + path)
            assert faults(page) == ""
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
