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
from web_ui.auth.audit_log import AuditLog
from web_ui.auth.sessions import LoginThrottle, Session, SessionStore

SESSION_COOKIE = "session"
_EXTENSION = "kiosk-office"

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class AuthContext:
    """What login and actions share."""

    accounts: Accounts
    sessions: SessionStore
    throttle: LoginThrottle
    audit_log: AuditLog


def auth_extension(auth: AuthContext) -> dict[str, AuthContext]:
    """What `Flask.extensions` keeps, for `office()` to find."""
    return {_EXTENSION: auth}


def auth_context() -> AuthContext:
    """That of the application that answers; 404 where this kiosk has none (page.state_dir does not exist)."""
    found = current_app.extensions.get(_EXTENSION)
    if not isinstance(found, AuthContext):
        abort(404)
    return found


def is_auth_enabled() -> bool:
    """Whether this kiosk has an office at all."""
    return _EXTENSION in current_app.extensions


def current_session() -> Session | None:
    """The login of this request."""
    if "session" not in g:
        g.session = auth_context().sessions.find(request.cookies.get(SESSION_COOKIE)) if is_auth_enabled() else None
    found: Session | None = g.session
    return found


def client_address() -> str:
    """Where the request comes from."""
    return request.remote_addr or ""


def is_same_origin() -> bool:
    """Whether a form was sent by one of our own pages, by what the browser itself says (Fetch Metadata, Origin)."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    return site == "same-origin" and (origin is None or urlsplit(origin).netloc == request.host)


def has_csrf_token() -> bool:
    """Whether the form carries the login's own token."""
    found = current_session()
    return bool(found) and hmac.compare_digest(found.csrf_token, request.form.get("csrf", "")) if found else False


def require_role(role: Role, next_page: str = "") -> Callable[[Callable[P, AnyResponse]], Callable[P, AnyResponse]]:
    """A view for that role only (an admin may all that a guard may); a form must come from here and carry the token.

    `then`: where the login leads, one of its own words; empty for the role's first page.
    """

    def around(view: Callable[P, AnyResponse]) -> Callable[P, AnyResponse]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> AnyResponse:
            found = current_session()
            if found is None or found.role not in {role, Role.ADMIN}:
                if request.method == "GET":
                    return redirect(url_for("login.login", role=role.value, then=next_page or None))
                abort(403)
            if request.method == "POST" and not (is_same_origin() and has_csrf_token()):
                abort(403)
            return view(*args, **kwargs)

        return guarded

    return around


def write_audit(action: str, result: str, detail: str = "") -> None:
    """Write an action of this request into the audit log. Raises OSError."""
    found = current_session()
    auth_context().audit_log.append(found.role.value if found else "-", client_address(), action, result, detail)


def start_session(answer: Response, role: Role) -> Response:
    """Begin a login with a fresh token."""
    auth_context().sessions.end(request.cookies.get(SESSION_COOKIE))
    token = auth_context().sessions.create(role)
    answer.set_cookie(SESSION_COOKIE, token, httponly=True, samesite="Strict", secure=request.is_secure)
    return answer
