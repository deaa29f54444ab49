"""The checks that every action passes: login, role, origin and CSRF token; and its entry in the audit log."""

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlsplit

from flask import Response, abort, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from web_ui.auth.accounts import Accounts, Role
from web_ui.auth.audit_log import AuditLog, AuditLogError
from web_ui.auth.guards import Guards
from web_ui.auth.login_throttle import LoginThrottle
from web_ui.auth.sessions import Session, SessionStore

SESSION_COOKIE = "session"
_EXTENSION = "kiosk-auth"
_log = logging.getLogger(__name__)

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class AuthContext:
    """What login and actions share."""

    accounts: Accounts
    guards: Guards
    sessions: SessionStore
    throttle: LoginThrottle
    audit_log: AuditLog


def auth_extension(auth: AuthContext) -> dict[str, AuthContext]:
    """Entry of `Flask.extensions`, for `auth_context()`."""
    return {_EXTENSION: auth}


def auth_context() -> AuthContext:
    """That of the present application. Aborts with 404 if there is none (web.state_dir does not exist)."""
    found = current_app.extensions.get(_EXTENSION)
    if not isinstance(found, AuthContext):
        abort(404)
    return found


def is_auth_enabled() -> bool:
    """Whether login and actions are enabled."""
    return _EXTENSION in current_app.extensions


def current_session() -> Session | None:
    """The login of this request."""
    if "session" not in g:
        g.session = auth_context().sessions.find(request.cookies.get(SESSION_COOKIE)) if is_auth_enabled() else None
    found: Session | None = g.session
    return found


def client_address() -> str:
    """Address of the client. An IPv4 client of a socket for both families is `::ffff:ADDRESS` to the system."""
    return (request.remote_addr or "").removeprefix("::ffff:")


def is_same_origin() -> bool:
    """Whether the form comes from one of our own pages, by the headers of the browser (Fetch Metadata, Origin)."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    return site == "same-origin" and (origin is None or urlsplit(origin).netloc == request.host)


def has_csrf_token() -> bool:
    """Whether the form has the CSRF token of this login."""
    found = current_session()
    given = request.form.get("csrf", "").encode("utf-8", "replace")  # compare_digest takes no text outside ASCII
    return found is not None and hmac.compare_digest(found.csrf_token.encode(), given)


def require_role(role: Role, next_page: str = "") -> Callable[[Callable[P, AnyResponse]], Callable[P, AnyResponse]]:
    """A view for that role only. An admin may do everything that a guard may. A form needs our origin and the token.

    `next_page`: where the login leads, a key of `NEXT_PAGES`. Empty: the first page of the role.
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


def write_audit(action: str, result: str, detail: str = "", *, actor: str = "", name: str = "") -> None:
    """Write an action of this request to the audit log, before it is done. Raises AuditLogError: then it must not be done.

    `actor` and `name`: instead of the role and the guard of the session.
    """
    found = current_session()
    if not actor and found:
        actor, name = found.role.value, found.name
    auth_context().audit_log.append(actor or "-", client_address(), action, result, detail, name=name)


def write_audit_result(action: str, result: str, detail: str = "") -> None:
    """Write what became of an action that is in the audit log already. If that fails, the journal has a line instead."""
    try:
        write_audit(action, result, detail)
    except AuditLogError as error:
        _log.error("The result of %s (%s) is missing in the audit log. %s", action, result, error)


def start_session(answer: Response, role: Role, name: str = "") -> Response:
    """Begin a session with a new token. `name`: of the guard."""
    auth_context().sessions.end(request.cookies.get(SESSION_COOKIE))
    token = auth_context().sessions.create(role, name)
    answer.set_cookie(SESSION_COOKIE, token, httponly=True, samesite="Strict", secure=request.is_secure)
    return answer
