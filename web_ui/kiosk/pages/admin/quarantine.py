"""Quarantine for the administrator: what the centre refused, why, and sending one or all of it again."""

import re
from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.messages import DIRECTION_TEXTS, OUTCOME_TEXTS, REASON_TEXTS
from kiosk.core.ports import StoreError
from kiosk.storage.queries.quarantine import QuarantineContents, QuarantinedEvent, read_quarantine
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.login_pages import render_page
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import Language, LocaleFormatter
from web_ui.i18n.texts_device import REJECTION_TEXTS
from web_ui.kiosk.pages.command_client import submit_command
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.view_model import message_for

quarantine_page = Blueprint("quarantine", __name__)

SEQ_PATTERN = re.compile(r"[1-9][0-9]{0,17}")


@quarantine_page.get("/admin/quarantine")
@access_control.require_role(Role.ADMIN)
def held() -> AnyResponse:
    """What is in it."""
    access_control.write_audit("look at the quarantine", "done")
    return _page()


@quarantine_page.post("/admin/quarantine")
@access_control.require_role(Role.ADMIN)
def release() -> AnyResponse:
    """Offer the centre one record (`seq`) or all (`seq` is `all`) once more."""
    wanted = request.form.get("seq", "")
    if wanted != "all" and not SEQ_PATTERN.fullmatch(wanted):
        return _page("quarantine.which", code=400)
    seq = None if wanted == "all" else int(wanted)
    given = submit_command(control_socket.ReleaseQuarantineCommand(seq), "all" if seq is None else f"record {seq}")
    if given.error:
        return _page(given.error, given.message, code=502)
    if not given.detail.get("released"):
        return _page("quarantine.gone", code=409)
    return _page(done="quarantine.released")


def _page(error: str = "", message: str = "", done: str = "", code: int = 200) -> AnyResponse:
    database, language = kiosk_view().settings.database, request_locale.request_language()
    found = QuarantineContents()
    try:
        found = read_quarantine(database)
    except StoreError:
        error, code = error or "day.unknown", code if error else 503
    writing = kiosk_view().formatter(language)
    rows = [_quarantine_row(each, language, writing) for each in found.events]
    return render_page(
        "quarantine.html",
        rows=rows,
        count=found.count,
        number=writing.number,
        error=error,
        said=message,
        done=done,
        code=code,
    )


def _quarantine_row(event: QuarantinedEvent, language: Language, formatter: LocaleFormatter) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "id": str(event.id),
        "time": formatter.date_time(event.occurred_at),
        "outcome": event.outcome,
        "word": message_for(OUTCOME_TEXTS, event.outcome, language),
        "way": message_for(DIRECTION_TEXTS, event.direction, language).capitalize() if event.direction else "",
        "reason": message_for(REASON_TEXTS, event.reason, language),
        "pseudonym": event.pseudonym,
        "why": event.rejection_reason,
        "why_said": REJECTION_TEXTS[event.rejection_reason].of(language)
        if event.rejection_reason in REJECTION_TEXTS
        else "",
        "refused": formatter.date_time(event.rejected_at),
        "times": formatter.number(event.rejection_count),
    }
