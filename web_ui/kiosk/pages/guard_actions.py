"""Undoing the last passage by the guard, behind his PIN: he sees which one it is, says why, and a record annuls it."""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.messages import DIRECTIONS, KINDS, REASONS
from kiosk.core.model import Grounds
from kiosk.core.reversal import WhyNot
from kiosk.core.status import UndoStatus
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.login_pages import page
from web_ui.i18n import request_locale
from web_ui.kiosk.pages.command_client import give
from web_ui.kiosk.pages.kiosk_view import lookout
from web_ui.kiosk.pages.view_model import moment, said

undo_page = Blueprint("undo", __name__)

GROUNDS = (Grounds.TURNED_BACK, Grounds.WRONG_PERSON, Grounds.BY_MISTAKE, Grounds.OTHER)
"""Why a passage is undone; it stands in the record, and names nobody."""
MAX_SEQ_DIGITS = 16


@undo_page.route("/guard/undo", methods=["GET", "POST"])
@access_control.needs(Role.GUARD, then="undo")
def undo() -> AnyResponse:
    """Take the last passage back; only the one that the guard was shown."""
    if request.method == "GET":
        return _shown()
    why, seq = request.form.get("reason", ""), request.form.get("seq", "")
    if why not in GROUNDS or not (seq.isascii() and seq.isdecimal() and len(seq) <= MAX_SEQ_DIGITS):
        return _shown("undo.choose", code=400)
    given = give(control_socket.Undo(Grounds(why), int(seq)), f"{seq}, {why}")
    if not given.error:
        return redirect(url_for("pages.guard"))
    if given.error.removeprefix("order.") in set(WhyNot):
        return _shown(given.error, code=409)
    return _shown(given.error, words=given.said, code=502)


def _shown(error: str = "", *, words: str = "", code: int = 200) -> AnyResponse:
    truth = lookout().truth()
    last = truth.status.undo if truth.live and truth.status else None
    return page("undo.html", last=_told(last) if last else None, grounds=GROUNDS, error=error, said=words, code=code)


def _told(last: UndoStatus) -> dict[str, Any]:
    """The passage in words: the guard must be able to tell whether it is the one that he means."""
    language = request_locale.language()
    writing = lookout().writing(language)
    return {
        "seq": last.seq,
        "direction": last.direction,
        "way": said(DIRECTIONS, last.direction, language).capitalize(),
        "time": writing.clock(moment(last.at)),
        "what": said(KINDS, last.kind, language).capitalize() if last.kind else said(REASONS, last.reason, language),
        "number": writing.number(last.seq),
    }
