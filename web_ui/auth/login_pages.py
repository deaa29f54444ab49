"""Login of guard and administrator, and the administrator's first set-up."""

from math import ceil

from flask import Blueprint, Response, abort, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from web_ui.auth import access_control
from web_ui.auth.accounts import Role, is_valid_password
from web_ui.kiosk.pages.rendering import render_page

login_pages = Blueprint("login", __name__)
FIRST_PAGE = {Role.GUARD: "guard_actions.admit", Role.ADMIN: "admin.home"}
NEXT_PAGES = {"undo": "guard_actions.undo"}
"""Where else a login may lead. Never an address from the request."""


def _requested_role() -> Role:
    try:
        return Role(request.values.get("role", Role.ADMIN.value))
    except ValueError:
        abort(400)


@login_pages.route("/login", methods=["GET", "POST"])
def login() -> AnyResponse:
    """Ask for the password or the PIN."""
    role, accounts = _requested_role(), access_control.auth_context().accounts
    if role is Role.ADMIN and not accounts.has_admin:
        return redirect(url_for("login.setup"))
    if request.method == "GET":
        unset = role is Role.GUARD and not accounts.has_guard
        return render_page("login.html", role=role.value, error="login.no-pin" if unset else "")
    waiting = _reject_attempt()
    if waiting is not None:
        return waiting
    if not accounts.verify_secret(role, request.form.get("secret", "")):
        return _reject_login("login.html", f"login-{role}", "login.wrong", role=role.value)
    access_control.auth_context().throttle.reset(access_control.client_address())
    access_control.auth_context().audit_log.append(role.value, access_control.client_address(), "login", "done")
    answer = make_response(redirect(url_for(NEXT_PAGES.get(request.form.get("then", ""), FIRST_PAGE[role]))))
    return access_control.start_session(answer, role)


@login_pages.route("/setup", methods=["GET", "POST"])
def setup() -> AnyResponse:
    """Set the administrator's password with the one-time code of the journal."""
    if request.method == "GET":
        return render_page("setup.html", error="")
    waiting = _reject_attempt()
    if waiting is not None:
        return waiting
    password = request.form.get("password", "")
    if not is_valid_password(password):
        return render_page("setup.html", error="setup.short", code=400)
    if not access_control.auth_context().accounts.set_admin_password(request.form.get("code", ""), password):
        return _reject_login("setup.html", "setup", "setup.wrong")
    access_control.auth_context().sessions.end_all(Role.ADMIN)
    access_control.auth_context().audit_log.append(Role.ADMIN.value, access_control.client_address(), "setup", "done")
    answer = make_response(redirect(url_for("admin.home")))
    return access_control.start_session(answer, Role.ADMIN)


@login_pages.post("/logout")
@access_control.require_role(Role.GUARD)
def logout() -> AnyResponse:
    """End the login."""
    access_control.write_audit("logout", "done")
    access_control.auth_context().sessions.end(request.cookies.get(access_control.SESSION_COOKIE))
    answer = make_response(redirect(url_for("pages.status")))
    answer.delete_cookie(access_control.SESSION_COOKIE, samesite="Strict", httponly=True)
    return answer


def _reject_attempt() -> Response | None:
    """Reject a form of another origin, and one that comes too soon after failures."""
    if not access_control.is_same_origin():
        abort(403)
    wait_s = access_control.auth_context().throttle.wait_s(access_control.client_address())
    if not wait_s:
        return None
    role = request.form.get("role", Role.ADMIN.value)
    answer = render_page("login.html", role=role, error="login.wait", seconds=ceil(wait_s), code=429)
    answer.headers["Retry-After"] = str(ceil(wait_s))
    return answer


def _reject_login(template: str, action: str, error: str, **values: object) -> Response:
    access_control.auth_context().throttle.record_failure(access_control.client_address())
    access_control.auth_context().audit_log.append("-", access_control.client_address(), action, "refused")
    return render_page(template, error=error, code=403, **values)
