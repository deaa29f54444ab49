"""The description of the addresses for machines (OpenAPI 3.1), made from the types that they answer with."""

from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from kiosk.core.model import DeviceState
from kiosk.core.status import StatusSnapshot
from web_ui.kiosk.data.daemon_status import DaemonLiveness

_STATE_CODES = [
    *(state.value for state in DeviceState),
    *(one.value for one in DaemonLiveness if one is not DaemonLiveness.ONLINE),
]


def _readiness_properties() -> dict[str, Any]:
    return {
        "web": {"const": "ok"},
        "state": {"enum": _STATE_CODES, "description": "The daemon's own state, or why there is none."},
        "ready": {"type": "boolean", "description": "People can pass: ready or degraded."},
        "snapshot_age_s": {"type": ["number", "null"], "description": "Age of the daemon's snapshot in seconds."},
    }


def _object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def response_schemas() -> dict[str, Any]:
    """The JSON Schemas of the answers, by name."""
    made = TypeAdapter(StatusSnapshot).json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    return {
        **made.pop("$defs", {}),
        "Status": made,
        "Readiness": _object_schema(_readiness_properties()),
        "DaemonStatus": _object_schema(
            _readiness_properties() | {"status": {"anyOf": [{"$ref": "#/components/schemas/Status"}, {"type": "null"}]}}
        ),
    }


def _get_operation(summary: str, answers: dict[str, tuple[str, str, dict[str, Any]]]) -> dict[str, Any]:
    responses = {
        code: {"description": said, "content": {mimetype: {"schema": schema}}}
        for code, (said, mimetype, schema) in answers.items()
    }
    return {"get": {"summary": summary, "responses": responses}}


def openapi_description() -> dict[str, Any]:
    """The whole document."""
    json, health = "application/json", {"$ref": "#/components/schemas/Readiness"}
    status = {"$ref": "#/components/schemas/DaemonStatus"}
    paths = {
        "/healthz": _get_operation(
            "Does the web process run?", {"200": ("It runs. The answer holds the state of the daemon.", json, health)}
        ),
        "/readyz": _get_operation(
            "Can people pass?",
            {"200": ("They can.", json, health), "503": ("They cannot, or it is unknown.", json, health)},
        ),
        "/api/v1/status": _get_operation(
            "The daemon's snapshot.", {"200": ("Whether it may be believed, and it.", json, status)}
        ),
        "/api/v1/openapi.json": _get_operation("This description.", {"200": ("It.", json, {"type": "object"})}),
        "/metrics": _get_operation(
            "For Prometheus.", {"200": ("Text format 0.0.4.", "text/plain", {"type": "string"})}
        ),
    }
    info = {"title": "entrance-kiosk", "version": version("entrance-kiosk"), "license": {"name": "Apache-2.0"}}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": response_schemas()}}
