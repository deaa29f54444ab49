"""Login of guard and administrator, and the administrator's first set-up."""

from math import ceil

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from web_ui import office, reader, status_page
from web_ui.accounts import Role, good_password
from web_ui.lookout import lookout

login_pages = Blueprint("login", __name__)
HOME = {Role.GUARD: "admit.admit", Role.ADMIN: "admin.home"}
THEN = {"undo": "undo.undo"}
"""Where else a login may lead; never an address out of the request."""


def page(template: str, *, code: int = 200, **values: object) -> Response:
    """A page of the office in the reader's language."""
    t = status_page.translate(reader.language())
    where = lookout().truth().status
    body = render_template(template, t=t, language=reader.language(), session=office.session(), where=where, **values)
    return reader.remember(make_response(body, code))


def _role() -> Role:
    try:
        return Role(request.values.get("role", Role.ADMIN.value))
    except ValueError:
        abort(400)


@login_pages.route("/login", methods=["GET", "POST"])
def login() -> AnyResponse:
    """Ask for the password or the PIN."""
    role, accounts = _role(), office.office().accounts
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
    office.office().throttle.succeeded(office.address())
    office.office().audit.write(role.value, office.address(), "login", "done")
    answer = make_response(redirect(url_for(THEN.get(request.form.get("then", ""), HOME[role]))))
    return office.log_in(answer, role)


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
    if not office.office().accounts.set_up(request.form.get("code", ""), password):
        return _failed("setup.html", "setup", "setup.wrong")
    office.office().sessions.end_all(Role.ADMIN)
    office.office().audit.write(Role.ADMIN.value, office.address(), "setup", "done")
    answer = make_response(redirect(url_for("admin.home")))
    return office.log_in(answer, Role.ADMIN)


@login_pages.post("/logout")
@office.needs(Role.GUARD)
def logout() -> AnyResponse:
    """End the login."""
    office.note("logout", "done")
    office.office().sessions.end(request.cookies.get(office.COOKIE))
    answer = make_response(redirect(url_for("pages.status")))
    answer.delete_cookie(office.COOKIE, samesite="Strict", httponly=True)
    return answer


def _tried() -> Response | None:
    """Refuse a form from elsewhere, and one that comes too soon after failures."""
    if not office.came_from_here():
        abort(403)
    wait_s = office.office().throttle.wait_s(office.address())
    if not wait_s:
        return None
    role = request.form.get("role", Role.ADMIN.value)
    answer = page("login.html", role=role, error="login.wait", seconds=ceil(wait_s), code=429)
    answer.headers["Retry-After"] = str(ceil(wait_s))
    return answer


def _failed(template: str, what: str, error: str, **values: object) -> Response:
    office.office().throttle.failed(office.address())
    office.office().audit.write("-", office.address(), what, "refused")
    return page(template, error=error, code=403, **values)
