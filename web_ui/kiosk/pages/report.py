"""The inspectors' report as a page, and as what the printed status page carries."""

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template

from kiosk.core.rules import Hours
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import Language, Writing
from web_ui.kiosk.data import availability_report, report_query
from web_ui.kiosk.data.availability_report import Day, Span
from web_ui.kiosk.data.daemon_status import Truth
from web_ui.kiosk.pages.kiosk_view import lookout
from web_ui.kiosk.pages.status import translate
from web_ui.settings import PageSettings

report_page = Blueprint("report", __name__)
EXTENSION = "kiosk-report"
FRESH_S = 60.0
"""A week is not counted again for every look at the page."""
MOST_OUTAGES = 20


class Report:
    """The last days of one kiosk; any thread, counted at most once a minute."""

    def __init__(self, settings: PageSettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._opens = tuple(Hours.parse(text) for text in settings.opens)
        self._monotonic = monotonic
        self._asking = threading.Lock()
        self._counted: tuple[float, tuple[Day, ...]] | None = None

    def days(self, now: datetime, *, live: bool) -> tuple[Day, ...]:
        """Oldest first; empty where the database cannot be asked."""
        with self._asking:
            now_s = self._monotonic()
            if self._counted is None or now_s - self._counted[0] >= FRESH_S:
                self._counted = (now_s, self._count(now, live=live))
            return self._counted[1]

    def _count(self, now: datetime, *, live: bool) -> tuple[Day, ...]:
        if self._settings.database is None:
            return ()
        zone = self._settings.zone
        since = availability_report.midnight(
            now.astimezone(zone).date() - timedelta(days=availability_report.DAYS - 1), zone
        )
        try:
            records = report_query.read(self._settings.database, since.astimezone(UTC))
        except sqlite3.Error:
            return ()
        return availability_report.days(records, now, live=live, zone=zone, opens=self._opens)


@dataclass(frozen=True, slots=True)
class Row:
    """One day as the table tells it."""

    day: str
    opens: str
    passes: str
    busiest: str
    down: str
    down_open: str
    stale: str
    hours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outage:
    """One time out of service."""

    from_at: str
    until_at: str
    length: str
    why: str


def context(days: tuple[Day, ...], truth: Truth, language: Language, writing: Writing, now: datetime) -> dict[str, Any]:
    """What the part `report` is given."""
    t = translate(language)
    status = truth.status
    outages = [span for day in reversed(days) for span in reversed(day.down)]
    return {
        "report_rows": [_row(day, t, writing) for day in reversed(days)],
        "report_outages": [_outage(span, t, writing) for span in outages[:MOST_OUTAGES]],
        "report_more": max(0, len(outages) - MOST_OUTAGES),
        "report_says": t(
            "report.says",
            site=status.site if status else "–",
            device=status.device if status else "–",
            days=len(days),
            at=writing.moment(now),
        ),
    }


def _row(day: Day, t: Callable[..., str], writing: Writing) -> Row:
    most = max(day.hours)
    unknown = "" if day.known else t("report.unknown")
    return Row(
        day=writing.day(datetime(day.date.year, day.date.month, day.date.day, tzinfo=writing.zone)),
        opens=_opening(day, t),
        passes=writing.number(day.passes),
        busiest=f"{day.hours.index(most):02}:00 ({writing.number(most)})" if most else "–",
        down=unknown or _length(day.down, t),
        down_open=unknown or _length(day.down_while_open, t),
        stale=unknown or _length(day.stale, t),
        hours=tuple(writing.number(count) if count else "" for count in day.hours),
    )


def _opening(day: Day, t: Callable[..., str]) -> str:
    if day.opens is None:
        return t("report.always")
    return ", ".join(f"{span.from_at:%H:%M}–{span.until_at:%H:%M}" for span in day.opens) or t("report.closed")


def _outage(span: Span, t: Callable[..., str], writing: Writing) -> Outage:
    why = "report.why.known" if span.certain else "report.why.unwitnessed"
    return Outage(writing.moment(span.from_at), writing.moment(span.until_at), _length((span,), t), t(why))


def _length(spans: tuple[Span, ...], t: Callable[..., str]) -> str:
    """`2:05` hours and minutes, rounded up; with a sign where it is an upper bound."""
    minutes = -int(-availability_report.total_s(spans) // 60)
    if not minutes:
        return "–"
    text = f"{minutes // 60}:{minutes % 60:02}"
    return text if all(span.certain for span in spans) else t("report.at-most", length=text)


def values(language: Language) -> dict[str, Any]:
    """The report of the application that answers the present request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Report)
    now, truth = datetime.now(UTC), lookout().truth()
    return context(found.days(now, live=truth.live), truth, language, lookout().writing(language), now)


@report_page.get("/report")
def page() -> Response:
    """The report alone, to read or to print."""
    language = request_locale.language()
    shown = lookout().status_page(language) | values(language)
    return request_locale.remember(make_response(render_template("report.html", **shown)))
