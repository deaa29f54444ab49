"""The activity report as a page, and as a part of the printed status page."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template

from kiosk.core.ports import StoreError
from kiosk.core.rules import OpeningHours
from kiosk.storage.queries.availability import read_availability
from kiosk.system.translations import Translator
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.data import availability_report
from web_ui.kiosk.data.availability_report import ReportDay, TimeSpan
from web_ui.kiosk.data.daemon_status import DaemonStatus
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.settings import UNNAMED, PlaceNames, WebSettings

report_page = Blueprint("report", __name__)
REPORT_EXTENSION = "kiosk-report"
CACHE_S = 60.0
"""The report is computed again after this time."""
MAX_OUTAGES = 20


class AvailabilityReport:
    """The last days of one kiosk, computed at most once a minute. Any thread."""

    def __init__(self, settings: WebSettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._opening_hours = tuple(OpeningHours.parse(text) for text in settings.opening_hours)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._cached: tuple[float, tuple[ReportDay, ...]] | None = None

    def days(self, now: datetime, *, online: bool) -> tuple[ReportDay, ...]:
        """Oldest first. Empty if the database cannot be read."""
        with self._lock:
            now_s = self._monotonic()
            if self._cached is None or now_s - self._cached[0] >= CACHE_S:
                self._cached = (now_s, self._count(now, live=online))
            return self._cached[1]

    def _count(self, now: datetime, *, live: bool) -> tuple[ReportDay, ...]:
        if self._settings.database is None:
            return ()
        zone = self._settings.zone
        since = availability_report.midnight(
            now.astimezone(zone).date() - timedelta(days=availability_report.REPORT_DAYS - 1), zone
        )
        try:
            records = read_availability(self._settings.database, since.astimezone(UTC))
        except StoreError:
            return ()
        return availability_report.report_days(records, now, online=live, zone=zone, opening_hours=self._opening_hours)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One day as a row of the table."""

    day: str
    opening_hours: str
    passes: str
    busiest: str
    down: str
    down_while_open: str
    lists_stale: str
    hours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutageRow:
    """One time out of service."""

    from_at: str
    until_at: str
    duration: str
    cause: str


def report_context(
    days: tuple[ReportDay, ...],
    daemon: DaemonStatus,
    formatter: LocaleFormatter,
    now: datetime,
    place: PlaceNames = UNNAMED,
) -> dict[str, Any]:
    """Values of the part `report`."""
    t = formatter.t
    status = daemon.status
    outages = [span for day in reversed(days) for span in reversed(day.down)]
    return {
        "report_rows": [_report_row(day, formatter) for day in reversed(days)],
        "report_outages": [_outage_row(span, formatter) for span in outages[:MAX_OUTAGES]],
        "report_more": max(0, len(outages) - MAX_OUTAGES),
        "report_says": t(
            "report.says",
            site=place.site or (status.site if status else "–"),
            device=place.gate or (status.device if status else "–"),
            days=len(days),
            at=formatter.date_time(now),
        ),
    }


def _report_row(day: ReportDay, formatter: LocaleFormatter) -> ReportRow:
    t = formatter.t
    most = max(day.hours)
    unknown = "" if day.known else t("report.unknown")
    return ReportRow(
        day=formatter.date(datetime(day.date.year, day.date.month, day.date.day, tzinfo=formatter.zone)),
        opening_hours=_opening_text(day, t),
        passes=formatter.number(day.passes),
        busiest=f"{day.hours.index(most):02}:00 ({formatter.number(most)})" if most else "–",
        down=unknown or _duration_text(day.down, t),
        down_while_open=unknown or _duration_text(day.down_while_open, t),
        lists_stale=unknown or _duration_text(day.lists_stale, t),
        hours=tuple(formatter.number(count) if count else "" for count in day.hours),
    )


def _opening_text(day: ReportDay, t: Translator) -> str:
    if day.opening_hours is None:
        return t("report.always")
    return ", ".join(f"{span.from_at:%H:%M}–{span.until_at:%H:%M}" for span in day.opening_hours) or t("report.closed")


def _outage_row(span: TimeSpan, formatter: LocaleFormatter) -> OutageRow:
    t = formatter.t
    cause = t("report.cause.known") if span.certain else t("report.cause.unwitnessed")
    return OutageRow(
        formatter.date_time(span.from_at), formatter.date_time(span.until_at), _duration_text((span,), t), cause
    )


def _duration_text(spans: tuple[TimeSpan, ...], t: Translator) -> str:
    """`2:05` hours and minutes, rounded up. With a sign if it is an upper bound."""
    minutes = -int(-availability_report.total_duration_s(spans) // 60)
    if not minutes:
        return "–"
    text = f"{minutes // 60}:{minutes % 60:02}"
    return text if all(span.certain for span in spans) else t("report.at-most", duration=text)


def report_values(language: str) -> dict[str, Any]:
    """Values of the report of the present application."""
    found = current_app.extensions[REPORT_EXTENSION]
    assert isinstance(found, AvailabilityReport)
    now, view = datetime.now(UTC), kiosk_view()
    daemon = view.daemon_status()
    days = found.days(now, online=daemon.online)
    return report_context(days, daemon, view.formatter(language), now, view.settings.place)


@report_page.get("/report")
def page() -> Response:
    """The report alone, to read or to print."""
    language = request_locale.request_language()
    shown = kiosk_view().status_values(language) | report_values(language)
    return request_locale.set_language_cookie(make_response(render_template("report.html", **shown)))
