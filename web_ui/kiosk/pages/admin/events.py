"""The list of scans behind the login: filter, pages, and export as CSV."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.core.model import Outcome, Reason
from kiosk.core.ports import StoreError
from kiosk.storage.queries.events import EventFilter, EventPage, EventRow, find_events
from kiosk.system.csv_output import csv_text
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page

events_page = Blueprint("events", __name__, url_prefix="/admin/events")

MAX_SEQ = 2**62
MAX_EXPORTED = 20_000
"""Rows of one file. It is made in memory, 3 MB at most."""
FIRST_YEAR, LAST_YEAR = 1970, 2199
"""Years of events. Others are mistakes, and far ones cannot be converted to UTC."""
COLUMNS = ("time", "outcome", "direction", "reason", "kind", "pseudonym", "number")


@events_page.get("")
@access_control.require_role(Role.ADMIN)
def event_list() -> AnyResponse:
    """Events, newest first."""
    database = kiosk_view().settings.database
    wanted, wrong = _parse_filter()
    found, error = EventPage((), None), "events.filter" if wrong else ""
    if not wrong:
        access_control.write_audit("view-events", "done", request.query_string.decode("ascii", "replace"))
        try:
            found = find_events(database, wanted)
        except StoreError:
            error = "page.day.unknown"
    formatter = kiosk_view().formatter(request_locale.request_language())
    t = formatter.t
    rows = [_event_row(event, formatter) for event in found.events]
    older = (
        "?" + urlencode({**request.args.to_dict(), "before": found.next_before_seq}) if found.next_before_seq else ""
    )
    newest = "?" + urlencode({key: value for key, value in request.args.items() if key != "before"})
    return render_page(
        "events.html",
        rows=rows,
        older=older,
        newest=newest if wanted.before_seq else "",
        exported="/admin/events/export.csv" + newest,
        today=datetime.now(formatter.zone).date().isoformat(),
        outcomes=[(str(outcome), t(f"outcome-label.{outcome}")) for outcome in Outcome],
        reasons=[(str(reason), t(f"reason-label.{reason}")) for reason in Reason],
        filter=request.args,
        error=error,
        code=400 if wrong else 200,
    )


@events_page.get("/export.csv")
@access_control.require_role(Role.ADMIN)
def export() -> AnyResponse:
    """The events of the filter as a file, newest first, without what names a person."""
    wanted, wrong = _parse_filter()
    if wrong:
        abort(400)
    access_control.write_audit("export-events", "done", request.query_string.decode("ascii", "replace"))
    formatter = kiosk_view().formatter(request_locale.request_language())
    head = [formatter.t(f"events.{name}") for name in COLUMNS]
    try:
        rows = [_csv_row(event, formatter) for event in _all_events(replace(wanted, before_seq=None))]
    except StoreError:
        abort(503)
    name = f"{datetime.now(formatter.zone):%Y%m%d-%H%M}-events.csv"
    return Response(
        "\ufeff" + csv_text([head, *rows]),  # Excel reads UTF-8 only with this mark
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _all_events(wanted: EventFilter) -> Iterator[EventRow]:
    """At most MAX_EXPORTED. Raises StoreError."""
    count = 0
    while True:
        page = find_events(kiosk_view().settings.database, wanted)
        for event in page.events:
            count += 1
            yield event
            if count == MAX_EXPORTED:
                return
        if page.next_before_seq is None:
            return
        wanted = replace(wanted, before_seq=page.next_before_seq)


def _csv_row(event: EventRow, formatter: LocaleFormatter) -> list[object]:
    row = _event_row(event, formatter)
    at = event.at.astimezone(formatter.zone).isoformat(sep=" ", timespec="seconds")
    return [at[:19], row["word"], row["direction_word"], row["reason"], row["kind"], event.pseudonym, event.seq]


def _event_row(event: EventRow, formatter: LocaleFormatter) -> dict[str, str]:
    t = formatter.t
    return {
        "time": formatter.date_time(event.at),
        "seq": str(event.seq),
        "outcome": event.outcome,
        "word": t.code("outcome-label", event.outcome),
        "direction": event.direction or "",
        "direction_word": t.code("direction", event.direction) if event.direction else "",
        "reason": t.code("reason-label", event.reason),
        "kind": t.code("kind", event.kind) if event.kind else "",
        "pseudonym": event.pseudonym,
        "annulled": "yes" if event.annulled_by else "",
        "by_hand": " · ".join(_manual_action(event, formatter)),
    }


def _manual_action(event: EventRow, formatter: LocaleFormatter) -> Iterator[str]:
    """What a guard did, why, and with which record."""
    t = formatter.t
    if event.manual_reason:
        yield t.code("manual-reason", event.manual_reason)
    if event.annulled_by:
        yield t("undo.undone-by", number=formatter.number(event.annulled_by))
    if event.annuls:
        yield t("undo.undoes", number=formatter.number(event.annuls))


def _parse_filter() -> tuple[EventFilter, bool]:
    """The filter of the query string, and whether it is invalid."""
    given = request.args
    try:
        since, until = _local_midnight(given.get("since", "")), _local_midnight(given.get("until", ""))
        before = int(given["before"]) if given.get("before") else None
        if before is not None and not 0 < before <= MAX_SEQ:
            return EventFilter(), True
        outcome = Outcome(given["outcome"]).value if given.get("outcome") else ""
        reason = Reason(given["reason"]).value if given.get("reason") else ""
        until = until + timedelta(days=1) if until else None
    except ValueError:
        return EventFilter(), True
    return EventFilter(outcome, reason, since, until, before), False


def _local_midnight(text: str) -> datetime | None:
    """The start of a day at the site, from a date field. Raises ValueError."""
    if not text:
        return None
    day = date.fromisoformat(text)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(text)
    return datetime(day.year, day.month, day.day, tzinfo=kiosk_view().settings.zone)
