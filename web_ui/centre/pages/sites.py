"""The pages of a site and of a device."""

from datetime import datetime
from typing import Any

from flask import Blueprint
from werkzeug.wrappers import Response as AnyResponse

from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.system.messages import check_message
from mqtt.centre.accounts.roles import Permission
from mqtt.centre.fleet.status import HealthFinding, format_ranges
from mqtt.centre.ingest.database import open_query
from web_ui.centre.access import centre_context, current_fleet, guarded
from web_ui.centre.data.attendance import open_slots
from web_ui.centre.data.device_detail import read_device_detail
from web_ui.centre.data.fleet import Counts, DeviceNow, SiteNow
from web_ui.centre.data.hours import DayRow, SiteReport, read_site_report
from web_ui.centre.data.tables import PageTable
from web_ui.centre.pages.areas import PERIODS, TONES, gates_text, parse_days, site_tone
from web_ui.centre.pages.rendering import (
    age_text,
    device_state,
    hour_text,
    page_formatter,
    render_page,
    share_text,
)
from web_ui.i18n.formatting import LocaleFormatter

site_pages = Blueprint("sites", __name__)
HEAT_STEPS = 5
MAX_RANGES = 8
"""Gaps that a page lists. The others are counted."""


@site_pages.get("/sites/<site>")
@guarded(Permission.VIEW)
def site(site: SiteNow) -> AnyResponse:
    """Gates, people inside, hours as a heat map: to read and to print."""
    fleet, formatter, days = current_fleet(), page_formatter(), parse_days()
    with open_query(centre_context().settings.database) as query:
        report = read_site_report(query, fleet, site, days)
    found = report.attendance
    return render_page(
        "site.html",
        table=_report_table(site, report, formatter),
        audit_area=site.area.number if site.area else 0,
        site=site,
        path=fleet.registry.path(site.area, fleet.day) if site.area else (),
        tone=site_tone(site),
        gates=[_gate_row(device, formatter) for device in site.devices],
        gates_word=gates_text(site, formatter),
        inside=_inside(site.today),
        days=days,
        periods=PERIODS,
        heat=[_heat_row(row, site, report.busiest_hour, formatter) for row in report.days],
        total=report.total,
        share=share_text(formatter, report.total.refused_share),
        attendance=found,
        attendance_tone=TONES[found.attendance],
        attendance_word=formatter.t.code("centre.attendance", found.attendance),
        last=hour_text(formatter, found.last_passage_at),
        kind=formatter.t.code("centre.site-kind", site.row.kind) if site.row else "",
        updated=formatter.time_of_day(fleet.at),
        printed_at=formatter.date_time(fleet.at),
    )


def _inside(today: Counts) -> int | None:
    """People who went in today and not out. None where the gates do not tell the directions apart."""
    return max(0, today.passed_in - today.passed_out) if today.passed_out else None


def _gate_row(device: DeviceNow, formatter: LocaleFormatter) -> dict[str, Any]:
    shape, word = device_state(formatter.t, state=device.state, is_silent=device.is_silent)
    return {
        "device": device,
        "shape": shape,
        "word": word,
        "seen": age_text(formatter, device.last_seen_at, current_fleet().at),
        "in": formatter.number(device.today.passed_in),
        "out": formatter.number(device.today.passed_out),
        "share": share_text(formatter, device.today.refused_share),
        "last": hour_text(formatter, device.last_passage_at),
    }


def _heat_row(row: DayRow, site: SiteNow, busiest: int, formatter: LocaleFormatter) -> dict[str, Any]:
    pattern = open_slots(site.row.opening_hours) if site.row else ()
    cells = []
    for hour, counts in enumerate(row.hours):
        is_closed = bool(pattern) and not pattern[row.day.weekday() * 24 + hour]
        step = -(-counts.passed * HEAT_STEPS // busiest) if counts.passed else 0
        cells.append(
            {"count": formatter.number(counts.passed) if counts.passed else "", "step": step, "closed": is_closed}
        )
    total = row.total
    return {
        "day": f"{row.day:%d/%m}",
        "weekday": formatter.t(f"centre.weekday.{row.day.weekday()}"),
        "cells": cells,
        "total": formatter.number(total.passed),
        "share": share_text(formatter, total.refused_share),
    }


def _report_table(site: SiteNow, report: SiteReport, formatter: LocaleFormatter) -> PageTable:
    t = formatter.t
    header = (
        t("centre.column.day"),
        t("centre.column.hour"),
        *(t(f"centre.column.{n}") for n in ("passed-in", "passed-out", "refused")),
    )
    rows = tuple(
        (row.day.isoformat(), f"{hour:02}:00", counts.passed_in, counts.passed_out, counts.refused)
        for row in report.days
        for hour, counts in enumerate(row.hours)
        if counts != Counts()
    )
    return PageTable(site.title, header, rows)


@site_pages.get("/sites/<site>/devices/<device>")
@guarded(Permission.VIEW)
def device(device: DeviceNow) -> AnyResponse:
    """State, backlog, gaps and notices of one gate."""
    fleet, formatter = current_fleet(), page_formatter()
    with open_query(centre_context().settings.database) as query:
        detail = read_device_detail(query, device, fleet.at)
    site = fleet.sites[device.site]
    shape, word = device_state(formatter.t, state=device.state, is_silent=device.is_silent)
    return render_page(
        "device.html",
        device=device,
        site=site,
        path=fleet.registry.path(site.area, fleet.day) if site.area else (),
        shape=shape,
        word=word,
        seen=age_text(formatter, device.last_seen_at, fleet.at),
        seen_at=formatter.date_time(device.last_seen_at) if device.last_seen_at else "",
        share=share_text(formatter, device.today.refused_share),
        epochs=[
            {
                "name": epoch.name,
                "newest": formatter.number(epoch.newest_seq),
                "missing": formatter.number(epoch.missing_count),
                "ranges": format_ranges(epoch.missing[:MAX_RANGES]) + (" …" if len(epoch.missing) > MAX_RANGES else ""),
                "duplicates": formatter.number(epoch.duplicates),
                "conflicts": formatter.number(epoch.conflicts),
            }
            for epoch in reversed(detail.epochs)
        ],
        notices=[(formatter.date_time(one.at), one.kind, formatter.number(one.count)) for one in detail.notices],
        rejected=detail.rejected,
        lists=[
            (formatter.t.code("centre.list", kind), formatter.number(number), kind in detail.lists_behind)
            for kind, number in sorted(detail.lists.items())
        ],
        certificate=_certificate_text(detail.certificate_ends_at, formatter),
        availability=share_text(formatter, detail.availability),
        findings=[(one.status, _finding_sentence(one, formatter)) for one in detail.findings],
        updated=formatter.time_of_day(fleet.at),
    )


def _certificate_text(ends_at: datetime | None, formatter: LocaleFormatter) -> str:
    """Days left, and the day. Empty where the centre issued none."""
    if ends_at is None:
        return ""
    days = (ends_at - current_fleet().at).days
    if days < 0:
        return formatter.t("centre.certificate.ended", date=formatter.date(ends_at))
    left = formatter.t.plural("centre.certificate.days", days, count=formatter.number(days))
    return f"{left} · {formatter.date(ends_at)}"


def _finding_sentence(one: HealthFinding, formatter: LocaleFormatter) -> str:
    check = HealthCheck(one.code, CheckStatus(one.status), one.value, one.unit, one.reason, one.detail)
    return check_message(formatter.t, check)
