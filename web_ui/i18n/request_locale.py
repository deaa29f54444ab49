"""Who reads: the language of the present request, and how its choice is remembered."""

from urllib.parse import urlencode

from flask import Response, g, request

from web_ui.i18n.formatting import Language, chosen, known
from web_ui.kiosk.pages.kiosk_view import lookout

COOKIE = "language"
YEAR_S = 365 * 86400


def language() -> Language:
    """The reader's language."""
    if "language" not in g:
        wish, cookie = request.args.get("lang"), request.cookies.get(COOKIE)
        g.language = chosen(wish, cookie, request.accept_languages, lookout().settings.language)
    spoken: Language = g.language
    return spoken


def remember(response: Response) -> Response:
    """Keep the switch's choice."""
    response.vary.update(("Accept-Language", "Cookie"))
    wish = known(request.args.get("lang"))
    if wish and wish != request.cookies.get(COOKIE):
        response.set_cookie(COOKIE, wish, max_age=YEAR_S, samesite="Lax", httponly=True, secure=request.is_secure)
    return response


def switch(target: Language) -> str:
    """The address of the present page in another language, its other arguments kept."""
    return "?" + urlencode({**request.args.to_dict(), "lang": target})
