"""Quarantine for the administrator: what the centre refused, why, and sending one or all of it again."""

import re
import sqlite3
from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.messages import DIRECTIONS, OUTCOMES, REASONS
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.login_pages import page
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import Language, Writing
from web_ui.i18n.texts_device import REFUSED
from web_ui.kiosk.data import quarantine_query
from web_ui.kiosk.data.quarantine_query import Held, Quarantine
from web_ui.kiosk.pages.command_client import give
from web_ui.kiosk.pages.kiosk_view import lookout
from web_ui.kiosk.pages.view_model import said

quarantine_page = Blueprint("quarantine", __name__)

NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@quarantine_page.get("/admin/quarantine")
@access_control.needs(Role.ADMIN)
def held() -> AnyResponse:
    """What is in it."""
    access_control.note("look at the quarantine", "done")
    return _page()


@quarantine_page.post("/admin/quarantine")
@access_control.needs(Role.ADMIN)
def release() -> AnyResponse:
    """Offer the centre one record (`seq`) or all (`seq` is `all`) once more."""
    wanted = request.form.get("seq", "")
    if wanted != "all" and not NUMBER.fullmatch(wanted):
        return _page("quarantine.which", code=400)
    seq = None if wanted == "all" else int(wanted)
    given = give(control_socket.ReleaseQuarantine(seq), "all" if seq is None else f"record {seq}")
    if given.error:
        return _page(given.error, given.said, code=502)
    if not given.detail.get("released"):
        return _page("quarantine.gone", code=409)
    return _page(done="quarantine.released")


def _page(error: str = "", words: str = "", done: str = "", code: int = 200) -> AnyResponse:
    database, language = lookout().settings.database, request_locale.language()
    found = Quarantine()
    try:
        if database is None:
            raise sqlite3.OperationalError("no database")
        found = quarantine_query.find(database)
    except sqlite3.Error:
        error, code = error or "day.unknown", code if error else 503
    writing = lookout().writing(language)
    rows = [_row(each, language, writing) for each in found.held]
    return page(
        "quarantine.html",
        rows=rows,
        count=found.count,
        number=writing.number,
        error=error,
        said=words,
        done=done,
        code=code,
    )


def _row(each: Held, language: Language, writing: Writing) -> dict[str, Any]:
    return {
        "seq": each.seq,
        "id": str(each.id),
        "time": writing.moment(each.occurred_at),
        "outcome": each.outcome,
        "word": said(OUTCOMES, each.outcome, language),
        "way": said(DIRECTIONS, each.direction, language).capitalize() if each.direction else "",
        "reason": said(REASONS, each.reason, language),
        "pseudonym": each.pseudonym,
        "why": each.why,
        "why_said": REFUSED[each.why].of(language) if each.why in REFUSED else "",
        "refused": writing.moment(each.refused_at),
        "times": writing.number(each.times),
    }
