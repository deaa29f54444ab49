"""The page of a device's commands: give one, and see what came of the newest ones."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from mqtt.centre.accounts.roles import Permission
from mqtt.centre.ingest.database import open_query
from mqtt.centre.remote import store
from mqtt.centre.remote.lists import DeviceLists, lists_of, newest_numbers
from mqtt.centre.remote.store import CommandNotTakenError, CommandRow, NewCommand
from mqtt.remote.commands import CommandName, ReplyState
from web_ui.centre.access import centre_context, current_fleet, guarded, viewer, write_audit
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.data.fleet import DeviceNow
from web_ui.centre.pages.rendering import page_formatter, render_page

command_pages = Blueprint("commands", __name__)

SHOWN = 20
OFFERED = tuple(name for name in CommandName if name is not CommandName.FORGET)
"""`forget` belongs to a case of tracing, and needs the ids of events."""
LIFETIME = timedelta(minutes=5)
TONES = {ReplyState.DONE: "pass", ReplyState.REFUSED: "fail", ReplyState.FAILED: "fail", store.EXPIRED: "warn"}
FILE_TYPES = {
    CommandName.SEND_LOG: ("text/plain; charset=utf-8", "log.txt"),
    CommandName.SUPPORT_BUNDLE: ("application/zip", "support.zip"),
}


@command_pages.get("/sites/<site>/devices/<device>/commands")
@guarded(Permission.OPERATE)
def command_list(device: DeviceNow) -> AnyResponse:
    """The newest commands, and the form."""
    return _render(device)


@command_pages.post("/sites/<site>/devices/<device>/commands")
@guarded(Permission.OPERATE)
def give(device: DeviceNow) -> AnyResponse:
    """Take a command. A running centre sends it."""
    form = request.form
    name = next((each for each in OFFERED if each == form.get("name")), None)
    if name is None:
        abort(400)
    minutes = form.get("minutes", "")
    arguments = {"minutes": minutes} if name is CommandName.PAUSE else {}
    new = NewCommand(device.wire_name, name, arguments, viewer().name, form.get("why", "").strip(), LIFETIME)
    try:
        with open_query(centre_context().settings.database) as query:
            store.add_command(query, new, utc_now(), _area_number(device))
    except CommandNotTakenError as error:
        return _render(device, str(error), code=400)
    site, _, gate = device.wire_name.partition("/")
    return redirect(url_for("commands.command_list", site=site, device=gate))


@command_pages.get("/sites/<site>/devices/<device>/commands/<order_id>")
@guarded(Permission.OPERATE)
def content(device: DeviceNow, order_id: str) -> AnyResponse:
    """The log or support bundle that the device sent."""
    with open_query(centre_context().settings.database) as query:
        write_audit(query, "read-device-file", f"{device.wire_name} {order_id[:32]}", area=_area_number(device))
        row = store.find_command(query, order_id)
        found = store.read_content(query, order_id) if row and row.device == device.wire_name else None
    if row is None or found is None:
        abort(404)
    kind, name = FILE_TYPES[CommandName(row.name)]
    answer = make_response(found)
    answer.headers["Content-Type"] = kind
    answer.headers["Content-Disposition"] = f'attachment; filename="{device.wire_name.replace("/", ".")}-{name}"'
    return answer


def _area_number(device: DeviceNow) -> int:
    area = current_fleet().sites[device.site].area
    return area.number if area else 0


def _render(device: DeviceNow, error: str = "", code: int = 200) -> AnyResponse:
    fleet, formatter = current_fleet(), page_formatter()
    site = fleet.sites[device.site]
    with open_query(centre_context().settings.database) as query:
        rows = store.newest_commands(query, device.wire_name, SHOWN)
        lists, newest = lists_of(query, device.wire_name), newest_numbers(query)
    return render_page(
        "commands.html",
        device=device,
        site=site,
        path=fleet.registry.path(site.area, fleet.day) if site.area else (),
        rows=[_shown(row) for row in rows],
        lists=_list_rows(lists, newest) if lists else [],
        names=[(each.value, formatter.t(f"centre.command.name.{each}")) for each in OFFERED],
        error=error,
        given=request.form,
        code=code,
    )


def _list_rows(lists: DeviceLists, newest: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """Tone, name and sentence of each signed list that the device uses."""
    formatter, late = page_formatter(), lists.behind(newest)
    rows = []
    for kind, number in sorted(lists.numbers.items()):
        code = lists.errors.get(kind, "")
        text = formatter.t("centre.list.number", number=formatter.number(number))
        if kind in late:
            text = formatter.t("centre.list.behind", number=number, newest=newest[kind], code=code or "–")
        rows.append(("warn" if kind in late else "pass", formatter.t.code("centre.list", kind), text))
    return rows


def _shown(row: CommandRow) -> dict[str, Any]:
    formatter = page_formatter()
    t = formatter.t
    why = ""
    if row.state == store.EXPIRED:
        why = t.code("centre.command.unanswered", row.code)
    elif row.code:
        why = t.code("centre.command.code", row.code)
    return {
        "id": row.id,
        "name": t.code("centre.command.name", row.name),
        "at": formatter.date_time(row.created_at),
        "by": row.requested_by,
        "reason": row.reason,
        "state": t.code("centre.command.state", row.state),
        "tone": TONES.get(row.state, ""),
        "why": " ".join(filter(None, (why, row.detail))),
        "count": "" if row.count is None else formatter.number(row.count),
        "has_file": row.state == ReplyState.DONE and row.parts > 0,
    }
