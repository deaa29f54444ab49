"""The audit log behind the login: changes by default, all entries on demand, page by page."""

from datetime import datetime
from itertools import islice

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.audit_log import AuditEntry
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page

audit_page = Blueprint("audit", __name__, url_prefix="/admin/audit")

ROWS_PER_PAGE = 50
HOME_ROWS = 5
MAX_PAGE = 400
"""Two files of 1 MB have fewer entries."""
LOOKS = frozenset(
    (
        "view-events", "view-log", "view-quarantine", "capture-preview", "check-configuration", "show-signal",
        "export-events", "login", "logout",
    )
)  # fmt: skip
"""Actions that change nothing."""
SHOWN = ("changes", "all")


@audit_page.get("")
@access_control.require_role(Role.ADMIN)
def audit() -> AnyResponse:
    """Entries, newest first."""
    shown = request.args.get("show", "")
    shown = shown if shown in SHOWN else SHOWN[0]
    given = request.args.get("page", "")
    page = min(int(given), MAX_PAGE) if given.isascii() and given.isdecimal() and len(given) < 6 else 0
    formatter = kiosk_view().formatter(request_locale.request_language())
    found = access_control.auth_context().audit_log.entries()
    wanted = (entry for entry in found if shown == "all" or is_change(entry))
    first = page * ROWS_PER_PAGE
    rows = [audit_row(entry, formatter) for entry in islice(wanted, first, first + ROWS_PER_PAGE + 1)]
    return render_page(
        "audit.html",
        entries=rows[:ROWS_PER_PAGE],
        shown=shown,
        page=page,
        has_older=len(rows) > ROWS_PER_PAGE,
    )


def is_change(entry: AuditEntry) -> bool:
    """Whether the action changed something, or tried to. Of an action, its result counts, not its request."""
    return entry.action not in LOOKS and entry.result != "requested"


def newest_changes(formatter: LocaleFormatter) -> list[dict[str, str]]:
    """For the first page."""
    found = access_control.auth_context().audit_log.entries()
    return [audit_row(entry, formatter) for entry in islice(filter(is_change, found), HOME_ROWS)]


def audit_row(entry: AuditEntry, formatter: LocaleFormatter) -> dict[str, str]:
    """One entry in words."""
    t = formatter.t
    status = (
        "fail" if entry.result in {"refused", "failed", "unreachable"} else "pass" if entry.result == "done" else ""
    )
    return {
        "time": formatter.date_time(datetime.fromisoformat(entry.at)),
        "actor": f"{t.code('audit.actor', entry.actor)}{f' ({entry.name})' if entry.name else ''}",
        "address": entry.address,
        "action": t.code("audit.action", entry.action),
        "result": t.code("audit.result", entry.result),
        "status": status,
        "detail": entry.detail,
    }
