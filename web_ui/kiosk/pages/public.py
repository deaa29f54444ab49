"""The pages that everybody may see."""

from flask import Blueprint, Flask, Response, current_app, jsonify, make_response, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from web_ui.i18n import request_locale
from web_ui.i18n.texts import PAGE
from web_ui.kiosk.pages import guard as guard_page
from web_ui.kiosk.pages import report
from web_ui.kiosk.pages import status as status_page
from web_ui.kiosk.pages.kiosk_view import Lookout, lookout
from web_ui.server.server_sent_events import Channel, Live, TooManyStreams

pages = Blueprint("pages", __name__)


@pages.get("/")
def status() -> Response:
    """The status page."""
    values = lookout().status_page(request_locale.language()) | report.values(request_locale.language())
    return request_locale.remember(
        make_response(render_template("status.html", sections=status_page.SECTIONS, **values))
    )


@pages.get("/guard")
def guard() -> Response:
    """The guard's screen."""
    values = lookout().guard_page(request_locale.language())
    return request_locale.remember(make_response(render_template("guard.html", **values)))


@pages.get("/guard.webmanifest")
def manifest() -> Response:
    """Lets a phone keep the guard's screen like an application (W3C Web Application Manifest)."""
    t = status_page.translate(request_locale.language())
    icon = {"src": url_for("static", filename="icon.svg"), "sizes": "any", "type": "image/svg+xml"}
    answer = jsonify(
        name=t("guard.title"),
        short_name=t("guard.title"),
        start_url=url_for("pages.guard"),
        display="fullscreen",
        background_color="#0e1115",
        theme_color="#0e1115",
        icons=[icon],
    )
    answer.mimetype = "application/manifest+json"
    return answer


def rendered_parts(app: Flask, eyes: Lookout, channel: Channel) -> dict[str, str]:
    """The parts of one page, by name, as HTML."""
    if channel.page == "guard":
        return status_page.rendered(app, guard_page.PARTS, eyes.guard_page(channel.language))
    return status_page.rendered(app, status_page.PARTS, eyes.status_page(channel.language))


def live_pages(live: Live) -> Blueprint:
    """The addresses that the pages' script asks."""
    blueprint = Blueprint("live", __name__)

    @blueprint.get("/live/<any(status, guard):page>/events")
    def events(page: str) -> Response:
        try:
            stream = live.follow(Channel(page, request_locale.language()), request.remote_addr or "")
        except TooManyStreams:
            return Response(status=503, headers={"Retry-After": "30"})
        return Response(stream, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})

    @blueprint.get("/live/<any(status, guard):page>/parts")
    def parts(page: str) -> dict[str, str]:
        return rendered_parts(current_app, lookout(), Channel(page, request_locale.language()))

    return blueprint


def trouble(error: HTTPException) -> tuple[str, int]:
    """An error as a sentence in the reader's language."""
    t = status_page.translate(request_locale.language())
    key = f"error.{error.code}"
    said = t(key if key in PAGE else "error.other")
    return render_template(
        "error.html", t=t, language=request_locale.language(), said=said, code=error.code
    ), error.code or 500
