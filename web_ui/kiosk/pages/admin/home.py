"""The administrator's first page: how the gate is, the likeliest tasks, and the newest changes."""

from collections.abc import Iterator

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.model import Outcome
from kiosk.core.ports import StoreError
from kiosk.core.status import PauseReason
from kiosk.storage.queries.commands import newest_commands
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.pages.admin.audit import newest_changes
from web_ui.kiosk.pages.command_client import submit_command
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page
from web_ui.kiosk.pages.report.period import presets
from web_ui.kiosk.pages.view_model import check_rows, status_header

admin_pages = Blueprint("admin", __name__, url_prefix="/admin")

MAX_REMOTE_ROWS = 20
SYSTEM_CHECKS = ("release", "release-trial", "os-updates")
"""Codes of the checks about software, which an administrator sees on the first page."""
PAUSE_MINUTES = (15, 60, 240, 0)
"""How long a pause lasts. 0: until a person ends it."""


def commands() -> dict[str, control_socket.Command]:
    """The commands of the buttons on the administrator's page."""
    signals = {f"signal-{outcome}": control_socket.ShowSignalCommand(outcome) for outcome in Outcome}
    return {
        **signals,
        "resume": control_socket.PauseCommand(paused=False),
        "acknowledge-release": control_socket.AcknowledgeReleaseCommand(),
    }


@admin_pages.get("")
@access_control.require_role(Role.ADMIN)
def home() -> AnyResponse:
    """State, tasks and the newest changes."""
    return _admin_home()


def _admin_home(error: str = "", message: str = "", done: str = "", code: int = 200) -> AnyResponse:
    view = kiosk_view()
    formatter, daemon, now = view.formatter(request_locale.request_language()), view.daemon_status(), view.now()
    header = status_header(daemon, now, formatter)
    checks = check_rows(daemon.status, formatter.t) if daemon.online else ()
    today = now.astimezone(formatter.zone).date()
    return render_page(
        "admin.html",
        header=header,
        checks=checks,
        failing=[check for check in header.failing_checks if check.code not in SYSTEM_CHECKS],
        is_paused=bool(daemon.online and daemon.status and daemon.status.pause),
        pause_reasons=tuple(PauseReason),
        pause_minutes=PAUSE_MINUTES,
        today=today.isoformat(),
        last_month=presets(today)["last-month"],
        system_checks=[check for check in checks if check.code in SYSTEM_CHECKS],
        entries=newest_changes(formatter),
        remote_commands=list(_remote_commands(formatter)),
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


@admin_pages.post("/command/<name>")
@access_control.require_role(Role.ADMIN)
def command(name: str) -> AnyResponse:
    """Send one command to the daemon."""
    wanted = commands().get(name)
    if wanted is None:
        return _admin_home("command.unsupported-command", code=404)
    return _submit(wanted, name)


@admin_pages.post("/pause")
@access_control.require_role(Role.ADMIN)
def pause() -> AnyResponse:
    """Pause the gate, for a reason and a time."""
    reason, minutes = request.form.get("reason", ""), request.form.get("minutes", "")
    if reason not in set(PauseReason) or minutes not in map(str, PAUSE_MINUTES):
        return _admin_home("pause.choose", code=400)
    duration_s = 60.0 * int(minutes) or None
    wanted = control_socket.PauseCommand(paused=True, reason=PauseReason(reason), duration_s=duration_s)
    return _submit(wanted, f"{reason}, {minutes} min" if duration_s else reason)


def _submit(wanted: control_socket.Command, detail: str) -> AnyResponse:
    given = submit_command(wanted, detail)
    return _admin_home(given.error, given.message, code=502) if given.error else _admin_home(done="command.done")
