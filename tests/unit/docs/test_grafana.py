"""The dashboard of docs/ is made from the metrics that exist, and says so when it is old."""

import json
import re

from docs._generate.pages import grafana
from web_ui.kiosk.api.metrics import METRICS, PREFIX


def test_every_panel_asks_for_metrics_that_exist_and_with_labels_that_they_carry() -> None:
    known = {PREFIX + metric.name for metric in METRICS}
    panels = json.loads(grafana.text())["panels"]
    asked = [set(re.findall(PREFIX + r"[a-z_]+", panel["targets"][0]["expr"])) for panel in panels]
    assert all(names and names <= known for names in asked)
    labels = {name for panel in panels for name in re.findall(r'(\w+)[=!]~?"', panel["targets"][0]["expr"])}
    assert labels <= {"site", "device", "state", "outcome"}


def test_no_two_panels_lie_on_each_other() -> None:
    panels = json.loads(grafana.text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)


def test_what_is_worth_an_alarm_is_on_it() -> None:
    text = grafana.text()
    for name in (
        "state",
        "check_status",
        "backlog_oldest_age_seconds",
        "last_receipt_age_seconds",
        "frame_age_seconds",
    ):
        assert PREFIX + name in text
