"""The language of the present request, and the cookie that keeps the choice."""

from urllib.parse import urlencode

from flask import Response, g, request

from web_ui.i18n.formatting import choose_language, parse_language
from web_ui.kiosk.pages.kiosk_view import kiosk_view

LANGUAGE_COOKIE = "language"
SECONDS_PER_YEAR = 365 * 86400


def request_language() -> str:
    """The reader's language."""
    if "language" not in g:
        requested, cookie = request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE)
        g.language = choose_language(requested, cookie, request.accept_languages, kiosk_view().settings.language)
    found: str = g.language
    return found


def set_language_cookie(response: Response) -> Response:
    """Keep the language of the link that was followed."""
    response.vary.update(("Accept-Language", "Cookie"))
    requested = parse_language(request.args.get("lang"))
    if requested and requested != request.cookies.get(LANGUAGE_COOKIE):
        response.set_cookie(
            LANGUAGE_COOKIE,
            requested,
            max_age=SECONDS_PER_YEAR,
            samesite="Lax",
            httponly=True,
            secure=request.is_secure,
        )
    return response


def language_url(target: str) -> str:
    """The address of the present page in another language, its other arguments kept."""
    return "?" + urlencode({**request.args.to_dict(), "lang": target})
