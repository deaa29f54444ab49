"""The seven likeliest tasks take four actions at most: clicks, fields and keys from the first page on, in both languages."""

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from docs._generate.images.admin_screenshots import prepare_site
from kiosk.app.command_handlers import preview_as_json
from kiosk.app.control_socket import AdmitCommand, Command, PauseCommand, TryConfigurationCommand, UndoCommand
from kiosk.core.frame import Frame
from kiosk.core.model import Direction, ManualReason
from kiosk.core.status import PauseReason, UndoStatus
from kiosk.decoding.preview.preview import CameraPreview
from kiosk.system.translations import Translator, translator
from tests.fakes.data.qr_images import code_picture
from tests.fakes.data.status_snapshots import a_status, publish
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import PASSWORD, PIN
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser, Page, expect
from tests.fakes.processes.web_process import served

pytestmark = pytest.mark.skipif(bool(browsers.missing()), reason=browsers.missing() or "there is a browser")

MOST_ACTIONS = 4


@dataclasses.dataclass
class Person:
    """A person at a page. Every action counts."""

    page: Page
    t: Translator
    url: str
    actions: int = 0

    def click(self, role: str, name: str) -> None:
        self.actions += 1
        self.page.get_by_role(role, name=name, exact=True).first.click()

    def fill(self, selector: str, text: str) -> None:
        self.actions += 1
        self.page.fill(selector, text)

    def begin(self, path: str) -> None:
        """The page on which a task begins."""
        self.page.goto(f"{self.url}{path}?lang={self.t.language}")
        self.actions = 0

    def took(self) -> int:
        """At most MOST_ACTIONS."""
        assert 0 < self.actions <= MOST_ACTIONS
        return self.actions


@dataclasses.dataclass(frozen=True, slots=True)
class Kiosk:
    """A served kiosk and the commands that its daemon received."""

    url: str
    commands: list[Command]
    shown: dict[str, Any]
    """Changes of the status that is published twice a second."""


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiosk]:
    run_dir = tmp_path_factory.mktemp("tasks")
    path = prepare_site(run_dir)
    shown: dict[str, Any] = {}
    preview = CameraPreview(lambda _: Frame(code_picture("HUE1:AIM", 8), 1, 1.0))
    with publishing(run_dir, shown), FakeControlServer(run_dir) as daemon, served("--config", path) as (url, _):
        daemon.detail = preview_as_json(preview.capture())
        preview.close()
        yield Kiosk(url, daemon.commands, shown)


@contextmanager
def publishing(run_dir: Path, shown: dict[str, Any]) -> Iterator[None]:
    """As a daemon does, so that no page takes the status for an old one, however slow the browser is."""
    stop = threading.Event()

    def publish_repeatedly() -> None:
        while not stop.wait(0.5):
            publish(run_dir, a_status(**shown))

    publish(run_dir, a_status())
    thread = threading.Thread(target=publish_repeatedly)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture(params=["vi", "en"])
def person(request: pytest.FixtureRequest, chromium: Browser, kiosk: Kiosk) -> Iterator[Person]:
    with chromium.new_context() as context:
        yield Person(context.new_page(), translator(request.param), kiosk.url)


def as_administrator(person: Person) -> None:
    browsers.log_in(person.page, person.url, "admin", PASSWORD)
    person.page.wait_for_url("**/admin")


def test_the_tasks_of_an_administrator(person: Person, kiosk: Kiosk) -> None:
    as_administrator(person)
    page, t = person.page, person.t

    person.begin("admin")
    person.click("radio", t("pause-reason.break"))
    person.click("button", t("pause.minutes.60"))
    expect(page.get_by_role("status")).to_contain_text(t("command.done"))
    assert kiosk.commands[-1] == PauseCommand(paused=True, reason=PauseReason.BREAK, duration_s=3600.0)
    assert person.took() == 2

    person.begin("admin")
    person.click("link", t("task.refusals"))
    expect(page.locator("tbody")).to_contain_text(t("reason-label.expired"))
    assert person.took() == 1

    person.begin("admin")
    person.click("link", t("task.aim"))
    person.click("button", t("aiming.live"))
    expect(page.locator("svg.still")).to_be_visible()
    expect(page.locator("#aim .facts")).to_contain_text(t("aiming-advice.good"))
    assert person.took() == 2

    person.begin("admin")
    person.click("link", t("task.report"))
    last_month = date.today().replace(day=1) - timedelta(days=1)  # noqa: DTZ011  the site's day differs at night only
    assert f"until={last_month}" in page.url
    assert page.pdf().startswith(b"%PDF")  # what the browser prints
    assert person.took() + 1 <= MOST_ACTIONS

    person.begin("admin")
    person.click("link", t("task.log"))
    expect(page.locator(".log")).to_contain_text("no connection to the broker")
    assert person.took() == 1


def test_the_opening_hours_are_changed_with_four_actions(person: Person, kiosk: Kiosk) -> None:
    as_administrator(person)
    person.begin("admin")
    person.click("link", person.t("task.hours"))
    person.fill("[name='value:access.opening_hours']", '["mon-fri 07:30-17:00"]')
    before = len(kiosk.commands)
    with person.page.expect_navigation():
        person.click("button", person.t("change.try"))
    assert person.took() == 3
    (sent,) = [command for command in kiosk.commands[before:] if isinstance(command, TryConfigurationCommand)]
    assert sent.values == {"access.opening_hours": ["mon-fri 07:30-17:00"]}


def test_a_guard_lets_a_person_through_and_undoes_it_with_four_actions(person: Person, kiosk: Kiosk) -> None:
    page, t = person.page, person.t
    browsers.log_in(page, person.url, "guard", PIN)
    page.wait_for_url("**/guard/admit")
    kiosk.shown["undo"] = UndoStatus(48213, datetime.now(UTC).isoformat(), "in", "manual", None, 25.0)
    person.begin("guard")
    person.click("link", t("admit.go"))
    page.get_by_role("button", name=t("direction.in")).first.wait_for()
    person.actions += 1
    page.locator(f"form:has([value={ManualReason.NOTHING_TO_SHOW}]) [value=in]").click()
    page.wait_for_url("**/guard")
    done: list[Command] = kiosk.commands[-1:]
    person.actions += 1
    page.locator("#undo a").click()
    person.click("button", t("undo.because", reason=t("manual-reason.mistake")))
    page.wait_for_url("**/guard")
    done += kiosk.commands[-1:]
    assert done == [
        AdmitCommand(Direction.IN, ManualReason.NOTHING_TO_SHOW),
        UndoCommand(ManualReason.MISTAKE, 48213),
    ]
    assert person.took() == MOST_ACTIONS
