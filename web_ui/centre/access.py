"""The checks of every page of the centre: who is signed in, and whether their roles cover what the address names.

Each view has one of five marks: `public`, `signed_in`, `guarded`, `with_token` or `with_api_token`.
`check_marks` refuses an application with a view without one.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol, TypeVar

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response as AnyResponse

from mqtt.centre.accounts import accounts
from mqtt.centre.accounts.accounts import Account
from mqtt.centre.accounts.api_tokens import find_token
from mqtt.centre.accounts.audit import WHOLE_CITY, CentreAuditEntry, append_audit
from mqtt.centre.accounts.roles import Permission, Rights
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.registry.model import Area
from web_ui.auth.access_control import client_address, is_same_origin
from web_ui.auth.login_throttle import LoginThrottle
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.data.day_cache import DayCache
from web_ui.centre.data.fleet import DeviceNow, Fleet, FleetReader, SiteNow
from web_ui.centre.oidc.settings import SignInAttempt
from web_ui.centre.settings import CentreWebSettings

SESSION_COOKIE = "centre-session"
WAITING_COOKIE = "centre-sign-in"
"""Of a person who gave the right password, and not yet the code of their second factor."""
PUBLIC, SIGNED_IN, TOKEN, API = "public", "signed-in", "token", "api"
_EXTENSION = "centre"
_MARK = "centre_access"

View = TypeVar("View", bound=Callable[..., AnyResponse])


class SignInProvider(Protocol):
    """An OpenID Connect provider. See `web_ui.centre.oidc.provider.Provider`."""

    def authorization_url(self, attempt: SignInAttempt, redirect_uri: str) -> str:
        """Where a person signs in. Raises OidcError."""

    def identity(self, attempt: SignInAttempt, redirect_uri: str, answer_url: str) -> str:
        """Who signed in. Raises OidcError."""


@dataclass(frozen=True, slots=True)
class CentreContext:
    """What all pages share."""

    settings: CentreWebSettings
    reader: FleetReader
    days: DayCache
    throttle: LoginThrottle
    provider: SignInProvider | None = None
    """None: people sign in with passwords only."""


@dataclass(frozen=True)
class Viewer:
    """Who reads this page."""

    name: str
    display_name: str
    rights: Rights
    csrf: str
    """Every form contains it."""

    def may(self, permission: Permission) -> bool:
        """Whether the viewer may do that anywhere."""
        return self.rights.has(permission)


def centre_extension(context: CentreContext) -> dict[str, CentreContext]:
    """Entry of `Flask.extensions`, for `centre_context()`."""
    return {_EXTENSION: context}


def centre_context() -> CentreContext:
    """That of the present application."""
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, CentreContext)
    return found


def current_fleet() -> Fleet:
    """The city as this request sees it. Raises LedgerError."""
    if "fleet" not in g:
        g.fleet = centre_context().reader.fleet()
    found: Fleet = g.fleet
    return found


def current_viewer() -> Viewer | None:
    """Who is signed in. Raises LedgerError."""
    if "viewer" not in g:
        g.viewer = _find_viewer(request.cookies.get(SESSION_COOKIE, ""))
    found: Viewer | None = g.viewer
    return found


def viewer() -> Viewer:
    """Who is signed in, in a view that is not public."""
    found = current_viewer()
    assert found is not None
    return found


def _find_viewer(token: str) -> Viewer | None:
    if not token:
        return None
    with open_query(centre_context().settings.database) as query:
        session = accounts.find_session(query, token, utc_now())
        found = accounts.read_accounts(query, session.account) if session else []
    return _viewer_of(found[0], accounts.csrf_token(token)) if found else None


def _viewer_of(found: Account, csrf: str) -> Viewer:
    fleet = current_fleet()
    return Viewer(found.name, found.display_name, Rights(found.grants, fleet.registry, fleet.day), csrf)


def public(view: View) -> View:
    """A view that needs no account."""
    setattr(view, _MARK, PUBLIC)
    return view


def signed_in(view: View) -> View:
    """A view for every account, whatever its roles. It shows nothing but the account itself."""
    return _checked(view, SIGNED_IN, lambda _viewer, _arguments: True)


def with_token(view: View) -> View:
    """A view for machines that know the token of the settings. Without one in the settings it does not exist."""

    @wraps(view)
    def checked(**arguments: Any) -> AnyResponse:
        expected = centre_context().settings.metrics_token
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if not expected or not hmac.compare_digest(given, f"Bearer {expected}".encode()):
            abort(404)
        return view(**arguments)

    setattr(checked, _MARK, TOKEN)
    return checked  # type: ignore[return-value]  # the wrapper takes the arguments of the route


def with_api_token(view: View) -> View:
    """A view for programs with a token of an account. It sees what the account may see, and changes nothing.

    The view gets objects instead of names, as with `guarded`. Without a valid token the answer is 401.
    """

    @wraps(view)
    def checked(**arguments: Any) -> AnyResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        with open_query(centre_context().settings.database) as query:
            found = find_token(query, token.strip(), utc_now()) if scheme.lower() == "bearer" else None
            owners = accounts.read_accounts(query, found.account) if found else []
        if not owners:
            raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
        g.viewer = _viewer_of(owners[0], csrf="")
        area, has_name = _resolve(arguments)
        if not (viewer().rights.allows(Permission.VIEW, area) if has_name else viewer().may(Permission.VIEW)):
            abort(404)
        return view(**arguments)

    setattr(checked, _MARK, API)
    return checked  # type: ignore[return-value]  # the wrapper takes the arguments of the route


def guarded(permission: Permission, *others: Permission) -> Callable[[View], View]:
    """A view for accounts with one of these permissions in the area that the address names.

    The view gets the object instead of its name: `code` becomes `area`, `site` and `device` become those of the fleet. What does
    not exist and what the account may not see give the same 404. Without a name in the address, the permission is needed anywhere.
    """

    def around(view: View) -> View:
        def allows(found: Viewer, arguments: dict[str, Any]) -> bool:
            area, has_name = _resolve(arguments)
            return any(found.rights.allows(one, area) if has_name else found.may(one) for one in (permission, *others))

        return _checked(view, permission, allows)

    return around


def _checked(view: View, mark: str, allows: Callable[[Viewer, dict[str, Any]], bool]) -> View:
    @wraps(view)
    def checked(**arguments: Any) -> AnyResponse:
        found = current_viewer()
        if found is None:
            if request.method in {"GET", "HEAD"} and not request.args.get("format"):
                return redirect(url_for("sign_in.sign_in"))
            abort(403)
        if not allows(found, arguments):
            abort(404)
        if request.method not in {"GET", "HEAD"}:
            given = request.form.get("csrf", "").encode("utf-8", "replace")
            if not is_same_origin() or not hmac.compare_digest(found.csrf.encode(), given):
                abort(403)
        return view(**arguments)

    setattr(checked, _MARK, mark)
    return checked  # type: ignore[return-value]  # the wrapper takes the arguments of the route


def _resolve(arguments: dict[str, Any]) -> tuple[Area | None, bool]:
    """Replace the names of the address by their objects. Returns the area, and whether there is a name. Aborts with 404."""
    fleet = current_fleet()
    if "code" in arguments:
        area = fleet.registry.area(arguments.pop("code"), fleet.day)
        arguments["area"] = area or abort(404)
        return area, True
    if "device" in arguments:
        device: DeviceNow = fleet.devices.get(f"{arguments.pop('site')}/{arguments['device']}") or abort(404)
        arguments["device"] = device
        return fleet.sites[device.site].area, True
    if "site" in arguments:
        site: SiteNow = fleet.sites.get(arguments["site"]) or abort(404)
        arguments["site"] = site
        return site.area, True
    return None, False


def visible_areas(permission: Permission) -> set[int] | None:
    """Numbers of the areas in which the viewer has the permission, with all below them. None: the whole city."""
    fleet, rights = current_fleet(), viewer().rights
    if rights.allows(permission, None):
        return None
    return {area.number for top in rights.areas(permission) for area in fleet.registry.subtree(top, fleet.day)}


def check_marks(app: Flask) -> None:
    """Refuse an application with a view that has no mark. Raises AssertionError."""
    for name, view in app.view_functions.items():
        assert name == "static" or hasattr(view, _MARK), f"the view {name} has no access check"


def mark_of(app: Flask, endpoint: str) -> str:
    """The mark of a view: `public`, `signed-in` or a permission."""
    return PUBLIC if endpoint == "static" else str(getattr(app.view_functions[endpoint], _MARK))


def write_audit(query: Query, what: str, about: str = "", why: str = "", area: int = WHOLE_CITY) -> None:
    """Write what the viewer does, in the transaction of the act."""
    found = current_viewer()
    entry = CentreAuditEntry(found.name if found else "-", what, about, why or client_address(), area)
    append_audit(query, entry, utc_now())


def set_session_cookie(answer: Response, token: str) -> Response:
    """Give the browser its session."""
    answer.set_cookie(SESSION_COOKIE, token, httponly=True, samesite="Strict", secure=request.is_secure)
    return answer


def set_waiting_cookie(answer: Response, token: str) -> Response:
    """The browser must now give a code."""
    answer.set_cookie(
        WAITING_COOKIE, token, httponly=True, samesite="Strict", secure=request.is_secure, path="/sign-in"
    )
    return answer
