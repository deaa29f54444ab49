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
SETUP_ACCOUNT = "setup"
"""How guesses of the set-up code are counted."""


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
        unset = role is Role.GUARD and not access_control.auth_context().guards.names()
        return render_page("login.html", role=role.value, error="login.no-pin" if unset else "")
    if (waiting := _begin_attempt(role.value)) is not None:
        return waiting
    name = _verified_name(role, request.form.get("secret", ""))
    if name is None:
        return _reject_login("login.html", f"login-{role}", "login.wrong", role=role.value)
    access_control.auth_context().throttle.succeed(access_control.client_address(), role.value)
    access_control.write_audit("login", "done", actor=role.value, name=name)
    answer = make_response(redirect(url_for(NEXT_PAGES.get(request.form.get("then", ""), FIRST_PAGE[role]))))
    return access_control.start_session(answer, role, name)


def _verified_name(role: Role, secret: str) -> str | None:
    """The guard with this PIN, or empty for the administrator. None: it is wrong."""
    context = access_control.auth_context()
    if role is Role.GUARD:
        return context.guards.identify(secret)
    return "" if context.accounts.verify_password(secret) else None


@login_pages.route("/setup", methods=["GET", "POST"])
def setup() -> AnyResponse:
    """Set the administrator's password with the one-time code of the journal."""
    if request.method == "GET":
        return render_page("setup.html", error="")
    password = request.form.get("password", "")
    if not is_valid_password(password):
        return render_page("setup.html", error="setup.short", code=400)
    if (waiting := _begin_attempt(SETUP_ACCOUNT)) is not None:
        return waiting
    access_control.write_audit("setup", "requested")
    if not access_control.auth_context().accounts.set_admin_password(request.form.get("code", ""), password):
        return _reject_login("setup.html", "setup", "setup.wrong")
    access_control.auth_context().throttle.succeed(access_control.client_address(), SETUP_ACCOUNT)
    access_control.auth_context().sessions.end_all(Role.ADMIN)
    access_control.write_audit_result("setup", "done")
    answer = make_response(redirect(url_for("admin.home")))
    return access_control.start_session(answer, Role.ADMIN)


@login_pages.post("/logout")
@access_control.require_role(Role.GUARD)
def logout() -> AnyResponse:
    """End the login. It ends even if the audit log cannot be written: a session that stays open is worse."""
    access_control.write_audit_result("logout", "done")
    access_control.auth_context().sessions.end(request.cookies.get(access_control.SESSION_COOKIE))
    answer = make_response(redirect(url_for("pages.status")))
    answer.delete_cookie(access_control.SESSION_COOKIE, samesite="Strict", httponly=True)
    return answer


def _begin_attempt(account: str) -> Response | None:
    """Count an attempt before its secret is compared. Reject a form of another origin, and one that comes too soon."""
    if not access_control.is_same_origin():
        abort(403)
    wait_s = access_control.auth_context().throttle.begin(access_control.client_address(), account)
    if not wait_s:
        return None
    role = account if account in set(Role) else Role.ADMIN.value
    answer = render_page("login.html", role=role, error="login.wait", seconds=ceil(wait_s), code=429)
    answer.headers["Retry-After"] = str(ceil(wait_s))
    return answer


def _reject_login(template: str, action: str, error: str, **values: object) -> Response:
    access_control.write_audit(action, "refused", actor="-")
    return render_page(template, error=error, code=403, **values)
