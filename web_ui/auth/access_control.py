"""The office: login, set-up and the checks that every action passes before it is done and noted."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlsplit

from flask import Response, abort, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from web_ui.auth.accounts import Accounts, Role
from web_ui.auth.audit_log import Audit
from web_ui.auth.sessions import Session, Sessions, Throttle

COOKIE = "session"
_EXTENSION = "kiosk-office"

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Office:
    """What login and actions share."""

    accounts: Accounts
    sessions: Sessions
    throttle: Throttle
    audit: Audit


def install(office: Office) -> dict[str, Office]:
    """What `Flask.extensions` keeps, for `office()` to find."""
    return {_EXTENSION: office}


def office() -> Office:
    """That of the application that answers; 404 where this kiosk has none (page.state_dir does not exist)."""
    found = current_app.extensions.get(_EXTENSION)
    if not isinstance(found, Office):
        abort(404)
    return found


def is_open() -> bool:
    """Whether this kiosk has an office at all."""
    return _EXTENSION in current_app.extensions


def session() -> Session | None:
    """The login of this request."""
    if "session" not in g:
        g.session = office().sessions.find(request.cookies.get(COOKIE)) if is_open() else None
    found: Session | None = g.session
    return found


def address() -> str:
    """Where the request comes from."""
    return request.remote_addr or ""


def came_from_here() -> bool:
    """Whether a form was sent by one of our own pages, by what the browser itself says (Fetch Metadata, Origin)."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    return site == "same-origin" and (origin is None or urlsplit(origin).netloc == request.host)


def token_fits() -> bool:
    """Whether the form carries the login's own token."""
    found = session()
    return bool(found) and hmac.compare_digest(found.csrf, request.form.get("csrf", "")) if found else False


def needs(role: Role, then: str = "") -> Callable[[Callable[P, AnyResponse]], Callable[P, AnyResponse]]:
    """A view for that role only (an admin may all that a guard may); a form must come from here and carry the token.

    `then`: where the login leads, one of its own words; empty for the role's first page.
    """

    def around(view: Callable[P, AnyResponse]) -> Callable[P, AnyResponse]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> AnyResponse:
            found = session()
            if found is None or found.role not in {role, Role.ADMIN}:
                if request.method == "GET":
                    return redirect(url_for("login.login", role=role.value, then=then or None))
                abort(403)
            if request.method == "POST" and not (came_from_here() and token_fits()):
                abort(403)
            return view(*args, **kwargs)

        return guarded

    return around


def note(what: str, result: str, detail: str = "") -> None:
    """Write an action of this request into the audit log. Raises OSError."""
    found = session()
    office().audit.write(found.role.value if found else "-", address(), what, result, detail)


def log_in(answer: Response, role: Role) -> Response:
    """Begin a login with a fresh token."""
    office().sessions.end(request.cookies.get(COOKIE))
    token = office().sessions.begin(role)
    answer.set_cookie(COOKIE, token, httponly=True, samesite="Strict", secure=request.is_secure)
    return answer
