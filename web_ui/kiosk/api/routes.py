"""The addresses for machines: liveness, readiness, the status as JSON, metrics, and their description."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app

from web_ui.kiosk.api import metrics as prometheus
from web_ui.kiosk.api import openapi
from web_ui.kiosk.data.daemon_status import DaemonStatus
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.server.server_sent_events import Broadcaster

api_routes = Blueprint("machines", __name__)
BROADCASTER_EXTENSION = "kiosk-broadcaster"
"""Name of the live updates in `Flask.extensions`."""


def open_streams() -> int:
    """How many browsers follow the pages."""
    live = current_app.extensions[BROADCASTER_EXTENSION]
    assert isinstance(live, Broadcaster)
    return live.stream_count


def _readiness(daemon: DaemonStatus) -> dict[str, Any]:
    age_s = None if daemon.age_s is None else round(daemon.age_s, 3)
    return {"web": "ok", "state": daemon.state, "ready": daemon.serving, "snapshot_age_s": age_s}


@api_routes.get("/healthz")
def healthz() -> dict[str, Any]:
    """200 while this process lives; what the daemon does stands in the answer."""
    return _readiness(kiosk_view().daemon_status())


@api_routes.get("/readyz")
def readyz() -> tuple[dict[str, Any], int]:
    """200 while people can pass (ready or degraded), else 503."""
    found = kiosk_view().daemon_status()
    return _readiness(found), 200 if found.serving else 503


@api_routes.get("/api/v1/status")
def status() -> dict[str, Any]:
    """The daemon's snapshot, and whether it may be believed; `status` is null where there is none."""
    found = kiosk_view().daemon_status()
    return _readiness(found) | {"status": asdict(found.status) if found.status else None}


@api_routes.get("/metrics")
def metrics() -> Response:
    """The snapshot for Prometheus."""
    text = prometheus.metrics_text(kiosk_view().daemon_status(), open_streams(), datetime.now(UTC))
    return Response(text, content_type=prometheus.CONTENT_TYPE)


@api_routes.get("/api/v1/openapi.json")
def description() -> dict[str, Any]:
    """The description of all these addresses."""
    return openapi.openapi_description()
