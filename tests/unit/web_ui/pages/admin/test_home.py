"""The administrator's first page: a pause with its reason and end, and the newest changes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.app.control_socket import PauseCommand
from kiosk.app.requests.pause import Pause
from kiosk.core.model import DeviceState
from kiosk.core.status import CheckStatus, HealthCheck, PauseReason, PauseStatus
from kiosk.system.translations import languages, translator
from tests.fakes.data.people import moment
from tests.fakes.data.status_snapshots import a_status
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import audit, log_in, visiting
from web_ui.auth.accounts import Role


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    with visiting(tmp_path) as browser:
        yield browser


@pytest.mark.parametrize(("minutes", "duration_s"), [("60", 3600.0), ("0", None)])
def test_a_pause_has_a_reason_and_an_end(
    tmp_path: Path, client: FlaskClient, minutes: str, duration_s: float | None
) -> None:
    with FakeControlServer(tmp_path) as daemon:
        csrf = log_in(client, Role.ADMIN)
        answer = client.post("/admin/pause", data={"csrf": csrf, "reason": "cleaning", "minutes": minutes})
        assert answer.status_code == 200
        assert daemon.commands == [PauseCommand(paused=True, reason=PauseReason.CLEANING, duration_s=duration_s)]
    assert ("admin", "pause", "done") in audit(tmp_path)


@pytest.mark.parametrize("form", [{}, {"reason": "lunch", "minutes": "60"}, {"reason": "break", "minutes": "1e9"}])
def test_a_pause_without_a_known_reason_or_time_is_not_sent(
    tmp_path: Path, client: FlaskClient, form: dict[str, str]
) -> None:
    with FakeControlServer(tmp_path) as daemon:
        csrf = log_in(client, Role.ADMIN)
        assert client.post("/admin/pause", data={"csrf": csrf, **form}).status_code == 400
        assert not daemon.commands


@pytest.mark.parametrize("language", languages())
def test_every_screen_says_why_the_gate_is_paused_and_until_when(tmp_path: Path, language: str) -> None:
    until = datetime.now(UTC) + timedelta(minutes=30)
    pause = PauseStatus(datetime.now(UTC).isoformat(), "cleaning", until.isoformat())
    paused = (HealthCheck("paused", CheckStatus.FAIL),)
    status = replace(a_status(), state=DeviceState.OUT_OF_ORDER, checks=paused, pause=pause)
    t = translator(language)
    with visiting(tmp_path, status) as browser:
        end = f"{until.astimezone(browser.application.extensions['kiosk-view'].settings.zone):%H:%M}"
        for path in ("/", "/guard"):
            text = browser.get(f"{path}?lang={language}").text
            assert t("pause-reason.cleaning") in text
            assert end in text
        assert t("citizen.paused.until", time=end) in browser.get(f"/welcome?lang={language}").text
        log_in(browser, Role.ADMIN)
        home = browser.get(f"/admin?lang={language}").text
    assert 'action="/admin/command/resume"' in home
    assert t("pause.why") not in home


def test_a_pause_ends_by_itself_and_a_set_clock_changes_nothing() -> None:
    pause = Pause()
    pause.begin(moment(), PauseReason.BREAK, 60.0)
    now_s = moment().monotonic_s
    ended = [(pause.end_if_over(now_s + after_s), pause.status is None) for after_s in (59.9, 60.0, 61.0)]
    assert ended == [(False, False), (True, True), (False, True)]


def test_the_log_of_changes_has_no_looks_and_no_requests(tmp_path: Path, client: FlaskClient) -> None:
    with FakeControlServer(tmp_path):
        csrf = log_in(client, Role.ADMIN)
        client.get("/admin/log")
        client.post("/admin/pause", data={"csrf": csrf, "reason": "break", "minutes": "15"})
        changes, everything = client.get("/admin/audit").text, client.get("/admin/audit?show=all").text
    assert "Log viewed" in everything
    assert "Log viewed" not in changes
    assert changes.count("break, 15 min") == 1
    assert everything.count("break, 15 min") == 2


def test_the_audit_log_has_pages_and_goes_on_in_the_older_file(tmp_path: Path, client: FlaskClient) -> None:
    log_in(client, Role.ADMIN)
    entry = {"at": "2026-11-27T01:00:00+00:00", "actor": "admin", "address": "::1", "action": "pause", "result": "done"}
    lines = [json.dumps({**entry, "detail": f"number {number}"}) + "\n" for number in range(120)]
    (tmp_path / "state/audit.1.jsonl").write_text("".join(lines))
    assert "number 119" in client.get("/admin/audit").text
    second = client.get("/admin/audit?page=1").text
    assert "number 69<" in second
    assert "number 119" not in second
    for wrong in ("-1", "x", "9" * 30, "٣"):
        assert client.get(f"/admin/audit?page={wrong}").status_code == 200
