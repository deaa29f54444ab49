"""Signing in by the provider: sending a person there, and taking what it says when they come back."""

import hmac
import logging

from flask import Blueprint, Response, abort, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from mqtt.centre.accounts import accounts, second_factor
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.accounts.identities import find_account
from mqtt.centre.ingest.database import open_query
from mqtt.printable_text import printable
from web_ui.auth.access_control import client_address
from web_ui.centre.access import centre_context, public, set_session_cookie, set_waiting_cookie
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.oidc.settings import OidcError, SignInAttempt
from web_ui.centre.pages.rendering import render_page

provider_pages = Blueprint("provider", __name__)
ATTEMPT_COOKIE = "centre-provider"
ATTEMPT_MAX_AGE_S = 600

_log = logging.getLogger(__name__)


@provider_pages.get("/sign-in/provider")
@public
def begin() -> AnyResponse:
    """Send the person to the provider. Without one in the settings the page does not exist."""
    provider = centre_context().provider or abort(404)
    attempt = SignInAttempt.new()
    try:
        answer = redirect(provider.authorization_url(attempt, _redirect_uri()))
    except OidcError as error:
        _log.error("sign-in by the provider: %s", printable(str(error)))
        return _refused("centre.provider.unreachable", 503)
    # Lax: the provider's page leads back here, and a strict cookie would stay at home.
    answer.set_cookie(
        ATTEMPT_COOKIE, str(attempt), max_age=ATTEMPT_MAX_AGE_S, httponly=True, samesite="Lax",
        secure=request.is_secure, path="/sign-in",
    )  # fmt: skip
    return answer


@provider_pages.get("/sign-in/provider/back")
@public
def back() -> AnyResponse:
    """The person came back. Only the browser that began may go on, and each attempt counts once."""
    provider = centre_context().provider or abort(404)
    attempt = SignInAttempt.parse(request.cookies.get(ATTEMPT_COOKIE, ""))
    given = request.args.get("state", "").encode("utf-8", "replace")
    if attempt is None or not hmac.compare_digest(attempt.state.encode(), given):
        return _refused("centre.provider.other-browser", 403)
    try:
        identity = provider.identity(attempt, _redirect_uri(), request.url)
    except OidcError as error:
        _log.warning("sign-in by the provider: %s", printable(str(error)))
        return _refused("centre.provider.refused", 403)
    return _sign_in(identity)


def _sign_in(identity: str) -> AnyResponse:
    """A session of the account with this identity. One with a second factor needs its code too."""
    now, waiting, token = utc_now(), "", ""
    with open_query(centre_context().settings.database) as query:
        name = find_account(query, identity, now)
        if name and second_factor.has_second_factor(query, name):
            waiting = second_factor.begin_waiting(query, name, now)
        else:
            what = "sign-in" if name else "sign-in-refused"
            about = "" if name else f"unknown at the centre: {identity}"
            append_audit(query, CentreAuditEntry(name or "-", what, f"provider {about}".strip(), client_address()), now)
            token = accounts.begin_session(query, name, client_address(), now) if name else ""
    if not name:
        return _refused("centre.provider.no-account", 403)
    # A page and no redirect: a browser keeps strict cookies back for all of a chain of redirects that another site began.
    following = url_for("second_factor.code") if waiting else url_for("areas.home")
    answer = _forget_attempt(render_page("signed_in.html", following=following))
    return set_waiting_cookie(answer, waiting) if waiting else set_session_cookie(answer, token)


def _refused(message: str, status: int) -> AnyResponse:
    return _forget_attempt(make_response(render_page("sign_in.html", code=status, error=message)))


def _forget_attempt(answer: Response) -> Response:
    answer.delete_cookie(ATTEMPT_COOKIE, path="/sign-in", samesite="Lax", httponly=True)
    return answer


def _redirect_uri() -> str:
    oidc = centre_context().settings.oidc
    base = oidc.public_url if oidc and oidc.public_url else request.url_root
    return base.rstrip("/") + url_for("provider.back")
