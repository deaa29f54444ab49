"""The pages of the city and of its wards: which sites answer, how many people pass, and who does not scan."""

from typing import Any

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from mqtt.centre.accounts.roles import Permission
from mqtt.centre.registry.model import Area
from web_ui.centre.access import centre_context, current_fleet, guarded, signed_in, viewer
from web_ui.centre.data.attendance import Attendance
from web_ui.centre.data.fleet import AreaNow, SiteNow
from web_ui.centre.data.hours import SitePeriod, read_area_period
from web_ui.centre.data.tables import PageTable
from web_ui.centre.pages.rendering import hour_text, page_formatter, render_page, share_text
from web_ui.i18n.formatting import LocaleFormatter

area_pages = Blueprint("areas", __name__)
PERIODS = (1, 7, 21)
DEFAULT_DAYS = 21
TONES = {
    Attendance.NEVER: "fail",
    Attendance.STOPPED: "fail",
    Attendance.GAPS: "warn",
    Attendance.REGULAR: "pass",
    Attendance.UNKNOWN: "stale",
}


@area_pages.get("/")
@signed_in
def home() -> AnyResponse:
    """The reader's own area. With several, a list of them."""
    areas = viewer().rights.areas(Permission.VIEW)
    if len(areas) == 1:
        return redirect(url_for("areas.area", code=areas[0].code))
    if not areas and viewer().may(Permission.READ_AUDIT):
        return redirect(url_for("audit.audit"))
    return render_page("home.html", areas=areas)


@area_pages.get("/areas/<code>")
@guarded(Permission.VIEW)
def area(area: Area) -> AnyResponse:
    """An area with areas below it shows them as tiles. One without shows its sites."""
    fleet = current_fleet()
    children = fleet.registry.children(area, fleet.day)
    values: dict[str, Any] = {
        "area": area,
        "path": fleet.registry.path(area, fleet.day),
        "now": fleet.area_now(area),
        "updated": page_formatter().time_of_day(fleet.at),
        "may_view": lambda one: viewer().rights.allows(Permission.VIEW, one),
    }
    if children:
        return _city(area, children, values)
    return _ward(area, values)


def _city(area: Area, children: tuple[Area, ...], values: dict[str, Any]) -> AnyResponse:
    fleet, formatter = current_fleet(), page_formatter()
    found = [fleet.area_now(child) for child in children]
    found.sort(key=lambda one: (not one.sites, -one.silent_sites, -one.silent_devices, one.area.name_vi))
    is_root = not area.parent
    loose = fleet.sites_without_area() if is_root else []
    return render_page(
        "city.html",
        table=_areas_table(area, found, formatter),
        audit_area=area.number,
        areas=found,
        with_sites=sum(bool(one.sites) for one in found),
        share=share_text(formatter, values["now"].today.refused_share),
        shares={one.area.code: share_text(formatter, one.today.refused_share) for one in found},
        loose_sites=loose,
        **values,
    )


def _areas_table(area: Area, found: list[AreaNow], formatter: LocaleFormatter) -> PageTable:
    t = formatter.t
    header = ("code", "area", "sites", "silent-sites", "gates", "silent-gates", "passed-in", "passed-out", "refused")
    rows = tuple(
        (
            one.area.code,
            one.area.name(formatter.language),
            one.sites,
            one.silent_sites,
            one.devices,
            one.silent_devices,
            one.today.passed_in,
            one.today.passed_out,
            one.today.refused,
        )
        for one in found
    )
    return PageTable(area.name(formatter.language), tuple(t(f"centre.column.{name}") for name in header), rows)


