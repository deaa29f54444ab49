"""The page of a device's settings: where each value comes from, what became of them, a change, and who changed what."""

import json
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kiosk.config.overlay.changeable import changeable_settings, check_values, value_of_text
from kiosk.config.schema.sentences import setting_sentences
from mqtt.centre.accounts.audit import take_turn
from mqtt.centre.accounts.roles import Permission
from mqtt.centre.configuration import sending, store
from mqtt.centre.configuration.scopes import AREA, CITY, DEVICE, SITE, Scope, StoredValue, parse_scope, plain_values
from mqtt.centre.configuration.scopes import scopes_of as scopes_of_device
from mqtt.centre.configuration.sending import ConfigurationSender, DeviceConfiguration
from mqtt.centre.configuration.store import Change, ChangeNotTakenError
from mqtt.centre.ingest.database import open_query
from mqtt.remote.configuration import TrialState, values_sha256
from web_ui.centre.access import centre_context, current_fleet, guarded, viewer, write_audit
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.data.fleet import DeviceNow
from web_ui.centre.pages.rendering import page_formatter, render_page

configuration_pages = Blueprint("configuration", __name__)

SHOWN = 30
TONES = {
    TrialState.IN_FORCE.value: "pass",
    TrialState.ROLLED_BACK.value: "fail",
    TrialState.REFUSED.value: "fail",
    TrialState.ON_TRIAL.value: "warn",
}


@configuration_pages.get("/sites/<site>/devices/<device>/configuration")
@guarded(Permission.OPERATE)
def configuration(device: DeviceNow) -> AnyResponse:
    """The settings of a device, and the form."""
    return _render(device)


@configuration_pages.post("/sites/<site>/devices/<device>/configuration")
@guarded(Permission.OPERATE)
def change(device: DeviceNow) -> AnyResponse:
    """Set a setting of this device or its site, or take it back."""
    form = request.form
    name, text = form.get("name", ""), form.get("value", "")
    if name not in changeable_settings() or form.get("scope") not in {DEVICE, SITE}:
        abort(400)
    scope = Scope(DEVICE, device.wire_name) if form["scope"] == DEVICE else Scope(SITE, device.site)
    is_removed = "unset" in form
    values = {} if is_removed else {name: value_of_text(name, text.strip())}
    removed = (name,) if is_removed else ()
    wanted = Change(scope, values, removed, viewer().name, form.get("why", "").strip())
    try:
        with open_query(centre_context().settings.database) as query:
            store.change_values(query, wanted, check_values, utc_now())
    except ChangeNotTakenError as error:
        return _render(device, str(error), code=400)
    return _back(device)


@configuration_pages.post("/sites/<site>/devices/<device>/configuration/try-again")
@guarded(Permission.OPERATE)
def try_again(device: DeviceNow) -> AnyResponse:
    """Let the device try its settings once more."""
    now = utc_now()
    with open_query(centre_context().settings.database) as query:
        take_turn(query)
        write_audit(query, "change-configuration", f"{device.wire_name}: try again", area=_area_number(device))
        wanted = ConfigurationSender().wanted(query, device.wire_name, now)
        sending.try_again(query, device.wire_name, values_sha256(plain_values(wanted)))
    return _back(device)


def _back(device: DeviceNow) -> AnyResponse:
    site, _, gate = device.wire_name.partition("/")
    return redirect(url_for("configuration.configuration", site=site, device=gate))


def _area_number(device: DeviceNow) -> int:
    area = current_fleet().sites[device.site].area
    return area.number if area else 0


def _render(device: DeviceNow, error: str = "", code: int = 200) -> AnyResponse:
    fleet, now = current_fleet(), utc_now()
    site = fleet.sites[device.site]
    scopes = [str(scope) for scope in scopes_of_device(fleet.registry, device.wire_name, fleet.day)]
    with open_query(centre_context().settings.database) as query:
        wanted = ConfigurationSender().wanted(query, device.wire_name, now)
        report = next(iter(sending.read_reports(query, device.wire_name)), None)
        changes = store.read_changes(query, scopes, SHOWN)
    return render_page(
        "configuration.html",
        device=device,
        site=site,
        path=fleet.registry.path(site.area, fleet.day) if site.area else (),
        state=_state(report, wanted),
        rows=[_value_row(value, report) for _, value in sorted(wanted.items())],
        local=[(name, _text(value)) for name, value in sorted(report.local.items())] if report else [],
        changes=[_change_row(row) for row in changes],
        names=setting_sentences_of_changeable(),
        error=error,
        given=request.form,
        code=code,
    )


def setting_sentences_of_changeable() -> list[tuple[str, str]]:
    """Name and English sentence of each setting that may be changed from here."""
    sentences = setting_sentences()
    return [(name, sentences.get(name, "")) for name in changeable_settings()]


def _state(report: DeviceConfiguration | None, wanted: dict[str, StoredValue]) -> dict[str, Any]:
    """How far the device is, in words."""
    t = page_formatter().t
    if report is None:
        return {"tone": "warn", "text": t("centre.config.state.unknown"), "why": "", "failed": False}
    state = report.follows(values_sha256(plain_values(wanted)))
    failed = state in {TrialState.ROLLED_BACK, TrialState.REFUSED}
    why = (
        f"{t.code('centre.config.code', report.code)} {f'({report.detail})' if report.detail else ''}" if failed else ""
    )
    return {
        "tone": TONES.get(state, "warn"),
        "text": t.code("centre.config.state", state),
        "why": why,
        "failed": failed,
    }


def _value_row(value: StoredValue, report: DeviceConfiguration | None) -> dict[str, Any]:
    return {
        "name": value.name,
        "value": _text(value.value),
        "place": _place(value.scope),
        "by": value.changed_by,
        "at": page_formatter().date_time(value.changed_at),
        "is_covered": report is not None and value.name in report.local,
    }


def _change_row(row: store.ChangeRow) -> dict[str, Any]:
    return {
        "at": page_formatter().date_time(row.changed_at),
        "by": row.changed_by,
        "place": _place(row.scope),
        "name": row.name,
        "before": row.old_value,
        "after": row.new_value,
        "reason": row.reason,
    }


def _place(stored: str) -> str:
    """The scope for people: `Phường Thuận Hóa`, `Chợ Đông Ba`."""
    scope, fleet, formatter = parse_scope(stored), current_fleet(), page_formatter()
    if scope.kind == AREA:
        names = (one.name(formatter.language) for one in fleet.registry.rows.areas if str(one.number) == scope.name)
        return next(names, scope.name)
    if scope.kind == SITE:
        site = fleet.sites.get(scope.name)
        return site.title if site else scope.name
    return formatter.t("centre.config.place.city") if scope.kind == CITY else formatter.t("centre.config.place.device")


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
