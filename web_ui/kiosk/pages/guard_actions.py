"""What the guard does by hand, behind the PIN: let one person through without a code, and undo the last event."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.model import Direction, ManualReason
from kiosk.core.reversal import UndoRefusal
from kiosk.core.status import UndoStatus
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.i18n import request_locale
from web_ui.kiosk.pages.command_client import submit_command
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page
from web_ui.kiosk.pages.view_model import parse_time

guard_actions = Blueprint("guard_actions", __name__)

ADMIT_REASONS = (ManualReason.NOTHING_TO_SHOW, ManualReason.UNREADABLE, ManualReason.ASSISTED, ManualReason.OTHER)
"""Why a person is let through by hand. The record contains the reason and no name."""
UNDO_REASONS = (ManualReason.TURNED_BACK, ManualReason.WRONG_PERSON, ManualReason.MISTAKE, ManualReason.OTHER)
"""Why an event is undone. The record contains the reason and no name."""
MAX_SEQ_DIGITS = 16


@guard_actions.route("/guard/admit", methods=["GET", "POST"])
@access_control.require_role(Role.GUARD)
def admit() -> AnyResponse:
    """Let one person through. Lamp and record are as for a code."""
    if request.method == "GET":
        return render_page("admit.html", reasons=ADMIT_REASONS)
    direction, reason = request.form.get("direction", ""), request.form.get("reason", "")
    if direction not in set(Direction) or reason not in ADMIT_REASONS:
        return render_page("admit.html", reasons=ADMIT_REASONS, error="admit.choose", code=400)
    command = control_socket.AdmitCommand(Direction(direction), ManualReason(reason))
    result = submit_command(command, f"{direction}, {reason}")
    if result.error:
        return render_page("admit.html", reasons=ADMIT_REASONS, error=result.error, message=result.message, code=502)
    return redirect(url_for("pages.guard"))


@guard_actions.route("/guard/undo", methods=["GET", "POST"])
@access_control.require_role(Role.GUARD, next_page="undo")
def undo() -> AnyResponse:
    """Undo the last event, and only the one that the guard was shown."""
    if request.method == "GET":
        return _undo_form()
    reason, seq = request.form.get("reason", ""), request.form.get("seq", "")
    if reason not in UNDO_REASONS or not (seq.isascii() and seq.isdecimal() and len(seq) <= MAX_SEQ_DIGITS):
        return _undo_form("undo.choose", code=400)
    result = submit_command(control_socket.UndoCommand(ManualReason(reason), int(seq)), f"{seq}, {reason}")
    if not result.error:
        return redirect(url_for("pages.guard"))
    if result.error.removeprefix("command.") in set(UndoRefusal):
        return _undo_form(result.error, code=409)
    return _undo_form(result.error, message=result.message, code=502)


def _undo_form(error: str = "", *, message: str = "", code: int = 200) -> AnyResponse:
    daemon = kiosk_view().daemon_status()
    last = daemon.status.undo if daemon.online and daemon.status else None
    row = _undo_row(last) if last else None
    return render_page("undo.html", last=row, reasons=UNDO_REASONS, error=error, message=message, code=code)


def _undo_row(last: UndoStatus) -> dict[str, Any]:
    """The event in words. The guard must see whether it is the right one."""
    formatter = kiosk_view().formatter(request_locale.request_language())
    t = formatter.t
    return {
        "seq": last.seq,
        "direction": last.direction,
        "direction_word": t.code("direction", last.direction),
        "time": formatter.time_of_day(parse_time(last.at)),
        "what": t.code("kind", last.kind) if last.kind else t.code("reason", last.reason),
        "number": formatter.number(last.seq),
    }
