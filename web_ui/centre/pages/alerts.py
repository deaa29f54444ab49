"""The alerts page: what is wrong in the reader's areas, who deals with it, and mutes with an end."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from mqtt.centre.accounts.roles import Permission
from mqtt.centre.alerts import store
from mqtt.centre.alerts.conditions import AlertKind
from mqtt.centre.alerts.store import Alert
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.registry.model import Area
from web_ui.centre.access import centre_context, current_fleet, guarded, viewer, visible_areas, write_audit
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.data.tables import PageTable
from web_ui.centre.notify.texts import alert_detail, alert_title
from web_ui.centre.pages.rendering import age_text, page_formatter, render_page
from web_ui.i18n.formatting import LocaleFormatter

alert_pages = Blueprint("alerts", __name__)
SHOWN_CLOSED = timedelta(days=2)
LATE_CHECK = timedelta(minutes=3)
"""An older check means that `kiosk centre alerts` does not run."""
MUTE_HOURS = (1, 8, 24, 168)
SERIOUS = {AlertKind.CITY_OUTAGE, AlertKind.SILENT_SITE, AlertKind.OUT_OF_ORDER, AlertKind.LIST_ENDS}
"""People cannot pass, or soon cannot."""


@alert_pages.get("/alerts")
@guarded(Permission.VIEW)
def alerts() -> AnyResponse:
    """Open alerts first."""
    formatter, now = page_formatter(), utc_now()
    with open_query(centre_context().settings.database) as query:
        found = store.read_alerts(query, visible_areas(Permission.VIEW), closed_since=now - SHOWN_CLOSED)
        checked_at = store.last_check(query)
    rows = [_alert_row(alert, formatter) for alert in found]
    header = tuple(
        formatter.t(f"centre.column.{name}") for name in ("number", "alert", "about", "area", "since", "until", "by")
    )
    cells = tuple(
        (row["number"], row["word"], row["title"], row["area"], row["since"], row["until"], row["by"]) for row in rows
    )
    return render_page(
        "alerts.html",
        table=PageTable(formatter.t("centre.alerts"), header, cells),
        open_alerts=[row for row in rows if not row["until"]],
        closed_alerts=[row for row in rows if row["until"]],
        is_late=checked_at is None or now - checked_at > LATE_CHECK,
        checked=age_text(formatter, checked_at, now),
        mute_hours=MUTE_HOURS,
        may_operate=viewer().may(Permission.OPERATE),
    )


def _alert_row(alert: Alert, formatter: LocaleFormatter) -> dict[str, Any]:
    t, now = formatter.t, utc_now()
    title, link, area = _subject(alert, formatter)
    return {
        "number": alert.number,
        "tone": "fail" if alert.kind in SERIOUS else "warn",
        "word": t.code("centre.alert", alert.kind),
        "detail": alert_detail(alert, formatter),
        "title": title,
        "link": link,
        "area": area.name(formatter.language) if area else "",
        "since": formatter.date_time(alert.since),
        "age": age_text(formatter, alert.since, now),
        "until": formatter.date_time(alert.until) if alert.until else "",
        "by": alert.acknowledged_by,
        "muted": formatter.date_time(alert.muted_until) if alert.muted_until and alert.is_muted(now) else "",
        "may_operate": _may_operate(alert),
    }


def _subject(alert: Alert, formatter: LocaleFormatter) -> tuple[str, str, Area | None]:
    """Title, address and area of what the alert is about."""
    fleet = current_fleet()
    title = alert_title(alert, fleet, formatter)
    if device := fleet.devices.get(alert.subject):
        site, _, name = alert.subject.partition("/")
        return title, url_for("sites.device", site=site, device=name), fleet.sites[device.site].area
    if found := fleet.sites.get(alert.subject):
        return title, url_for("sites.site", site=found.name), found.area
    return title, "", None


def _may_operate(alert: Alert) -> bool:
    areas = visible_areas(Permission.OPERATE)
    return areas is None or alert.area in areas


@alert_pages.post("/alerts/<int:number>/acknowledge")
@guarded(Permission.OPERATE)
def acknowledge(number: int) -> AnyResponse:
    """The viewer deals with it."""
    with open_query(centre_context().settings.database) as query:
        alert = _operated(query, number)
        write_audit(query, "acknowledge-alert", f"{alert.kind} {alert.subject}", area=alert.area)
        store.acknowledge(query, number, viewer().name, utc_now())
    return redirect(url_for("alerts.alerts"))


@alert_pages.post("/alerts/<int:number>/mute")
@guarded(Permission.OPERATE)
def mute(number: int) -> AnyResponse:
    """Hold back notifications until an end, with a reason."""
    hours, why = request.form.get("hours", ""), request.form.get("why", "").strip()[:200]
    if hours not in {str(one) for one in MUTE_HOURS} or not why:
        abort(400)
    with open_query(centre_context().settings.database) as query:
        alert = _operated(query, number)
        write_audit(query, "mute-alert", f"{alert.kind} {alert.subject} {hours} h", why, alert.area)
        store.mute(query, alert, utc_now() + timedelta(hours=int(hours)), viewer().name, why)
    return redirect(url_for("alerts.alerts"))


def _operated(query: Query, number: int) -> Alert:
    """An alert that the viewer may change. Aborts with 404."""
    found = store.find_alert(query, number) if number < 2**31 else None
    if found is None or not _may_operate(found):
        abort(404)
    return found
