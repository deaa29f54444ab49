"""The addresses of `/api/v1`."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol, TypeVar

from flask import Blueprint, Response, abort, request

from mqtt.centre.accounts.roles import Permission
from mqtt.centre.alerts import store
from mqtt.centre.ingest.database import open_query
from mqtt.centre.registry.model import Area
from web_ui.centre.access import centre_context, current_fleet, public, viewer, visible_areas, with_api_token
from web_ui.centre.api.documents import (
    AlertList,
    AreaList,
    AttendanceList,
    DeviceList,
    ErrorDocument,
    HourDocument,
    HourList,
    SiteList,
    alert_document,
    area_document,
    attendance_document,
    counts_document,
    device_document,
    site_document,
)
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.data.fleet import DeviceNow, SiteNow
from web_ui.centre.data.hours import MAX_DAYS, read_area_period, read_hourly

api_routes = Blueprint("api", __name__, url_prefix="/api/v1")
SHOWN_CLOSED = timedelta(days=2)
DEFAULT_LIMIT, MAX_LIMIT = 500, 5000
MAX_ATTENDANCE_DAYS = 21


@api_routes.get("/areas")
@with_api_token
def areas() -> Response:
    """All areas of the account, each with all below it."""
    fleet = current_fleet()
    found = [area for top in viewer().rights.areas(Permission.VIEW) for area in fleet.registry.subtree(top, fleet.day)]
    return answer(AreaList(fleet.at, tuple(area_document(fleet, area) for area in found)))


@api_routes.get("/areas/<code>")
@with_api_token
def area(area: Area) -> Response:
    """One area."""
    return answer(area_document(current_fleet(), area))


@api_routes.get("/areas/<code>/sites")
@with_api_token
def sites(area: Area) -> Response:
    """The sites in an area and below it."""
    fleet = current_fleet()
    found, following = _page(fleet.sites_in(area), lambda site: site.name)
    return answer(SiteList(fleet.at, tuple(map(site_document, found)), following))


@api_routes.get("/areas/<code>/devices")
@with_api_token
def devices(area: Area) -> Response:
    """The devices of the sites in an area and below it."""
    fleet = current_fleet()
    all_of_area = [device for site in fleet.sites_in(area) for device in site.devices]
    found, following = _page(all_of_area, lambda device: device.wire_name)
    return answer(DeviceList(fleet.at, tuple(map(device_document, found)), following))


@api_routes.get("/areas/<code>/attendance")
@with_api_token
def attendance(area: Area) -> Response:
    """Which sites scan, over the last days with today."""
    fleet, days = current_fleet(), _number("days", MAX_ATTENDANCE_DAYS, MAX_ATTENDANCE_DAYS)
    periods = read_area_period(centre_context().days, fleet, fleet.sites_in(area), days)
    return answer(AttendanceList(fleet.at, days, tuple(map(attendance_document, periods))))


@api_routes.get("/sites/<site>")
@with_api_token
def site(site: SiteNow) -> Response:
    """One site."""
    return answer(site_document(site))


@api_routes.get("/sites/<site>/hours")
@with_api_token
def hours(site: SiteNow) -> Response:
    """Readings by hour over the last days with today. Hours without a reading are left out."""
    fleet, days = current_fleet(), _number("days", 7, MAX_DAYS)
    first_day = fleet.day - timedelta(days=days - 1)
    with open_query(centre_context().settings.database) as query:
        found = read_hourly(query, fleet, [site], first_day)[site.name]
    shown = tuple(HourDocument(hour, counts_document(counts)) for hour, counts in sorted(found.items()))
    return answer(HourList(fleet.at, days, shown))


@api_routes.get("/sites/<site>/devices/<device>")
@with_api_token
def device(device: DeviceNow) -> Response:
    """One device."""
    return answer(device_document(device))


@api_routes.get("/alerts")
@with_api_token
def alerts() -> Response:
    """Open alerts of the account's areas, then those that ended in the last two days."""
    registry = current_fleet().registry
    with open_query(centre_context().settings.database) as query:
        found = store.read_alerts(query, visible_areas(Permission.VIEW), closed_since=utc_now() - SHOWN_CLOSED)
        checked_at = store.last_check(query)
    return answer(AlertList(checked_at, tuple(alert_document(one, registry.rows.areas) for one in found)))


@api_routes.get("/openapi.json")
@public
def description() -> Response:
    """The description of these addresses. It says nothing of the city."""
    from web_ui.centre.api.openapi import openapi_description  # noqa: PLC0415  needed once by each program, and large

    return Response(json.dumps(openapi_description(), ensure_ascii=False), mimetype="application/json")


class Document(Protocol):
    """A frozen dataclass of `documents`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


def answer(document: Document, status: int = 200) -> Response:
    """A document as JSON. Times are UTC."""
    text = json.dumps(asdict(document), ensure_ascii=False, separators=(",", ":"), default=_time)
    return Response(text, status=status, mimetype="application/json")


def api_error(status: int, error: str) -> Response:
    """The answer to a request that failed."""
    return answer(ErrorDocument(status, error), status)


def _time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


Item = TypeVar("Item")


def _page(found: Sequence[Item], name: Callable[[Item], str]) -> tuple[list[Item], str | None]:
    """Those after the name `after` of the address, at most `limit`, by name. And the last name if there are more."""
    after, limit = request.args.get("after", ""), _number("limit", DEFAULT_LIMIT, MAX_LIMIT)
    rest = sorted((one for one in found if name(one) > after), key=name)
    return rest[:limit], name(rest[limit - 1]) if len(rest) > limit else None


def _number(parameter: str, default: int, maximum: int) -> int:
    """A whole number of the address, from 1. Aborts with 400."""
    text = request.args.get(parameter, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= maximum):
        abort(400)
    return int(text)
