"""Makes the two Grafana dashboards of the centre: one of the metrics in Prometheus, one of its tables in PostgreSQL."""

import json
from dataclasses import dataclass
from typing import Any

from docs._generate.blocks import Files
from docs._generate.pages.grafana import HEIGHT, WIDTH
from web_ui.centre.pages.metrics import PREFIX

READ_TABLES = ("alert", "area", "device", "hourly", "registered_device", "site")
"""What the dashboard on PostgreSQL reads. None of them holds a person."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One field of a dashboard."""

    title: str
    kind: str
    """Grafana's name of the panel's type."""
    question: str
    """PromQL or SQL."""
    legend: str = ""
    unit: str = "short"


METRIC_PANELS = (
    Panel("Sites / Địa điểm", "stat", f"sum({PREFIX}sites)"),
    Panel("Silent sites / Địa điểm im lặng", "stat", f"sum({PREFIX}silent_sites)"),
    Panel("Gates / Cổng", "stat", f"sum({PREFIX}devices)"),
    Panel("Silent gates / Cổng im lặng", "stat", f"sum({PREFIX}silent_devices)"),
    Panel("Silent sites of each ward / Im lặng theo phường", "timeseries", f"{PREFIX}silent_sites > 0", "{{name}}"),
    Panel("Passed today / Lượt hôm nay", "timeseries", f"sum({PREFIX}passed_today)", "all"),
    Panel(
        "Share refused of each ward / Tỷ lệ không qua", "timeseries",
        f"{PREFIX}refused_today / ({PREFIX}passed_today + {PREFIX}refused_today)", "{{name}}", "percentunit",
    ),
    Panel("Open alerts / Cảnh báo đang mở", "timeseries", f"{PREFIX}open_alerts > 0", "{{kind}}"),
    Panel("Waiting on all gates / Bản ghi đang chờ", "timeseries", f"{PREFIX}backlog_events", "events"),
    Panel("Last check of alerts / Lần kiểm tra gần nhất", "timeseries", f"{PREFIX}alert_check_age_seconds", "age", "s"),
)  # fmt: skip

_TODAY = "(now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date::text"
_TITLE = f"""
coalesce((SELECT title FROM site WHERE site.site = coalesce(registered_device.site, device.site) AND since <= {_TODAY}
    AND coalesce(until, '9999') > {_TODAY}), device.site) || ' · ' || coalesce(registered_device.title, device.device) AS gate
"""  # noqa: S608 - constants
_DEVICES = f"""
FROM device LEFT JOIN registered_device ON wire_name = device.site || '/' || device.device
    AND registered_device.since <= {_TODAY} AND coalesce(registered_device.until, '9999') > {_TODAY}
WHERE (retired_at IS NULL OR last_seen_at > retired_at)
"""
_IS_SILENT = "(last_seen_at < now() - interval '5 minutes' OR state = 'offline')"
_OF_WARDS = f"""
SELECT area.name_vi AS ward, sum(n) AS n FROM hourly JOIN device ON device.number = hourly.device
LEFT JOIN registered_device ON wire_name = device.site || '/' || device.device
    AND registered_device.since <= {_TODAY} AND coalesce(registered_device.until, '9999') > {_TODAY}
JOIN site ON site.site = coalesce(registered_device.site, device.site)
    AND site.since <= {_TODAY} AND coalesce(site.until, '9999') > {_TODAY}
JOIN area ON area.code = site.area AND area.since <= {_TODAY} AND coalesce(area.until, '9999') > {_TODAY}
WHERE $__timeFilter(hour) AND result = 'pass' GROUP BY area.name_vi ORDER BY n DESC
"""  # noqa: S608 - constants
TABLE_PANELS = (
    Panel(
        "Passed each hour / Lượt mỗi giờ", "timeseries",
        "SELECT hour AS time, sum(n) FILTER (WHERE direction <> 'out') AS \"in\", "
        "sum(n) FILTER (WHERE direction = 'out') AS \"out\" "
        "FROM hourly WHERE $__timeFilter(hour) AND result = 'pass' GROUP BY hour ORDER BY hour",
    ),
    Panel(
        "Refused by reason / Không qua theo lý do", "timeseries",
        "SELECT hour AS time, reason AS metric, sum(n) AS n FROM hourly "
        "WHERE $__timeFilter(hour) AND result <> 'pass' GROUP BY hour, reason ORDER BY hour",
    ),
    Panel(
        "Kinds of codes / Loại mã", "barchart",
        "SELECT kind, sum(n) AS n FROM hourly WHERE $__timeFilter(hour) GROUP BY kind ORDER BY n DESC",
    ),
    Panel(
        "State of the gates / Trạng thái cổng", "barchart",
        f"SELECT CASE WHEN {_IS_SILENT} THEN 'silent' ELSE state END AS state, count(*) AS n {_DEVICES} GROUP BY 1 ORDER BY n DESC",
    ),
    Panel(
        "Silent gates / Cổng im lặng", "table",
        f"SELECT {_TITLE}, last_seen_at {_DEVICES} AND {_IS_SILENT} ORDER BY last_seen_at LIMIT 100",
    ),
    Panel(
        "Gates with the most waiting / Cổng còn nhiều bản ghi chờ", "table",
        f"SELECT {_TITLE}, backlog, quarantined {_DEVICES} AND backlog + quarantined > 0 ORDER BY backlog DESC LIMIT 100",
    ),
    Panel(
        "Passed of each ward / Lượt theo phường", "barchart",
        _OF_WARDS,
    ),
    Panel(
        "Open alerts / Cảnh báo đang mở", "table",
        "SELECT since::timestamptz AS since, kind, subject, detail, acknowledged_by FROM alert WHERE until IS NULL "
        "ORDER BY since DESC LIMIT 100",
    ),
    Panel(
        "New alerts each day / Cảnh báo mới mỗi ngày", "timeseries",
        "SELECT date_trunc('day', since::timestamptz) AS time, kind AS metric, count(*) AS n FROM alert "
        "WHERE $__timeFilter(since::timestamptz) GROUP BY 1, 2 ORDER BY 1",
    ),
    Panel(
        "Software of the gates / Phiên bản phần mềm", "barchart",
        f"SELECT software_version, count(*) AS n {_DEVICES} GROUP BY software_version ORDER BY n DESC",
    ),
)  # fmt: skip


