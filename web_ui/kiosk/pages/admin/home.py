"""The administrator's first page (actions and their audit log) and the events."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.messages import DIRECTION_TEXTS, KIND_TEXTS, OUTCOME_TEXTS, REASON_TEXTS
from kiosk.core.model import Outcome, Reason
from kiosk.core.ports import StoreError
from kiosk.storage.queries.events import EventFilter, EventPage, EventRow, find_events
from web_ui.auth import access_control
from web_ui.auth.accounts import Role, is_valid_pin
from web_ui.auth.audit_log import AuditEntry
from web_ui.auth.login_pages import render_page
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import Language, LocaleFormatter
from web_ui.i18n.texts_admin import ADMIN_TEXTS, AUDIT_TEXTS
from web_ui.kiosk.pages.command_client import submit_command
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.view_model import message_for, state_label, text_for

admin_pages = Blueprint("admin", __name__, url_prefix="/admin")

MAX_AUDIT_ROWS = 100


def commands() -> dict[str, control_socket.Command]:
    """The buttons of the administrator's page."""
    lamps = {f"lamp-{outcome}": control_socket.ShowSignalCommand(outcome) for outcome in Outcome}
    return {
        **lamps,
        "pause": control_socket.PauseCommand(paused=True),
        "resume": control_socket.PauseCommand(paused=False),
    }


@admin_pages.get("")
@access_control.require_role(Role.ADMIN)
def home() -> AnyResponse:
    """Actions, and what was done."""
    return _admin_home()


def _admin_home(error: str = "", message: str = "", done: str = "", code: int = 200) -> AnyResponse:
    language = request_locale.request_language()
    writing = kiosk_view().formatter(language)
    entries = [
        _audit_row(entry, language, writing) for entry in access_control.auth_context().audit_log.newest(MAX_AUDIT_ROWS)
    ]
    return render_page(
        "admin.html",
        state=kiosk_view().daemon_status().state,
        state_word=state_label(kiosk_view().daemon_status().state, language),
        entries=entries,
        has_pin=access_control.auth_context().accounts.has_guard,
        error=error,
        said=message,
        done=done,
        code=code,
    )


def _audit_row(entry: AuditEntry, language: Language, formatter: LocaleFormatter) -> dict[str, str]:
    """A line of the audit log in words."""
    result = "broken" if entry.result in {"refused", "failed", "not heard"} else "ok" if entry.result == "done" else ""
    return {
        "time": formatter.date_time(datetime.fromisoformat(entry.at)),
        "who": text_for(AUDIT_TEXTS, entry.actor, language),
        "address": entry.address,
        "what": text_for(AUDIT_TEXTS, entry.action, language),
        "result": text_for(AUDIT_TEXTS, entry.result, language),
        "grade": result,
        "detail": entry.detail,
    }


@admin_pages.post("/order/<name>")
@access_control.require_role(Role.ADMIN)
def order(name: str) -> AnyResponse:
    """Give one order to the daemon."""
    wanted = commands().get(name)
    if wanted is None:
        return _admin_home("order.unknown-here", code=404)
    given = submit_command(wanted, name)
    return _admin_home(given.error, given.message, code=502) if given.error else _admin_home(done="order.done")


@admin_pages.post("/pin")
@access_control.require_role(Role.ADMIN)
def pin() -> AnyResponse:
    """Set the guard's PIN, and log the guards out."""
    wanted = request.form.get("pin", "")
    if not is_valid_pin(wanted):
        return _admin_home("pin.form", code=400)
    access_control.auth_context().accounts.set_guard_pin(wanted)
    access_control.auth_context().sessions.end_all(Role.GUARD)
    access_control.write_audit("set the guard's PIN", "done")
    return _admin_home(done="pin.done")


@admin_pages.get("/events")
@access_control.require_role(Role.ADMIN)
def event_list() -> AnyResponse:
    """Passages, newest first."""
    database, language = kiosk_view().settings.database, request_locale.request_language()
    wanted, wrong = _parse_filter()
    found, error = EventPage((), None), "events.filter" if wrong else ""
    if not wrong:
        access_control.write_audit("look at events", "done", request.query_string.decode("ascii", "replace"))
        try:
            found = find_events(database, wanted)
        except StoreError:
            error = "day.unknown"
    writing = kiosk_view().formatter(language)
    rows = [_event_row(event, language, writing) for event in found.events]
    older = (
        "?" + urlencode({**request.args.to_dict(), "before": found.next_before_seq}) if found.next_before_seq else ""
    )
    return render_page(
        "events.html",
        rows=rows,
        older=older,
        outcomes=[(str(outcome), message_for(OUTCOME_TEXTS, outcome, language)) for outcome in Outcome],
        reasons=[(str(reason), message_for(REASON_TEXTS, reason, language)) for reason in Reason],
        asked=request.args,
        error=error,
        code=400 if wrong else 200,
    )


def _event_row(event: EventRow, language: Language, formatter: LocaleFormatter) -> dict[str, str]:
    return {
        "time": formatter.date_time(event.at),
        "seq": str(event.seq),
        "outcome": event.outcome,
        "word": message_for(OUTCOME_TEXTS, event.outcome, language),
        "direction": event.direction or "",
        "way": message_for(DIRECTION_TEXTS, event.direction, language).capitalize() if event.direction else "",
        "reason": message_for(REASON_TEXTS, event.reason, language),
        "kind": message_for(KIND_TEXTS, event.kind, language) if event.kind else "",
        "pseudonym": event.pseudonym,
        "annulled": "yes" if event.annulled_by else "",
        "by_hand": " · ".join(_manual_action(event, language, formatter)),
    }


def _manual_action(event: EventRow, language: Language, formatter: LocaleFormatter) -> Iterator[str]:
    """What a guard did, why, and to which record."""
    if event.manual_reason:
        yield text_for(ADMIN_TEXTS, f"{'undo' if event.annuls else 'admit'}.{event.manual_reason}", language)
    if event.annulled_by:
        yield ADMIN_TEXTS["undo.undone-by"].of(language, number=formatter.number(event.annulled_by))
    if event.annuls:
        yield ADMIN_TEXTS["undo.undoes"].of(language, number=formatter.number(event.annuls))


def _parse_filter() -> tuple[EventFilter, bool]:
    """The filter of the address line, and whether it is wrong."""
    given = request.args
    zone = kiosk_view().settings.zone
    try:
        since = datetime.fromisoformat(given["since"]).replace(tzinfo=zone) if given.get("since") else None
        until = datetime.fromisoformat(given["until"]).replace(tzinfo=zone) if given.get("until") else None
        before = min(int(given["before"]), 2**62) if given.get("before") else None
        outcome = Outcome(given["outcome"]).value if given.get("outcome") else ""
        reason = Reason(given["reason"]).value if given.get("reason") else ""
        until = until + timedelta(days=1) if until else None
    except (ValueError, OverflowError):
        return EventFilter(), True
    return EventFilter(outcome, reason, since, until, before), False
