"""The pages that everybody may see."""

from flask import Blueprint, Response, current_app, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from web_ui import reader, status_page
from web_ui.live import Live, TooManyStreams
from web_ui.lookout import lookout
from web_ui.texts import PAGE

pages = Blueprint("pages", __name__)


@pages.get("/")
def status() -> Response:
    """The status page."""
    values = lookout().status_page(reader.language())
    return reader.remember(make_response(render_template("status.html", sections=status_page.SECTIONS, **values)))


def live_pages(live: Live) -> Blueprint:
    """The addresses that the status page's script asks."""
    blueprint = Blueprint("live", __name__)

    @blueprint.get("/live/events")
    def events() -> Response:
        try:
            stream = live.follow(reader.language(), request.remote_addr or "")
        except TooManyStreams:
            return Response(status=503, headers={"Retry-After": "30"})
        return Response(stream, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})

    @blueprint.get("/live/parts")
    def parts() -> dict[str, str]:
        return status_page.parts(current_app, lookout().status_page(reader.language()))

    return blueprint


def trouble(error: HTTPException) -> tuple[str, int]:
    """An error as a sentence in the reader's language."""
    t = status_page.translate(reader.language())
    key = f"error.{error.code}"
    said = t(key if key in PAGE else "error.other")
    return render_template("error.html", t=t, language=reader.language(), said=said, code=error.code), error.code or 500
