"""`/metrics` of the centre for Prometheus: sums of areas and open alerts. It needs a token, and names no site and no person."""

from collections import Counter
from collections.abc import Callable, Iterator

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mqtt.centre.alerts import store
from mqtt.centre.alerts.conditions import AlertKind
from mqtt.centre.ingest.database import open_query
from web_ui.centre.access import centre_context, current_fleet, with_token
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.data.fleet import AreaNow, Fleet

metrics_page = Blueprint("metrics", __name__)
PREFIX = "entrance_centre_"
_OF_AREA: tuple[tuple[str, str, Callable[[AreaNow], int]], ...] = (
    ("sites", "Sites that are registered today.", lambda one: one.sites),
    ("silent_sites", "Sites with gates of which none answers.", lambda one: one.silent_sites),
    ("devices", "Gates.", lambda one: one.devices),
    ("silent_devices", "Gates that do not answer.", lambda one: one.silent_devices),
    ("passed_today", "Passages of the day of the city.", lambda one: one.today.passed),
    ("refused_today", "Refused readings of the day of the city.", lambda one: one.today.refused),
)


@metrics_page.get("/metrics")
@with_token
def metrics() -> Response:
    """Gauges by area, and open alerts by kind."""
    now = utc_now()
    with open_query(centre_context().settings.database) as query:
        alerts = store.read_alerts(query, None, closed_since=now)
        checked_at = store.last_check(query)
    kinds = Counter(alert.kind for alert in alerts if alert.until is None)
    age_s = (now - checked_at).total_seconds() if checked_at else None
    text = generate_latest(_Gauges(list(_gauges(current_fleet(), kinds, age_s))))
    return Response(text, content_type=CONTENT_TYPE_LATEST)


def _gauges(fleet: Fleet, kinds: Counter[AlertKind], check_age_s: float | None) -> Iterator[Metric]:
    leaves: list[AreaNow] = [
        fleet.area_now(area)
        for root in fleet.registry.roots(fleet.day)
        for area in fleet.registry.subtree(root, fleet.day)
        if not fleet.registry.children(area, fleet.day)
    ]
    for name, text, value in _OF_AREA:
        gauge = GaugeMetricFamily(PREFIX + name, text, labels=("area", "name"))
        for one in leaves:
            gauge.add_metric((one.area.code, one.area.name_vi), value(one))
        yield gauge
    alerts = GaugeMetricFamily(PREFIX + "open_alerts", "Open alerts.", labels=("kind",))
    for kind in AlertKind:
        alerts.add_metric((kind.value,), kinds[kind])
    yield alerts
    backlog = sum(device.backlog for device in fleet.devices.values())
    yield GaugeMetricFamily(PREFIX + "backlog_events", "Events that wait on all devices.", value=backlog)
    if check_age_s is not None:
        yield GaugeMetricFamily(
            PREFIX + "alert_check_age_seconds", "Time since the last check of the alerts.", value=check_age_s
        )


class _Gauges(Collector):
    """The metrics of one request."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        """All of them."""
        return self._found
