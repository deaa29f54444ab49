"""The pages without a login."""

import errno
import logging

from flask import Blueprint, Flask, Response, current_app, jsonify, make_response, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from kiosk.system.translations import translator
from web_ui.auth.accounts import AccountError
from web_ui.auth.audit_log import AuditLogError
from web_ui.auth.login_throttle import client_network
from web_ui.i18n import request_locale
from web_ui.kiosk.pages import citizen
from web_ui.kiosk.pages import guard as guard_page
from web_ui.kiosk.pages import status as status_page
from web_ui.kiosk.pages.kiosk_view import KioskView, kiosk_view
from web_ui.kiosk.pages.report.page import report_values
from web_ui.server.server_sent_events import Broadcaster, PageChannel, TooManyStreamsError

public_pages = Blueprint("pages", __name__)
_log = logging.getLogger(__name__)
_CAUSES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "full"),
    errno.EROFS: "read-only",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "denied"),
}
"""What keeps a file from being written, for the message `unlogged.CAUSE`."""


@public_pages.get("/")
def status() -> Response:
    """The status page."""
    values = kiosk_view().status_values(request_locale.request_language()) | report_values(
        request_locale.request_language()
    )
    return request_locale.set_language_cookie(
        make_response(render_template("status.html", sections=status_page.SECTIONS, **values))
    )


@public_pages.get("/guard")
def guard() -> Response:
    """The guard's screen."""
    values = kiosk_view().guard_values(request_locale.request_language())
    return request_locale.set_language_cookie(make_response(render_template("guard.html", **values)))


@public_pages.get("/welcome")
def welcome() -> Response:
    """The screen for people at the gate."""
    values = kiosk_view().citizen_values(request_locale.request_language())
    return request_locale.set_language_cookie(make_response(render_template("citizen.html", **values)))


@public_pages.get("/guard.webmanifest")
def manifest() -> Response:
    """Lets a phone install the guard's screen as an application (W3C Web Application Manifest)."""
    t = translator(request_locale.request_language())
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


def render_page_parts(app: Flask, view: KioskView, channel: PageChannel) -> dict[str, str]:
    """The parts of one page, by name, as HTML."""
    if channel.page == "guard":
        return status_page.render_parts(app, guard_page.GUARD_PARTS, view.guard_values(channel.language))
    if channel.page == "welcome":
        return status_page.render_parts(app, citizen.CITIZEN_PARTS, view.citizen_values(channel.language))
    return status_page.render_parts(app, status_page.STATUS_PARTS, view.status_values(channel.language))


def make_live_routes(broadcaster: Broadcaster) -> Blueprint:
    """The addresses that the script of the pages requests."""
    blueprint = Blueprint("live", __name__)

    @blueprint.get("/live/<any(status, guard, welcome):page>/events")
    def events(page: str) -> Response:
        try:
            stream = broadcaster.subscribe(
                PageChannel(page, request_locale.request_language()), client_network(request.remote_addr or "")
            )
        except TooManyStreamsError:
            return Response(status=503, headers={"Retry-After": "30"})
        return Response(stream, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})

    @blueprint.get("/live/<any(status, guard, welcome):page>/parts")
    def parts(page: str) -> dict[str, str]:
        return render_page_parts(current_app, kiosk_view(), PageChannel(page, request_locale.request_language()))

    return blueprint


def error_page(error: HTTPException) -> tuple[str, int]:
    """An error page in the reader's language."""
    t = translator(request_locale.request_language())
    key = f"error.{error.code}"
    message = t(key if t.has(key) else "error.other")
    return render_template("error.html", t=t, language=t.language, message=message, code=error.code), error.code or 500


def refused_action_page(error: AuditLogError | AccountError) -> tuple[str, int]:
    """What was not done, why, and the remedy: the folder of accounts and audit log cannot be used."""
    _log.error("%s", error)
    t = translator(request_locale.request_language())
    cause = _CAUSES.get(error.errno or 0, "other")
    body = render_template(
        "error.html",
        t=t,
        language=t.language,
        message=t("unlogged.action" if isinstance(error, AuditLogError) else "unlogged.accounts"),
        remedy=t(f"unlogged.{cause}"),
        detail=str(error),
        code=503,
    )
    return body, 503
