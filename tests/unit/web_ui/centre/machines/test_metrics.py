"""The metrics of the centre: sums of areas for a machine with the token, and nothing for all others."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from kiosk.cli.centre.command import centre
from kiosk.core.ports import KioskError
from mqtt.centre.alerts.conditions import AlertKind, Condition
from mqtt.centre.alerts.store import update_alerts
from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.pages import visiting
from web_ui.centre.app import create_app
from web_ui.centre.settings import CentreWebSettings

TOKEN = "0123456789abcdef"


@pytest.fixture
def machine_app(city: str) -> Flask:
    return create_app(CentreWebSettings(city, metrics_token=TOKEN))[0]


def test_a_machine_with_the_token_gets_the_sums_of_each_ward_and_the_open_alerts(machine_app: Flask, city: str) -> None:
    with open_query(city) as query:
        update_alerts(query, [Condition(AlertKind.SILENT_SITE, "vy-da", 1, "1")], datetime.now(UTC))
    answer = machine_app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    samples = {
        (sample.name, sample.labels.get("area") or sample.labels.get("kind", "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["entrance_centre_sites", "19777"] == 2
    assert samples["entrance_centre_silent_sites", "19777"] == 1
    assert samples["entrance_centre_silent_sites", "19753"] == 0
    assert samples["entrance_centre_open_alerts", "silent-site"] == 1
    assert samples["entrance_centre_alert_check_age_seconds", ""] >= 0
    assert len([name for name, _ in samples if name == "entrance_centre_sites"]) == 40


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer 0123456789abcdeF", "Basic 0123456789abcdef", "Bearer \u1ec7"])
def test_without_the_token_there_is_no_such_page(machine_app: Flask, given: str) -> None:
    headers = {"Authorization": given.encode().decode("latin-1")}
    assert machine_app.test_client().get("/metrics", headers=headers).status_code == 404


def test_without_a_token_in_the_settings_there_is_no_such_page_for_anyone(app: Flask) -> None:
    for header in ("", "Bearer ", "Bearer"):
        assert app.test_client().get("/metrics", headers={"Authorization": header}).status_code == 404
    with visiting(app, "admin-46") as client:
        assert client.get("/metrics").status_code == 404


@pytest.mark.parametrize("token", ["", "short", "with a blank in it", "tiếng Việt có dấu hỏi"])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(tmp_path: Path, token: str) -> None:
    path = tmp_path / "token"
    path.write_text(token, encoding="utf-8")
    result = CliRunner().invoke(
        centre, ["--database", str(tmp_path / "c.db"), "web", "--metrics-token-file", str(path)]
    )
    assert isinstance(result.exception, KioskError)