def metrics_text() -> str:
    """The dashboard on Prometheus."""
    panels = [_panel(number, panel, "prometheus", _metric_target(panel)) for number, panel in enumerate(METRIC_PANELS)]
    return _dashboard("Entrance centre", "entrance-centre", "prometheus", "PROMETHEUS", panels)


def tables_text() -> str:
    """The dashboard on PostgreSQL."""
    kind = "grafana-postgresql-datasource"
    panels = [_panel(number, panel, kind, _table_target(panel)) for number, panel in enumerate(TABLE_PANELS)]
    return _dashboard("Entrance centre: tables", "entrance-centre-tables", kind, "POSTGRESQL", panels)


def _dashboard(title: str, uid: str, kind: str, name: str, panels: list[dict[str, Any]]) -> str:
    source = {"name": f"DS_{name}", "label": name.title(), "type": "datasource", "pluginId": kind}
    made = {
        "__inputs": [source], "title": title, "uid": uid, "tags": ["entrance-kiosk"], "timezone": "Asia/Ho_Chi_Minh",
        "schemaVersion": 39, "version": 1, "refresh": "1m", "time": {"from": "now-7d", "to": "now"},
        "templating": {"list": []}, "panels": panels,
    }  # fmt: skip
    return json.dumps(made, indent=1, ensure_ascii=False).replace("${DS}", f"${{DS_{name}}}") + "\n"


def _metric_target(panel: Panel) -> dict[str, Any]:
    instant = panel.kind == "stat"
    return {"expr": panel.question, "legendFormat": panel.legend or "__auto", "instant": instant, "range": not instant}


def _table_target(panel: Panel) -> dict[str, Any]:
    text = " ".join(panel.question.split())
    return {
        "rawQuery": True,
        "rawSql": text,
        "format": "time_series" if panel.kind == "timeseries" else "table",
        "editorMode": "code",
    }


def _panel(number: int, panel: Panel, kind: str, target: dict[str, Any]) -> dict[str, Any]:
    source = {"type": kind, "uid": "${DS}"}
    place = {"x": number % 2 * WIDTH, "y": number // 2 * HEIGHT, "w": WIDTH, "h": HEIGHT}
    return {
        "id": number + 1, "title": panel.title, "type": panel.kind, "datasource": source, "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []}, "options": {},
        "targets": [{"refId": "A", "datasource": source} | target],
    }  # fmt: skip


FILES: Files = {
    "reference/files/grafana-centre.json": metrics_text,
    "reference/files/grafana-centre-tables.json": tables_text,
}
