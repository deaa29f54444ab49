"""Builds the web application of the centre: pages, checks of access, security headers, errors in words."""

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable
from web_ui.auth.login_throttle import LoginThrottle
from web_ui.centre.access import CentreContext, SignInProvider, centre_extension, check_marks, public
from web_ui.centre.api.routes import api_error, api_routes
from web_ui.centre.data.calendar import utc_now
from web_ui.centre.data.day_cache import DayCache
from web_ui.centre.data.fleet import FleetReader
from web_ui.centre.data.refresher import Refresher
from web_ui.centre.oidc.pages import provider_pages
from web_ui.centre.oidc.settings import OidcError
from web_ui.centre.pages.accounts import account_pages
from web_ui.centre.pages.alerts import alert_pages
from web_ui.centre.pages.areas import area_pages
from web_ui.centre.pages.audit import audit_page
from web_ui.centre.pages.commands import command_pages
from web_ui.centre.pages.configuration import configuration_pages
from web_ui.centre.pages.enrolment import enrolment_pages
from web_ui.centre.pages.metrics import metrics_page
from web_ui.centre.pages.own_account.api_tokens import api_token_pages
from web_ui.centre.pages.own_account.second_factor import second_factor_pages
from web_ui.centre.pages.rendering import page_formatter, render_plain
from web_ui.centre.pages.sign_in import sign_in_pages
from web_ui.centre.pages.sites import site_pages
from web_ui.centre.pages.tracing import trace_pages
from web_ui.centre.settings import CentreWebSettings
from web_ui.i18n import request_locale, text_sanitizer
from web_ui.i18n.formatting import language_names
from web_ui.server import security_headers

_log = logging.getLogger(__name__)


def create_app(settings: CentreWebSettings) -> tuple[Flask, Refresher]:
    """The application, and what keeps its figures current. The caller runs `run` in a thread and closes it. Raises OidcError.

    The tables of the centre must exist: see `prepare_accounts`.
    """
    app = Flask("web_ui")
    reader, days = FleetReader(settings.database, utc_now), DayCache(settings.database)
    app.extensions |= centre_extension(CentreContext(settings, reader, days, LoginThrottle(), _provider(settings)))
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "finalize": text_sanitizer.sanitize}
    security_headers.add_security_checks(app, settings.allowed_hosts)
    for blueprint in (
        sign_in_pages,
        second_factor_pages,
        provider_pages,
        api_token_pages,
        area_pages,
        site_pages,
        alert_pages,
        audit_page,
        account_pages,
        enrolment_pages,
        trace_pages,
        command_pages,
        configuration_pages,
        metrics_page,
        api_routes,
    ):
        app.register_blueprint(blueprint)
    app.add_url_rule("/healthz", "healthz", healthz)
    app.jinja_env.globals |= {"language_url": request_locale.language_url, "languages": language_names}
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(LedgerError, _database_error)
    check_marks(app)
    return app, Refresher(reader, days, utc_now)


def _provider(settings: CentreWebSettings) -> SignInProvider | None:
    """Raises OidcError if its libraries are missing."""
    if settings.oidc is None:
        return None
    try:
        from web_ui.centre.oidc.provider import Provider  # noqa: PLC0415  an extra
    except ImportError as error:
        raise OidcError(f"{error.name} is missing: pip install 'entrance-kiosk[oidc]'") from error
    return Provider(settings.oidc)


@public
def healthz() -> Response:
    """Whether the web server responds. It says nothing about the database."""
    return Response("ok\n", mimetype="text/plain")


def _http_error(error: HTTPException) -> Response:
    code = error.code or 500
    if request.path.startswith("/api/"):
        answer = api_error(code, error.name)
        answer.headers.extend(one for one in error.get_headers() if one[0] == "WWW-Authenticate")
        return answer
    t = page_formatter().t
    known = f"centre.error.{code}"
    return render_plain("error.html", code=code, message=t(known) if t.has(known) else error.name)


def _database_error(error: LedgerError) -> Response:
    _log.error("the centre's database cannot be used: %s", printable(str(error)))
    if request.path.startswith("/api/"):
        return api_error(503, "the database of the centre does not answer")
    return render_plain("error.html", code=503, message=page_formatter().t("centre.error.503"))
