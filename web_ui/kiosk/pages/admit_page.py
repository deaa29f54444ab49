"""Manual admission ("khai hộ") by the guard, behind his PIN: for people with nothing to show."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.model import Direction, ManualReason
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.login_pages import render_page
from web_ui.kiosk.pages.command_client import submit_command

admit_page = Blueprint("admit", __name__)

ADMIT_REASONS = (ManualReason.NOTHING_TO_SHOW, ManualReason.UNREADABLE, ManualReason.ASSISTED, ManualReason.OTHER)
"""Why somebody is let through by hand; it stands in the record, and names nobody."""


@admit_page.route("/guard/admit", methods=["GET", "POST"])
@access_control.require_role(Role.GUARD)
def admit() -> AnyResponse:
    """Let one person through by hand; the gate lights and records as for a code."""
    if request.method == "GET":
        return render_page("admit.html", reasons=ADMIT_REASONS, error="")
    way, why = request.form.get("direction", ""), request.form.get("reason", "")
    if way not in set(Direction) or why not in ADMIT_REASONS:
        return render_page("admit.html", reasons=ADMIT_REASONS, error="admit.choose", code=400)
    given = submit_command(control_socket.AdmitCommand(Direction(way), ManualReason(why)), f"{way}, {why}")
    if given.error:
        return render_page("admit.html", reasons=ADMIT_REASONS, error=given.error, said=given.message, code=502)
    return redirect(url_for("pages.guard"))
