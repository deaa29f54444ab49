"""What is done behind the login: forms only from our own pages, orders of guard and administrator, everything noted."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.app import control_socket
from kiosk.app.control_socket import AdmitCommand, ShowSignalCommand
from kiosk.core.model import Direction, ManualReason, Outcome
from tests.fakes.data.access_events import a_store, an_event
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import PASSWORD, audit, log_in, visiting
from web_ui.auth.accounts import Role
from web_ui.auth.audit_log import AUDIT_FILE, AuditLog


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """A browser on a kiosk whose administrator and guard are set up."""
    with visiting(tmp_path) as browser:
        yield browser


@pytest.mark.parametrize(
    ("headers", "csrf"),
    [
        ({}, ""),
        ({}, "wrong"),
        ({"Origin": "https://evil.example"}, None),
        ({"Sec-Fetch-Site": "cross-site"}, None),
        ({"Sec-Fetch-Site": "same-site"}, None),
        ({"Origin": "null"}, None),
    ],
)
def test_a_form_of_another_page_is_refused(
    client: FlaskClient, daemon: FakeControlServer, headers: dict[str, str], csrf: str | None
) -> None:
    good = log_in(client, Role.ADMIN)
    data = {"csrf": good if csrf is None else csrf}
    assert client.post("/admin/command/resume", data=data, headers=headers).status_code == 403
    assert client.post("/login", data={"secret": PASSWORD}, headers=headers).status_code == (403 if headers else 302)
    assert daemon.commands == []


@pytest.mark.parametrize("way", list(Direction))
def test_a_guard_lets_somebody_through_by_hand_and_it_is_noted(
    tmp_path: Path, client: FlaskClient, daemon: FakeControlServer, way: Direction
) -> None:
    csrf = log_in(client, Role.GUARD)
    answer = client.post("/guard/admit", data={"csrf": csrf, "direction": way, "reason": "nothing-to-show"})
    assert answer.headers["Location"] == "/guard"
    assert daemon.commands == [AdmitCommand(way, ManualReason.NOTHING_TO_SHOW)]
    assert audit(tmp_path)[-2:] == [("guard", "admit", "requested"), ("guard", "admit", "done")]


@pytest.mark.parametrize(
    "data", [{}, {"direction": "in"}, {"direction": "up", "reason": "other"}, {"direction": "in", "reason": "<b>"}]
)
def test_an_admission_needs_a_way_and_a_known_reason(
    client: FlaskClient, daemon: FakeControlServer, data: dict[str, str]
) -> None:
    csrf = log_in(client, Role.GUARD)
    assert client.post("/guard/admit", data={"csrf": csrf, **data}).status_code == 400
    assert daemon.commands == []


def test_an_order_that_the_kiosk_refuses_or_does_not_hear_is_told_in_words(
    tmp_path: Path, client: FlaskClient, daemon: FakeControlServer
) -> None:
    csrf = log_in(client, Role.GUARD)
    data = {"csrf": csrf, "direction": "in", "reason": "other"}
    daemon.refuses = "the disk takes no record <b>"
    answer = client.post("/guard/admit", data=data)
    assert answer.status_code == 502
    assert "the disk takes no record &lt;b&gt;" in answer.text
    daemon.close()
    answer = client.post("/guard/admit", data=data)
    assert answer.status_code == 502
    assert "The kiosk does not respond." in answer.text
    assert audit(tmp_path)[-1] == ("guard", "admit", "unreachable")


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("signal-pass", ShowSignalCommand(Outcome.PASS)),
        ("signal-check-again", ShowSignalCommand(Outcome.CHECK_AGAIN)),
    ],
)
def test_every_button_of_the_administrator_gives_its_order(
    client: FlaskClient, daemon: FakeControlServer, name: str, order: control_socket.Command
) -> None:
    csrf = log_in(client, Role.ADMIN)
    assert f'action="/admin/command/{name}"' in client.get("/admin").text
    assert client.post(f"/admin/command/{name}", data={"csrf": csrf}).status_code == 200
    assert daemon.commands == [order]


def test_wrong_logins_and_looks_at_events_are_in_the_audit_log(tmp_path: Path, client: FlaskClient) -> None:
    client.post("/login", data={"role": "admin", "secret": "wrong"})
    log_in(client, Role.ADMIN)
    client.get("/admin/events?outcome=fail")
    assert audit(tmp_path) == [
        ("-", "login-admin", "refused"),
        ("admin", "login", "done"),
        ("admin", "view-events", "done"),
    ]
    assert PASSWORD not in (tmp_path / "state" / AUDIT_FILE).read_text(encoding="utf-8")


def test_the_audit_log_is_bounded_and_newest_first(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.append("admin", "::1", "first", "done", "x" * 1000)
    log.append("admin", "::1", "second", "done")
    with (tmp_path / AUDIT_FILE).open("a") as file:
        file.write("not a line of ours\n")
    assert [entry.action for entry in log.entries()] == ["second", "first"]
    assert len(tuple(log.entries())[1].detail) == 200


def test_the_support_bundle_helps_and_names_nobody(tmp_path: Path, client: FlaskClient) -> None:
    a_store(tmp_path / "p.db", 5).close()
    csrf = log_in(client, Role.ADMIN)
    answer = client.post("/admin/support-bundle", data={"csrf": csrf})
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as bundle:
        assert bundle.testzip() is None
        content = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert json.loads(content["status.json"])["device"] == "cong-1"
    assert "entrance-kiosk" in content["packages.txt"]
    everything = "".join(content.values())
    assert not any(an_event(number).pseudonym.hex()[:8] in everything for number in range(5))
    assert "$argon2" not in everything
    assert ("admin", "download-support-bundle", "done") in audit(tmp_path)


def test_an_oversized_form_is_refused(client: FlaskClient) -> None:
    csrf = log_in(client, Role.ADMIN)
    answer = client.post("/admin/configuration", data={"csrf": csrf, "text": "x" * 70_000})
    assert answer.status_code == 413
