"""The addresses for machines: liveness, readiness, the status as JSON, metrics, and their description."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app

from web_ui.kiosk.api import metrics as prometheus
from web_ui.kiosk.api import openapi
from web_ui.kiosk.data.daemon_status import Truth
from web_ui.kiosk.pages.kiosk_view import lookout
from web_ui.server.server_sent_events import Live

machines = Blueprint("machines", __name__)
LIVE = "kiosk-live"
"""Name of the live updates in `Flask.extensions`."""


def streams() -> int:
    """How many browsers follow the pages."""
    live = current_app.extensions[LIVE]
    assert isinstance(live, Live)
    return live.streams


def _brief(found: Truth) -> dict[str, Any]:
    age_s = None if found.age_s is None else round(found.age_s, 3)
    return {"page": "ok", "state": found.state, "ready": found.working, "age_s": age_s}


@machines.get("/healthz")
def healthz() -> dict[str, Any]:
    """200 while this process lives; what the daemon does stands in the answer."""
    return _brief(lookout().truth())


@machines.get("/readyz")
def readyz() -> tuple[dict[str, Any], int]:
    """200 while people can pass (ready or degraded), else 503."""
    found = lookout().truth()
    return _brief(found), 200 if found.working else 503


@machines.get("/api/v1/status")
def status() -> dict[str, Any]:
    """The daemon's snapshot, and whether it may be believed; `status` is null where there is none."""
    found = lookout().truth()
    return _brief(found) | {"status": asdict(found.status) if found.status else None}


@machines.get("/metrics")
def metrics() -> Response:
    """The snapshot for Prometheus."""
    text = prometheus.exposition(lookout().truth(), streams(), datetime.now(UTC))
    return Response(text, content_type=prometheus.CONTENT_TYPE)


@machines.get("/api/v1/openapi.json")
def description() -> dict[str, Any]:
    """The description of all these addresses."""
    return openapi.description()
