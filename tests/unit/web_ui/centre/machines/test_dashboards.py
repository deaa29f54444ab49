"""Dashboards and alert rules of the centre ask for metrics that the centre has, and promtool agrees with what the rules say."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from flask import Flask

from docs._generate.pages import centre_dashboards
from mqtt.centre.alerts.conditions import AlertKind
from tests.paths import PROJECT
from tests.unit.web_ui.centre.machines.test_metrics import TOKEN
from web_ui.centre.app import create_app
from web_ui.centre.pages.metrics import PREFIX
from web_ui.centre.settings import CentreWebSettings

RULES = PROJECT / "docs/reference/files/prometheus-rules.yml"
SERIES = PROJECT / "tests/data/prometheus_rules_test.yml"


def rules() -> list[dict[str, object]]:
    found = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in found["groups"] for rule in group["rules"]]


@pytest.fixture
def metrics(city: str) -> str:
    made: Flask = create_app(CentreWebSettings(city, metrics_token=TOKEN))[0]
    return made.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text


def test_rules_and_dashboard_ask_for_metrics_of_the_centre_alone(metrics: str) -> None:
    known = set(re.findall(rf"^# TYPE ({PREFIX}\w+)", metrics, re.MULTILINE)) | {f"{PREFIX}alert_check_age_seconds"}
    questions = [str(rule["expr"]) for rule in rules()] + [one.question for one in centre_dashboards.METRIC_PANELS]
    asked = {name for question in questions for name in re.findall(rf"{PREFIX}\w+", question)}
    assert len(asked) > 7
    assert asked <= known
    kinds = {kind for question in questions for kind in re.findall(r'kind="([^"]+)"', question)}
    assert kinds
    assert kinds <= set(AlertKind)


def test_each_rule_says_what_is_wrong_and_what_to_do() -> None:
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
        assert set(rule["annotations"]) == {"summary", "action"}  # type: ignore[call-overload]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="apt install prometheus brings promtool")
def test_promtool_agrees_with_the_rules_and_with_the_alerts_that_they_give(tmp_path: Path) -> None:
    for path in (RULES, SERIES):
        shutil.copy(path, tmp_path)
    subprocess.run(["promtool", "check", "rules", RULES.name], cwd=tmp_path, check=True)
    subprocess.run(["promtool", "test", "rules", SERIES.name], cwd=tmp_path, check=True)


def test_a_dashboard_can_be_imported_and_no_two_panels_lie_on_each_other() -> None:
    for text in (centre_dashboards.metrics_text(), centre_dashboards.tables_text()):
        made = json.loads(text)
        (source,) = made["__inputs"]
        panels = made["panels"]
        assert {panel["targets"][0]["datasource"]["uid"] for panel in panels} == {f"${{{source['name']}}}"}
        assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
