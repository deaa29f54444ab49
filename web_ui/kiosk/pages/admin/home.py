"""The administrator's first page with actions and audit log, and the list of scans."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.model import Outcome, Reason
from kiosk.core.ports import StoreError
from kiosk.storage.queries.commands import newest_commands
from kiosk.storage.queries.events import EventFilter, EventPage, EventRow, find_events
from web_ui.auth import access_control
from web_ui.auth.accounts import Role, is_valid_pin
from web_ui.auth.audit_log import AuditEntry
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.pages.command_client import submit_command
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page
from web_ui.kiosk.pages.view_model import check_rows, shown_state

admin_pages = Blueprint("admin", __name__, url_prefix="/admin")

MAX_AUDIT_ROWS = 100
MAX_REMOTE_ROWS = 20
MAX_SEQ = 2**62
SYSTEM_CHECKS = ("release", "release-trial", "os-updates")
"""Codes of the checks about software, which an administrator sees on the first page."""
FIRST_YEAR, LAST_YEAR = 1970, 2199
"""Years of events. Others are mistakes, and far ones cannot be converted to UTC."""


def commands() -> dict[str, control_socket.Command]:
    """The commands of the buttons on the administrator's page."""
    signals = {f"signal-{outcome}": control_socket.ShowSignalCommand(outcome) for outcome in Outcome}
    return {
        **signals,
        "pause": control_socket.PauseCommand(paused=True),
        "resume": control_socket.PauseCommand(paused=False),
        "acknowledge-release": control_socket.AcknowledgeReleaseCommand(),
    }


@admin_pages.get("")
@access_control.require_role(Role.ADMIN)
def home() -> AnyResponse:
    """Actions and the audit log."""
    return _admin_home()


def _admin_home(error: str = "", message: str = "", done: str = "", code: int = 200) -> AnyResponse:
    formatter = kiosk_view().formatter(request_locale.request_language())
    daemon = kiosk_view().daemon_status()
    state = shown_state(daemon)
    checks = check_rows(daemon.status, formatter.t) if daemon.online else ()
    entries = [_audit_row(entry, formatter) for entry in access_control.auth_context().audit_log.newest(MAX_AUDIT_ROWS)]
    return render_page(
        "admin.html",
        state=state,
        state_word=formatter.t.code("state", state),
        system_checks=[check for check in checks if check.code in SYSTEM_CHECKS],
        entries=entries,
        remote_commands=list(_remote_commands(formatter)),
        has_pin=access_control.auth_context().accounts.has_guard,
        error=error,
        message=message,
        done=done,
        code=code,
    )


def _remote_commands(formatter: LocaleFormatter) -> Iterator[dict[str, str]]:
    """The newest commands of the centre to this device."""
    try:
        found = newest_commands(kiosk_view().settings.database, MAX_REMOTE_ROWS)
    except StoreError:
        return
    for entry in found:
        yield {
            "time": formatter.date_time(entry.at),
            "actor": entry.requested_by,
            "name": formatter.t.code("centre.command.name", entry.name),
            "reason": entry.reason,
            "result": formatter.t.code("remote.result", entry.result),
            "status": {"done": "pass", "failed": "fail"}.get(entry.result, ""),
        }


def _audit_row(entry: AuditEntry, formatter: LocaleFormatter) -> dict[str, str]:
    """One entry of the audit log in words."""
    t = formatter.t
    status = (
        "fail" if entry.result in {"refused", "failed", "unreachable"} else "pass" if entry.result == "done" else ""
    )
    return {
        "time": formatter.date_time(datetime.fromisoformat(entry.at)),
        "actor": t.code("audit.actor", entry.actor),
        "address": entry.address,
        "action": t.code("audit.action", entry.action),
        "result": t.code("audit.result", entry.result),
        "status": status,
        "detail": entry.detail,
    }


@admin_pages.post("/command/<name>")
@access_control.require_role(Role.ADMIN)
def command(name: str) -> AnyResponse:
    """Send one command to the daemon."""
    wanted = commands().get(name)
    if wanted is None:
        return _admin_home("command.unsupported-command", code=404)
    given = submit_command(wanted, name)
    return _admin_home(given.error, given.message, code=502) if given.error else _admin_home(done="command.done")


@admin_pages.post("/pin")
@access_control.require_role(Role.ADMIN)
def pin() -> AnyResponse:
    """Set the guard's PIN and log all guards out."""
    wanted = request.form.get("pin", "")
    if not is_valid_pin(wanted):
        return _admin_home("pin.form", code=400)
    access_control.write_audit("set-pin", "requested")
    access_control.auth_context().accounts.set_guard_pin(wanted)
    access_control.auth_context().sessions.end_all(Role.GUARD)
    access_control.write_audit_result("set-pin", "done")
    return _admin_home(done="pin.done")


@admin_pages.get("/events")
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
    return render_page(
        "events.html",
        rows=rows,
        older=older,
        outcomes=[(str(outcome), t(f"outcome-label.{outcome}")) for outcome in Outcome],
        reasons=[(str(reason), t(f"reason-label.{reason}")) for reason in Reason],
        filter=request.args,
        error=error,
        code=400 if wrong else 200,
    )


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
