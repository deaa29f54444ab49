"""The guards of this gate: the administrator gives each a name and a PIN, and takes them away."""

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.guards import MAX_NAME_LENGTH, GuardError, clean_name
from web_ui.kiosk.pages.rendering import render_page

guards_page = Blueprint("guards", __name__, url_prefix="/admin/guards")


@guards_page.get("")
@access_control.require_role(Role.ADMIN)
def guards() -> AnyResponse:
    """All guards, and a form for one more."""
    return _page()


@guards_page.post("")
@access_control.require_role(Role.ADMIN)
def set_pin() -> AnyResponse:
    """Add a guard, or give one a new PIN. It ends the logins with the old one."""
    context, wanted = access_control.auth_context(), request.form.get("name", "")
    try:
        name = clean_name(wanted)
        access_control.write_audit("set-pin", "requested", name)
        context.guards.set_pin(name, request.form.get("pin", ""))
    except GuardError as error:
        return _page(f"guards.refused.{error.code}", name=wanted, code=400)
    context.sessions.end_all(Role.GUARD, name)
    access_control.write_audit_result("set-pin", "done", name)
    return _page(done="guards.done")


@guards_page.post("/remove")
@access_control.require_role(Role.ADMIN)
def remove() -> AnyResponse:
    """Take the PIN of a guard away, and end their logins."""
    context, name = access_control.auth_context(), request.form.get("name", "")
    if name not in context.guards.names():
        return _page("guards.gone", code=404)
    access_control.write_audit("remove-guard", "requested", name)
    context.guards.remove(name)
    context.sessions.end_all(Role.GUARD, name)
    access_control.write_audit_result("remove-guard", "done", name)
    return _page(done="guards.removed")


def _page(error: str = "", *, done: str = "", name: str = "", code: int = 200) -> AnyResponse:
    names = access_control.auth_context().guards.names()
    return render_page(
        "guards.html", names=names, name=name, max_length=MAX_NAME_LENGTH, error=error, done=done, code=code
    )