def _ward(area: Area, values: dict[str, Any]) -> AnyResponse:
    fleet, formatter, days = current_fleet(), page_formatter(), parse_days()
    periods = read_area_period(centre_context().days, fleet, fleet.sites_in(area), days)
    urgent = [
        one for one in periods if one.attendance.attendance in {Attendance.NEVER, Attendance.STOPPED, Attendance.GAPS}
    ]
    return render_page(
        "ward.html",
        table=_sites_table(area, periods, formatter),
        audit_area=area.number,
        days=days,
        periods=PERIODS,
        urgent=[_period_row(one, formatter) for one in urgent],
        sites=[_site_row(one, formatter) for one in sorted(periods, key=_by_title)],
        share=share_text(formatter, values["now"].today.refused_share),
        **values,
    )


def _by_title(period: SitePeriod) -> tuple[str, str]:
    return period.site.title.casefold(), period.site.name


def _period_row(period: SitePeriod, formatter: LocaleFormatter) -> dict[str, Any]:
    found = period.attendance
    return {
        "site": period.site,
        "tone": TONES[found.attendance],
        "word": formatter.t.code("centre.attendance", found.attendance),
        "missed": formatter.number(found.missed_hours),
        "open": formatter.number(found.open_hours),
        "missed_usual": formatter.number(found.missed_usual_hours),
        "usual": formatter.number(found.usual_hours),
        "last": hour_text(formatter, found.last_passage_at),
        "contact": period.site.row.contact if period.site.row else "",
        "gates": gates_text(period.site, formatter),
        "is_silent": period.site.is_silent,
    }


def _site_row(period: SitePeriod, formatter: LocaleFormatter) -> dict[str, Any]:
    site, counts = period.site, period.site.today
    return {
        "site": site,
        "kind": formatter.t.code("centre.site-kind", site.row.kind) if site.row else "",
        "gates": gates_text(site, formatter),
        "tone": site_tone(site),
        "in": formatter.number(counts.passed_in),
        "out": formatter.number(counts.passed_out),
        "share": share_text(formatter, counts.refused_share),
        "period": formatter.number(period.total.passed),
        "last": hour_text(formatter, site.last_passage_at),
    }


def site_tone(site: SiteNow) -> str:
    """Shape and colour of a site."""
    if not site.devices:
        return "not-running"
    return "fail" if site.is_silent else "warn" if site.silent_devices else "ready"


def gates_text(site: SiteNow, formatter: LocaleFormatter) -> str:
    """How many gates answer, in words."""
    t, count = formatter.t, len(site.devices)
    if not count:
        return t("centre.gates.none")
    if site.silent_devices:
        return t("centre.gates.silent", silent=site.silent_devices, count=count)
    return t.plural("centre.gates.all", count, count=count)


def _sites_table(area: Area, periods: list[SitePeriod], formatter: LocaleFormatter) -> PageTable:
    t = formatter.t
    header = (
        "site-name", "site", "kind", "gates", "silent-gates", "passed-in", "passed-out", "refused", "period", "attendance",
        "open-hours", "missed-hours", "usual-hours", "missed-usual-hours", "last-passage", "contact",
    )  # fmt: skip
    rows = tuple(
        (
            one.site.name,
            one.site.title,
            t.code("centre.site-kind", one.site.row.kind) if one.site.row else "",
            len(one.site.devices),
            one.site.silent_devices,
            one.site.today.passed_in,
            one.site.today.passed_out,
            one.site.today.refused,
            one.total.passed,
            t.code("centre.attendance", one.attendance.attendance),
            one.attendance.open_hours,
            one.attendance.missed_hours,
            one.attendance.usual_hours,
            one.attendance.missed_usual_hours,
            hour_text(formatter, one.attendance.last_passage_at),
            one.site.row.contact if one.site.row else "",
        )
        for one in periods
    )
    return PageTable(area.name(formatter.language), tuple(t(f"centre.column.{name}") for name in header), rows)


def parse_days() -> int:
    """The period of the address in days. Aborts with 400 for another one."""
    text = request.args.get("days", str(DEFAULT_DAYS))
    if text not in {str(days) for days in PERIODS}:
        abort(400)
    return int(text)
