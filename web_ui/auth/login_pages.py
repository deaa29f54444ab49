"""Login of guard and administrator, and the administrator's first set-up."""

from math import ceil

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from web_ui.auth import access_control
from web_ui.auth.accounts import Role, good_password
from web_ui.i18n import request_locale
from web_ui.kiosk.pages import status
from web_ui.kiosk.pages.kiosk_view import lookout

login_pages = Blueprint("login", __name__)
HOME = {Role.GUARD: "admit.admit", Role.ADMIN: "admin.home"}
THEN = {"undo": "undo.undo"}
"""Where else a login may lead; never an address out of the request."""


def page(template: str, *, code: int = 200, **values: object) -> Response:
    """A page of the office in the reader's language."""
    t = status.translate(request_locale.language())
    where = lookout().truth().status
    body = render_template(
        template, t=t, language=request_locale.language(), session=access_control.session(), where=where, **values
    )
    return request_locale.remember(make_response(body, code))


def _role() -> Role:
    try:
        return Role(request.values.get("role", Role.ADMIN.value))
    except ValueError:
        abort(400)


@login_pages.route("/login", methods=["GET", "POST"])
def login() -> AnyResponse:
    """Ask for the password or the PIN."""
    role, accounts = _role(), access_control.office().accounts
    if role is Role.ADMIN and not accounts.has_admin:
        return redirect(url_for("login.setup"))
    if request.method == "GET":
        unset = role is Role.GUARD and not accounts.has_guard
        return page("login.html", role=role.value, error="login.no-pin" if unset else "")
    waiting = _tried()
    if waiting is not None:
        return waiting
    if not accounts.check(role, request.form.get("secret", "")):
        return _failed("login.html", f"login as {role}", "login.wrong", role=role.value)
    access_control.office().throttle.succeeded(access_control.address())
    access_control.office().audit.write(role.value, access_control.address(), "login", "done")
    answer = make_response(redirect(url_for(THEN.get(request.form.get("then", ""), HOME[role]))))
    return access_control.log_in(answer, role)


@login_pages.route("/setup", methods=["GET", "POST"])
def setup() -> AnyResponse:
    """Set the administrator's password with the one-time code of the journal."""
    if request.method == "GET":
        return page("setup.html", error="")
    waiting = _tried()
    if waiting is not None:
        return waiting
    password = request.form.get("password", "")
    if not good_password(password):
        return page("setup.html", error="setup.short", code=400)
    if not access_control.office().accounts.set_up(request.form.get("code", ""), password):
        return _failed("setup.html", "setup", "setup.wrong")
    access_control.office().sessions.end_all(Role.ADMIN)
    access_control.office().audit.write(Role.ADMIN.value, access_control.address(), "setup", "done")
    answer = make_response(redirect(url_for("admin.home")))
    return access_control.log_in(answer, Role.ADMIN)


@login_pages.post("/logout")
@access_control.needs(Role.GUARD)
def logout() -> AnyResponse:
    """End the login."""
    access_control.note("logout", "done")
    access_control.office().sessions.end(request.cookies.get(access_control.COOKIE))
    answer = make_response(redirect(url_for("pages.status")))
    answer.delete_cookie(access_control.COOKIE, samesite="Strict", httponly=True)
    return answer


def _tried() -> Response | None:
    """Refuse a form from elsewhere, and one that comes too soon after failures."""
    if not access_control.came_from_here():
        abort(403)
    wait_s = access_control.office().throttle.wait_s(access_control.address())
    if not wait_s:
        return None
    role = request.form.get("role", Role.ADMIN.value)
    answer = page("login.html", role=role, error="login.wait", seconds=ceil(wait_s), code=429)
    answer.headers["Retry-After"] = str(ceil(wait_s))
    return answer


def _failed(template: str, what: str, error: str, **values: object) -> Response:
    access_control.office().throttle.failed(access_control.address())
    access_control.office().audit.write("-", access_control.address(), what, "refused")
    return page(template, error=error, code=403, **values)
