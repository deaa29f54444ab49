"""The activity report of any period as a page, CSV and XLSX, and the last days as a part of the printed status page."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, current_app, make_response, render_template, request

from kiosk.core.ports import StoreError
from kiosk.core.rules import OpeningHours
from kiosk.storage.queries.availability import read_availability
from web_ui.i18n import request_locale
from web_ui.kiosk.data import availability_report
from web_ui.kiosk.data.availability_report import ReportDay
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.report import files as report_files
from web_ui.kiosk.pages.report.period import Period, PeriodError, last_days, parse_period, presets
from web_ui.kiosk.pages.report.view import report_context
from web_ui.settings import WebSettings

report_page = Blueprint("report", __name__)
REPORT_EXTENSION = "kiosk-report"
CACHE_S = 60.0
"""A report is computed again after this time."""
MAX_CACHED = 6


@dataclass(frozen=True, slots=True)
class ReportData:
    """One period."""

    days: tuple[ReportDay, ...] = ()
    """Oldest first. Empty if the database cannot be read."""
    refusals: tuple[tuple[str, int], ...] = ()
    """Reasons with their numbers, the most frequent first."""


class AvailabilityReport:
    """Reports of one kiosk, each computed at most once a minute. Any thread."""

    def __init__(self, settings: WebSettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._opening_hours = tuple(OpeningHours.parse(text) for text in settings.opening_hours)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._cached: OrderedDict[Period, tuple[float, ReportData]] = OrderedDict()

    def read(self, period: Period, now: datetime, *, online: bool) -> ReportData:
        """The report of a period. One is computed at a time, however many are asked for."""
        with self._lock:
            now_s = self._monotonic()
            found = self._cached.get(period)
            if found is None or now_s - found[0] >= CACHE_S:
                found = self._cached[period] = (now_s, self._count(period, now, online=online))
                self._cached.move_to_end(period)
            while len(self._cached) > MAX_CACHED:
                self._cached.popitem(last=False)
            return found[1]

    def _count(self, period: Period, now: datetime, *, online: bool) -> ReportData:
        if self._settings.database is None:
            return ReportData()
        zone = self._settings.zone
        since_at = availability_report.midnight(period.first, zone).astimezone(UTC)
        until_at = availability_report.midnight(period.last + timedelta(days=1), zone).astimezone(UTC)
        try:
            records = read_availability(self._settings.database, since_at, until_at)
        except StoreError:
            return ReportData()
        days = availability_report.report_days(
            records,
            now,
            online=online,
            zone=zone,
            opening_hours=self._opening_hours,
            count=period.days,
            last=period.last,
        )
        return ReportData(days, records.refusals)


def report_values(language: str, period: Period | None = None) -> dict[str, Any]:
    """Values of the report of the present application. `period` None: the last days."""
    found = current_app.extensions[REPORT_EXTENSION]
    assert isinstance(found, AvailabilityReport)
    view = kiosk_view()
    now, daemon = view.now(), view.daemon_status()
    period = period or last_days(now.astimezone(view.settings.zone).date())
    data = found.read(period, now, online=daemon.online)
    return report_context(
        data.days, daemon, view.formatter(language), now, place=view.settings.place, refusals=data.refusals
    )


@report_page.get("/report")
def page() -> Response:
    """The report alone, to read or to print."""
    language, view = request_locale.request_language(), kiosk_view()
    today = view.now().astimezone(view.settings.zone).date()
    error, code = "", 200
    try:
        period = parse_period(request.args, today)
    except PeriodError:
        period, error, code = last_days(today), "report.period.wrong", 400
    shown = view.status_values(language) | report_values(language, period)
    body = render_template("report.html", period=period, presets=presets(today), today=today, error=error, **shown)
    return request_locale.set_language_cookie(make_response(body, code))


@report_page.get("/report.<any(csv, xlsx):kind>")
def download(kind: str) -> Response:
    """The days of a period as a file."""
    language, view = request_locale.request_language(), kiosk_view()
    try:
        period = parse_period(request.args, view.now().astimezone(view.settings.zone).date())
    except PeriodError:
        abort(400)
    values = report_values(language, period)
    tables = report_files.report_tables(values, view.formatter(language))
    make = report_files.csv_file if kind == "csv" else report_files.xlsx_file
    name = f"report-{period.first}-{period.last}.{kind}"
    return Response(
        make(tables),
        mimetype=report_files.MIME_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
