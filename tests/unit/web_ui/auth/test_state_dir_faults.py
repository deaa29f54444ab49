"""A full or read-only folder of accounts and audit log: each refusal has a sentence, and logout works."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.app.control_socket import AdmitCommand
from kiosk.core.model import Direction, ManualReason
from kiosk.system.translations import translator
from tests.fakes.data.status_snapshots import browsing
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.full_disk import disk_that_takes
from tests.fakes.parts.web_accounts import GUARD, PASSWORD, PIN, audit, log_in, visiting
from web_ui.auth.accounts import AccountError, Accounts, Role
from web_ui.auth.audit_log import AUDIT_FILE, AuditLog, AuditLogError
from web_ui.auth.guards import Guards
from web_ui.server.serve import startup_notices
from web_ui.settings import WebSettings

EN = translator("en")
Fault = Callable[[Path], AbstractContextManager[None]]


@contextlib.contextmanager
def full(_folder: Path) -> Iterator[None]:
    with disk_that_takes(0):
        yield


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder is mounted on itself, read-only."""
    if os.geteuid() != 0:
        pytest.skip("mounts file systems")
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


FAULTS = [pytest.param(full, "full", id="full"), pytest.param(read_only, "read-only", id="read-only")]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """A browser on a kiosk whose administrator and guard are set up."""
    with visiting(tmp_path) as browser:
        yield browser


@pytest.mark.parametrize(("fault", "cause"), FAULTS)
@pytest.mark.parametrize(("language", "secret"), [("vi", PIN), ("en", PIN), ("vi", "000000"), ("en", "000000")])
def test_a_login_says_why_it_is_refused_and_what_to_do_and_not_whether_the_pin_is_right(  # noqa: PLR0917  # fixtures
    tmp_path: Path, client: FlaskClient, fault: Fault, cause: str, language: str, secret: str
) -> None:
    with fault(tmp_path / "state"):
        answer = client.post(f"/login?lang={language}", data={"role": "guard", "secret": secret})
    assert answer.status_code == 503
    t = translator(language)
    assert t("unlogged.action") in answer.text
    assert t(f"unlogged.{cause}") in answer.text
    assert AUDIT_FILE in answer.text
    assert not client.get_cookie("session")


@pytest.mark.parametrize(("fault", "cause"), FAULTS)
def test_logout_works(tmp_path: Path, client: FlaskClient, fault: Fault, cause: str) -> None:
    csrf = log_in(client, Role.ADMIN)
    session = client.get_cookie("session")
    assert session
    with fault(tmp_path / "state"):
        assert client.post("/logout", data={"csrf": csrf}).status_code == 302
        client.set_cookie("session", session.value, domain="localhost")
        assert client.get("/admin").status_code == 302


@pytest.mark.parametrize(("fault", "cause"), FAULTS)
def test_a_command_that_cannot_be_logged_is_not_sent_and_says_why(
    tmp_path: Path, client: FlaskClient, daemon: FakeControlServer, fault: Fault, cause: str
) -> None:
    csrf = log_in(client, Role.ADMIN)
    forms = {
        "/admin/command/resume": {},
        "/admin/pause": {"reason": "break", "minutes": "60"},
        "/admin/guards": {"name": "An", "pin": "730164"},
        "/admin/guards/remove": {"name": GUARD},
        "/guard/admit": {"direction": "in", "reason": "other"},
        "/admin/quarantine": {"seq": "all"},
        "/admin/aiming": {},
        "/admin/configuration": {"text": ""},
        "/admin/support-bundle": {},
    }
    with fault(tmp_path / "state"):
        for path, form in forms.items():
            answer = client.post(path, data={"csrf": csrf, **form})
            assert (path, answer.status_code) == (path, 503)
            assert EN("unlogged.action") in answer.text
            assert EN(f"unlogged.{cause}") in answer.text
        for path in ("/admin/events", "/admin/log", "/admin/quarantine"):
            assert EN("unlogged.action") in client.get(path).text
        assert client.get("/admin").status_code == 200
    assert daemon.commands == []
    assert Guards(tmp_path / "state").identify(PIN) == GUARD


