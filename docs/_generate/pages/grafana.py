"""Makes docs/reference/files/grafana.json: a Grafana dashboard of the kiosks of a city, from the metrics that the pages publish."""

import json
from dataclasses import dataclass
from typing import Any

from docs._generate.blocks import Files
from web_ui.kiosk.api.metrics import PREFIX

WIDTH, HEIGHT = 12, 8
SITES = '{site=~"$site"}'
NAMES = f"* on (instance) group_left (site, device) {PREFIX}info{SITES}"
"""Only `info` carries the names; every other metric is joined to it by the address that was scraped."""
GATE = "{{site}}/{{device}}"
PEOPLE = f'rate({PREFIX}decisions_total{{outcome="pass"}}[1h])'
TURNED_AWAY = f'rate({PREFIX}decisions_total{{outcome!~"pass|annulled"}}[1h])'


@dataclass(frozen=True, slots=True)
class Panel:
    """One field of the dashboard."""

    title: str
    kind: str
    """Grafana's name of the panel's type."""
    expression: str
    legend: str = ""
    unit: str = "short"


PANELS = (
    Panel("Kiosks in service / Máy đang phục vụ", "stat", f'sum({PREFIX}state{{state=~"ready|degraded"}})'),
    Panel("Kiosks out of service / Máy không phục vụ", "stat", f'sum({PREFIX}state{{state!~"ready|degraded"}})'),
    Panel("State / Trạng thái", "state-timeline", f"{PREFIX}state == 1", "{{instance}} {{state}}"),
    Panel("Health checks that warn or fail / Mục cần kiểm tra", "table", f"{PREFIX}check_status{NAMES} > 0"),
    Panel("People an hour / Lượt mỗi giờ", "timeseries", f"sum by (site, device) ({PEOPLE} {NAMES}) * 3600", GATE),
    Panel("Not passed / Không qua", "timeseries", f"sum by (outcome) ({TURNED_AWAY}) * 3600", "{{outcome}}"),
    Panel("People inside / Số người bên trong", "timeseries", f"{PREFIX}occupancy_people{NAMES}", GATE),
    Panel("Waiting for the centre / Chờ gửi", "timeseries", f"{PREFIX}backlog_events{NAMES}", GATE),
    Panel(
        "Age of the oldest waiting event / Bản ghi chờ lâu nhất",
        "timeseries",
        f"{PREFIX}backlog_oldest_age_seconds{NAMES}",
        GATE,
        "s",
    ),
    Panel("Last receipt / Xác nhận gần nhất", "timeseries", f"{PREFIX}last_receipt_age_seconds{NAMES}", GATE, "s"),
    Panel("Quarantine / Bị trả lại", "timeseries", f"{PREFIX}quarantined_events{NAMES}", GATE),
    Panel(
        "Age of the newest frame / Hình camera cũ bao lâu", "timeseries", f"{PREFIX}frame_age_seconds{NAMES}", GATE, "s"
    ),
)


def text() -> str:
    """The whole file."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def dashboard() -> dict[str, Any]:
    """As Grafana's import takes it (schema version 39, Grafana 11 and later)."""
    source = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
    site = {
        "name": "site", "label": "Site", "type": "query", "datasource": source, "refresh": 2, "multi": True,
        "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"},
        "query": {"query": f"label_values({PREFIX}info, site)", "refId": "site"},
    }  # fmt: skip
    return {
        "__inputs": [{"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource", "pluginId": "prometheus"}],
        "title": "Entrance kiosks", "uid": "entrance-kiosk", "tags": ["entrance-kiosk"], "timezone": "browser",
        "schemaVersion": 39, "version": 1, "refresh": "1m", "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [site]},
        "panels": [_drawn(number, source, panel) for number, panel in enumerate(PANELS)],
    }  # fmt: skip


def _drawn(number: int, source: dict[str, str], panel: Panel) -> dict[str, Any]:
    instant = panel.kind in ("stat", "table")
    target = {
        "refId": "A", "datasource": source, "expr": panel.expression, "legendFormat": panel.legend or "__auto",
        "instant": instant, "range": not instant, "format": "table" if panel.kind == "table" else "time_series",
    }  # fmt: skip
    place = {"x": number % 2 * WIDTH, "y": number // 2 * HEIGHT, "w": WIDTH, "h": HEIGHT}
    return {
        "id": number + 1, "title": panel.title, "type": panel.kind, "datasource": source, "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []}, "options": {}, "targets": [target],
    }  # fmt: skip


FILES: Files = {"reference/files/grafana.json": text}
