"""The first page of the administrator says what is wrong with the software, and takes that they have read it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kiosk.app.control_socket import AcknowledgeReleaseCommand
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.system.translations import languages, translator
from tests.fakes.data.status_snapshots import GOOD, a_status, publish
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import audit, log_in, visiting
from web_ui.auth.accounts import Role

RETURNED = HealthCheck("release", CheckStatus.WARN, reason="returned", detail="2 -> 1: trial: 3 restarts")
TRIAL = HealthCheck("release-trial", CheckStatus.PASS, 1500, "s", "running")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    with visiting(tmp_path) as browser:
        yield browser


def shows(tmp_path: Path, *checks: HealthCheck) -> None:
    publish(tmp_path, a_status(checks=(*GOOD, *checks)))


@pytest.mark.parametrize("language", languages())
def test_a_release_that_was_taken_back_and_a_trial_are_on_the_first_page(
    tmp_path: Path, client: FlaskClient, language: str
) -> None:
    log_in(client, Role.ADMIN)
    shows(tmp_path, RETURNED, TRIAL)
    text = client.get("/admin", headers={"Accept-Language": language}).text
    t = translator(language)
    assert t("check.release.returned") in text
    assert "(2 -&gt; 1: trial: 3 restarts)" in text
    assert t("check.release-trial.running", value=f"25 {t('unit.min')}") in text
    assert t("command.acknowledge-release") in text


def test_without_either_the_page_has_no_such_part(tmp_path: Path, client: FlaskClient) -> None:
    log_in(client, Role.ADMIN)
    shows(tmp_path)
    assert "acknowledge-release" not in client.get("/admin").text


def test_reading_it_is_a_command_to_the_daemon_and_in_the_audit_log(
    tmp_path: Path, client: FlaskClient, daemon: FakeControlServer
) -> None:
    csrf = log_in(client, Role.ADMIN)
    client.post("/admin/command/acknowledge-release", data={"csrf": csrf})
    assert daemon.commands == [AcknowledgeReleaseCommand()]
    assert audit(tmp_path)[-1] == ("admin", "acknowledge-release", "done")


def test_a_guard_cannot_acknowledge(client: FlaskClient, daemon: FakeControlServer) -> None:
    csrf = log_in(client, Role.GUARD)
    client.post("/admin/command/acknowledge-release", data={"csrf": csrf})
    assert daemon.commands == []