@pytest.mark.parametrize(("fault", "cause"), FAULTS)
def test_all_works_again_as_soon_as_there_is_room(
    tmp_path: Path, client: FlaskClient, daemon: FakeControlServer, fault: Fault, cause: str
) -> None:
    with fault(tmp_path / "state"):
        for _ in range(5):
            assert client.post("/login", data={"role": "guard", "secret": PIN}).status_code == 503
    csrf = log_in(client, Role.GUARD)
    assert client.post("/guard/admit", data={"csrf": csrf, "direction": "in", "reason": "other"}).status_code == 302
    assert daemon.commands == [AdmitCommand(Direction.IN, ManualReason.OTHER)]


def test_a_result_that_cannot_be_logged_does_not_hide_that_the_command_was_done(
    tmp_path: Path, client: FlaskClient, daemon: FakeControlServer, caplog: pytest.LogCaptureFixture
) -> None:
    csrf = log_in(client, Role.GUARD)
    size = (tmp_path / "state" / AUDIT_FILE).stat().st_size
    line_bytes = 190  # one line fits, two do not
    with disk_that_takes(size + line_bytes):
        answer = client.post("/guard/admit", data={"csrf": csrf, "direction": "in", "reason": "other"})
    assert answer.headers["Location"] == "/guard"
    assert daemon.commands == [AdmitCommand(Direction.IN, ManualReason.OTHER)]
    assert audit(tmp_path)[-1] == ("guard", "admit", "requested")
    assert "The result of admit (done) is missing in the audit log." in caplog.text


@pytest.mark.parametrize("room", range(0, 100, 7))
def test_a_line_of_the_audit_log_is_written_whole_or_not_at_all(tmp_path: Path, room: int) -> None:
    log = AuditLog(tmp_path)
    log.append("admin", "::1", "first", "done")
    with disk_that_takes((tmp_path / AUDIT_FILE).stat().st_size + room), pytest.raises(AuditLogError):
        log.append("admin", "::1", "lost", "requested", "x" * 100)
    log.append("admin", "::1", "second", "done")
    assert [entry.action for entry in log.entries()] == ["second", "first"]
    assert (tmp_path / AUDIT_FILE).read_bytes().count(b"\n") == 2


def test_after_a_line_that_a_power_cut_left_half_written_the_next_one_is_readable(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.append("admin", "::1", "first", "done")
    with (tmp_path / AUDIT_FILE).open("ab") as file:
        file.write(b'{"at": "2026-')
    log.append("admin", "::1", "second", "done")
    assert [entry.action for entry in log.entries()] == ["second", "first"]


@pytest.mark.parametrize(("fault", "cause"), FAULTS)
def test_without_a_password_the_page_starts_and_set_up_says_why_it_is_refused(
    tmp_path: Path, fault: Fault, cause: str
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    code = Accounts(folder).make_setup_code()
    with browsing(tmp_path, state_dir=folder) as browser:
        with fault(folder):
            notices = list(startup_notices(WebSettings(tmp_path, state_dir=folder), "http://localhost/"))
            assert any("No login is possible" in notice for notice in notices)
            assert browser.get("/").status_code == 200
            answer = browser.post("/setup?lang=en", data={"code": code, "password": PASSWORD})
            assert answer.status_code == 503
            assert EN(f"unlogged.{cause}") in answer.text
        assert browser.post("/setup", data={"code": code, "password": PASSWORD}).status_code == 302


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"admin_hash": 5}', '{"setup_code_expires_at": "x"}', '{"guard_hash": null}', '{"unknown": 1}'],
)
def test_accounts_that_cannot_be_understood_are_told_in_words(
    tmp_path: Path, client: FlaskClient, content: str
) -> None:
    (tmp_path / "state" / "accounts.json").write_text(content, encoding="utf-8")
    answer = client.post("/login", data={"role": "admin", "secret": PASSWORD})
    assert answer.status_code == 503
    assert "kiosk web setup" in answer.text
    with pytest.raises(AccountError):
        Accounts(tmp_path / "state").make_setup_code()
