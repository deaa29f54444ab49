"""The administrator's first page (actions and their audit log) and the events."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.messages import DIRECTIONS, KINDS, OUTCOMES, REASONS
from kiosk.core.model import Outcome, Reason
from web_ui.auth import access_control
from web_ui.auth.accounts import Role, good_pin
from web_ui.auth.audit_log import Entry
from web_ui.auth.login_pages import page
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import Language, Writing
from web_ui.i18n.texts_admin import AUDIT, OFFICE
from web_ui.kiosk.data import event_query
from web_ui.kiosk.pages.command_client import give
from web_ui.kiosk.pages.kiosk_view import lookout
from web_ui.kiosk.pages.view_model import said, state_word, word

admin_pages = Blueprint("admin", __name__, url_prefix="/admin")

AUDIT_SHOWN = 100


def orders() -> dict[str, control_socket.Order]:
    """The buttons of the administrator's page."""
    lamps = {f"lamp-{outcome}": control_socket.ShowLamp(outcome) for outcome in Outcome}
    return {
        **lamps,
        "pause": control_socket.Pause(paused=True),
        "resume": control_socket.Pause(paused=False),
    }


@admin_pages.get("")
@access_control.needs(Role.ADMIN)
def home() -> AnyResponse:
    """Actions, and what was done."""
    return _home()


def _home(error: str = "", words: str = "", done: str = "", code: int = 200) -> AnyResponse:
    language = request_locale.language()
    writing = lookout().writing(language)
    entries = [_told(entry, language, writing) for entry in access_control.office().audit.last(AUDIT_SHOWN)]
    return page(
        "admin.html",
        state=lookout().truth().state,
        state_word=state_word(lookout().truth().state, language),
        entries=entries,
        has_pin=access_control.office().accounts.has_guard,
        error=error,
        said=words,
        done=done,
        code=code,
    )


def _told(entry: Entry, language: Language, writing: Writing) -> dict[str, str]:
    """A line of the audit log in words."""
    result = "broken" if entry.result in {"refused", "failed", "not heard"} else "ok" if entry.result == "done" else ""
    return {
        "time": writing.moment(datetime.fromisoformat(entry.at)),
        "who": word(AUDIT, entry.who, language),
        "address": entry.address,
        "what": word(AUDIT, entry.what, language),
        "result": word(AUDIT, entry.result, language),
        "grade": result,
        "detail": entry.detail,
    }


@admin_pages.post("/order/<name>")
@access_control.needs(Role.ADMIN)
def order(name: str) -> AnyResponse:
    """Give one order to the daemon."""
    wanted = orders().get(name)
    if wanted is None:
        return _home("order.unknown-here", code=404)
    given = give(wanted, name)
    return _home(given.error, given.said, code=502) if given.error else _home(done="order.done")


@admin_pages.post("/pin")
@access_control.needs(Role.ADMIN)
def pin() -> AnyResponse:
    """Set the guard's PIN, and log the guards out."""
    wanted = request.form.get("pin", "")
    if not good_pin(wanted):
        return _home("pin.form", code=400)
    access_control.office().accounts.set_pin(wanted)
    access_control.office().sessions.end_all(Role.GUARD)
    access_control.note("set the guard's PIN", "done")
    return _home(done="pin.done")


@admin_pages.get("/events")
@access_control.needs(Role.ADMIN)
def event_list() -> AnyResponse:
    """Passages, newest first."""
    database, language = lookout().settings.database, request_locale.language()
    wanted, wrong = _filter()
    found, error = event_query.Page((), None), "events.filter" if wrong else ""
    if not wrong:
        access_control.note("look at events", "done", request.query_string.decode("ascii", "replace"))
        try:
            if database is None:
                raise sqlite3.OperationalError("no database")
            found = event_query.find(database, wanted)
        except sqlite3.Error:
            error = "day.unknown"
    writing = lookout().writing(language)
    rows = [_row(event, language, writing) for event in found.events]
    older = "?" + urlencode({**request.args.to_dict(), "before": found.next_before}) if found.next_before else ""
    return page(
        "events.html",
        rows=rows,
        older=older,
        outcomes=[(str(outcome), said(OUTCOMES, outcome, language)) for outcome in Outcome],
        reasons=[(str(reason), said(REASONS, reason, language)) for reason in Reason],
        asked=request.args,
        error=error,
        code=400 if wrong else 200,
    )


def _row(event: event_query.Event, language: Language, writing: Writing) -> dict[str, str]:
    return {
        "time": writing.moment(event.at),
        "seq": str(event.seq),
        "outcome": event.outcome,
        "word": said(OUTCOMES, event.outcome, language),
        "direction": event.direction or "",
        "way": said(DIRECTIONS, event.direction, language).capitalize() if event.direction else "",
        "reason": said(REASONS, event.reason, language),
        "kind": said(KINDS, event.kind, language) if event.kind else "",
        "pseudonym": event.pseudonym,
        "annulled": "yes" if event.annulled_by else "",
        "by_hand": " · ".join(_by_hand(event, language, writing)),
    }


def _by_hand(event: event_query.Event, language: Language, writing: Writing) -> Iterator[str]:
    """What a guard did, why, and to which record."""
    if event.grounds:
        yield word(OFFICE, f"{'undo' if event.annuls else 'admit'}.{event.grounds}", language)
    if event.annulled_by:
        yield OFFICE["undo.undone-by"].of(language, number=writing.number(event.annulled_by))
    if event.annuls:
        yield OFFICE["undo.undoes"].of(language, number=writing.number(event.annuls))


def _filter() -> tuple[event_query.Filter, bool]:
    """The filter of the address line, and whether it is wrong."""
    given = request.args
    zone = lookout().settings.zone
    try:
        since = datetime.fromisoformat(given["since"]).replace(tzinfo=zone) if given.get("since") else None
        until = datetime.fromisoformat(given["until"]).replace(tzinfo=zone) if given.get("until") else None
        before = min(int(given["before"]), 2**62) if given.get("before") else None
        outcome = Outcome(given["outcome"]).value if given.get("outcome") else ""
        reason = Reason(given["reason"]).value if given.get("reason") else ""
        until = until + timedelta(days=1) if until else None
    except (ValueError, OverflowError):
        return event_query.Filter(), True
    return event_query.Filter(outcome, reason, since, until, before), False
