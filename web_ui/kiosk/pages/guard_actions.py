"""Undoing the last passage by the guard, behind his PIN: he sees which one it is, says why, and a record annuls it."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.messages import DIRECTION_TEXTS, KIND_TEXTS, REASON_TEXTS
from kiosk.core.model import ManualReason
from kiosk.core.reversal import UndoRefusal
from kiosk.core.status import UndoStatus
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.login_pages import render_page
from web_ui.i18n import request_locale
from web_ui.kiosk.pages.command_client import submit_command
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.view_model import message_for, parse_time

undo_page = Blueprint("undo", __name__)

UNDO_REASONS = (ManualReason.TURNED_BACK, ManualReason.WRONG_PERSON, ManualReason.MISTAKE, ManualReason.OTHER)
"""Why a passage is undone; it stands in the record, and names nobody."""
MAX_SEQ_DIGITS = 16


@undo_page.route("/guard/undo", methods=["GET", "POST"])
@access_control.require_role(Role.GUARD, next_page="undo")
def undo() -> AnyResponse:
    """Take the last passage back; only the one that the guard was shown."""
    if request.method == "GET":
        return _undo_form()
    why, seq = request.form.get("reason", ""), request.form.get("seq", "")
    if why not in UNDO_REASONS or not (seq.isascii() and seq.isdecimal() and len(seq) <= MAX_SEQ_DIGITS):
        return _undo_form("undo.choose", code=400)
    given = submit_command(control_socket.UndoCommand(ManualReason(why), int(seq)), f"{seq}, {why}")
    if not given.error:
        return redirect(url_for("pages.guard"))
    if given.error.removeprefix("order.") in set(UndoRefusal):
        return _undo_form(given.error, code=409)
    return _undo_form(given.error, message=given.message, code=502)


def _undo_form(error: str = "", *, message: str = "", code: int = 200) -> AnyResponse:
    truth = kiosk_view().daemon_status()
    last = truth.status.undo if truth.online and truth.status else None
    return render_page(
        "undo.html", last=_undo_row(last) if last else None, grounds=UNDO_REASONS, error=error, said=message, code=code
    )


def _undo_row(last: UndoStatus) -> dict[str, Any]:
    """The passage in words: the guard must be able to tell whether it is the one that he means."""
    language = request_locale.request_language()
    writing = kiosk_view().formatter(language)
    return {
        "seq": last.seq,
        "direction": last.direction,
        "way": message_for(DIRECTION_TEXTS, last.direction, language).capitalize(),
        "time": writing.time_of_day(parse_time(last.at)),
        "what": message_for(KIND_TEXTS, last.kind, language).capitalize()
        if last.kind
        else message_for(REASON_TEXTS, last.reason, language),
        "number": writing.number(last.seq),
    }
