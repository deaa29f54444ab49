"""Manual admission ("khai hộ") by the guard, behind his PIN: for people with nothing to show."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.core.model import Direction, Grounds
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.login_pages import page
from web_ui.kiosk.pages.command_client import give

admit_page = Blueprint("admit", __name__)

REASONS = (Grounds.NOTHING_TO_SHOW, Grounds.UNREADABLE, Grounds.HELPED, Grounds.OTHER)
"""Why somebody is let through by hand; it stands in the record, and names nobody."""


@admit_page.route("/guard/admit", methods=["GET", "POST"])
@access_control.needs(Role.GUARD)
def admit() -> AnyResponse:
    """Let one person through by hand; the gate lights and records as for a code."""
    if request.method == "GET":
        return page("admit.html", reasons=REASONS, error="")
    way, why = request.form.get("direction", ""), request.form.get("reason", "")
    if way not in set(Direction) or why not in REASONS:
        return page("admit.html", reasons=REASONS, error="admit.choose", code=400)
    given = give(control_socket.Admit(Direction(way), Grounds(why)), f"{way}, {why}")
    if given.error:
        return page("admit.html", reasons=REASONS, error=given.error, said=given.said, code=502)
    return redirect(url_for("pages.guard"))
