"""The pages that everybody may see."""

from flask import Blueprint, Response, current_app, g, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from web_ui import status_page, truth
from web_ui.language import Language, Writing, chosen, known
from web_ui.live import Live, TooManyStreams
from web_ui.settings import PageSettings
from web_ui.texts import PAGE

LANGUAGE_COOKIE = "language"
YEAR_S = 365 * 86400


def settings() -> PageSettings:
    """What the application was made with."""
    found = current_app.extensions["kiosk-page"]
    assert isinstance(found, PageSettings)
    return found


def language() -> Language:
    """The reader's language."""
    if "language" not in g:
        wish, cookie = request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE)
        g.language = chosen(wish, cookie, request.accept_languages, settings().language)
    spoken: Language = g.language
    return spoken


def remember_language(response: Response) -> Response:
    """Keep the switch's choice."""
    response.vary.add("Accept-Language")
    response.vary.add("Cookie")
    wish = known(request.args.get("lang"))
    if wish and wish != request.cookies.get(LANGUAGE_COOKIE):
        response.set_cookie(
            LANGUAGE_COOKIE, wish, max_age=YEAR_S, samesite="Lax", httponly=True, secure=request.is_secure
        )
    return response


def parts_in(spoken: Language, place: PageSettings) -> dict[str, object]:
    """The context of the status page at this moment."""
    writing = Writing(spoken, place.zone)
    return status_page.context(truth.look(place.run_dir), spoken, writing, status_page.utc_now())


pages = Blueprint("pages", __name__)


@pages.get("/")
def status() -> Response:
    """The status page."""
    values = parts_in(language(), settings())
    return remember_language(make_response(render_template("status.html", sections=status_page.SECTIONS, **values)))


def live_pages(live: Live) -> Blueprint:
    """The addresses that the status page's script asks."""
    blueprint = Blueprint("live", __name__)

    @blueprint.get("/live/events")
    def events() -> Response:
        spoken, address = language(), request.remote_addr or ""
        try:
            return Response(
                live.follow(spoken, address), mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"}
            )
        except TooManyStreams:
            return Response(status=503, headers={"Retry-After": "30"})

    @blueprint.get("/live/parts")
    def parts() -> dict[str, str]:
        return status_page.parts(current_app, parts_in(language(), settings()))

    return blueprint


def trouble(error: HTTPException) -> tuple[str, int]:
    """An error as a sentence in the reader's language."""
    t = status_page.translate(language())
    key = f"error.{error.code}"
    said = t(key if key in PAGE else "error.other")
    return render_template("error.html", t=t, language=language(), said=said, code=error.code), error.code or 500
