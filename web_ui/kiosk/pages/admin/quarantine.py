"""Quarantine for the administrator: records that the centre returned, why, and sending them again."""

import re
from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.ports import StoreError
from kiosk.storage.queries.quarantine import QuarantineContents, QuarantinedEvent, read_quarantine
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.pages.command_client import submit_command
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page

quarantine_page = Blueprint("quarantine", __name__)

SEQ_PATTERN = re.compile(r"[1-9][0-9]{0,17}")


@quarantine_page.get("/admin/quarantine")
@access_control.require_role(Role.ADMIN)
def held() -> AnyResponse:
    """The records in quarantine."""
    access_control.write_audit("view-quarantine", "done")
    return _page()


@quarantine_page.post("/admin/quarantine")
@access_control.require_role(Role.ADMIN)
def release() -> AnyResponse:
    """Send one record (`seq`) or all (`seq` is `all`) to the centre again."""
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
    database = kiosk_view().settings.database
    found = QuarantineContents()
    try:
        found = read_quarantine(database)
    except StoreError:
        error, code = error or "page.day.unknown", code if error else 503
    formatter = kiosk_view().formatter(request_locale.request_language())
    rows = [_quarantine_row(each, formatter) for each in found.events]
    return render_page(
        "quarantine.html",
        rows=rows,
        count=found.count,
        number=formatter.number,
        error=error,
        message=message,
        done=done,
        code=code,
    )


def _quarantine_row(event: QuarantinedEvent, formatter: LocaleFormatter) -> dict[str, Any]:
    t = formatter.t
    rejection = f"rejection.{event.rejection_reason}"
    return {
        "seq": event.seq,
        "id": str(event.id),
        "time": formatter.date_time(event.occurred_at),
        "outcome": event.outcome,
        "word": t.code("outcome-label", event.outcome),
        "direction_word": t.code("direction", event.direction) if event.direction else "",
        "reason": t.code("reason-label", event.reason),
        "pseudonym": event.pseudonym,
        "rejection_reason": event.rejection_reason,
        "rejection_text": t(rejection) if t.has(rejection) else "",
        "rejected_at": formatter.date_time(event.rejected_at),
        "rejection_count": formatter.number(event.rejection_count),
    }
