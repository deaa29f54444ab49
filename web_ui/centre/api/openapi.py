"""The description of `/api/v1` (OpenAPI 3.1), made from the types that it answers with."""

from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from web_ui.centre.api import documents
from web_ui.centre.api.routes import DEFAULT_LIMIT, MAX_ATTENDANCE_DAYS, MAX_LIMIT
from web_ui.centre.data.hours import MAX_DAYS

DOCUMENTS = (
    documents.AreaList, documents.AreaDocument, documents.SiteList, documents.DeviceList, documents.AttendanceList,
    documents.SiteDocument, documents.HourList, documents.DeviceDocument, documents.AlertList, documents.ErrorDocument,
)  # fmt: skip
_JSON = "application/json"


def _text(name: str, place: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": place, "required": place == "path", "description": description, "schema": schema}


def _number(name: str, description: str, default: int, maximum: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": maximum, "default": default}
    return {"name": name, "in": "query", "description": description, "schema": schema}


CODE = _text("code", "path", "Code of an area, such as 19753.")
SITE = _text("site", "path", "Name of a site, as in its topics.")
DEVICE = _text("device", "path", "Name of a device within its site.")
PAGE = (
    _text("after", "query", "Only names after this one: `next` of the answer before."),
    _number("limit", "At most so many.", DEFAULT_LIMIT, MAX_LIMIT),
)


def _operation(summary: str, answer: type, *parameters: dict[str, Any]) -> dict[str, Any]:
    def reference(document: type) -> dict[str, Any]:
        return {_JSON: {"schema": {"$ref": f"#/components/schemas/{document.__name__}"}}}

    responses: dict[str, Any] = {"200": {"description": summary, "content": reference(answer)}}
    failures = {"401": "No valid token.", "404": "It does not exist, or the account may not see it."}
    if any(one["in"] == "query" for one in parameters):
        failures["400"] = "A parameter has a wrong value."
    for code, text in failures.items():
        responses[code] = {"description": text, "content": reference(documents.ErrorDocument)}
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": responses}}


def _paths() -> dict[str, Any]:
    week = _number("days", "Days with today.", 7, MAX_DAYS)
    period = _number("days", "Days with today.", MAX_ATTENDANCE_DAYS, MAX_ATTENDANCE_DAYS)
    return {
        "/api/v1/areas": _operation("All areas of the account.", documents.AreaList),
        "/api/v1/areas/{code}": _operation("One area.", documents.AreaDocument, CODE),
        "/api/v1/areas/{code}/sites": _operation("Its sites, by name.", documents.SiteList, CODE, *PAGE),
        "/api/v1/areas/{code}/devices": _operation("Its devices, by name.", documents.DeviceList, CODE, *PAGE),
        "/api/v1/areas/{code}/attendance": _operation("Who does not scan.", documents.AttendanceList, CODE, period),
        "/api/v1/sites/{site}": _operation("One site.", documents.SiteDocument, SITE),
        "/api/v1/sites/{site}/hours": _operation("Its readings by hour.", documents.HourList, SITE, week),
        "/api/v1/sites/{site}/devices/{device}": _operation("One device.", documents.DeviceDocument, SITE, DEVICE),
        "/api/v1/alerts": _operation("Alerts.", documents.AlertList),
    }


def openapi_description() -> dict[str, Any]:
    """The whole document."""
    schemas: dict[str, Any] = {}
    for document in DOCUMENTS:
        made = TypeAdapter(document).json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        schemas |= made.pop("$defs", {}) | {document.__name__: made}
    token = {"type": "http", "scheme": "bearer", "description": "A token of an account of the centre."}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "entrance-kiosk centre", "version": version("entrance-kiosk"), "license": {"name": "Apache-2.0"},
            "description": "Reads what an account of the centre may see. It changes nothing, and names no person.",
        },
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {"schemas": schemas, "securitySchemes": {"token": token}},
    }  # fmt: skip
