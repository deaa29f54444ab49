"""Builds the web application: pages, API, security checks."""

from pathlib import Path

from flask import Flask
from werkzeug.exceptions import HTTPException

from kiosk.system.logs import LogBuffer
from web_ui.auth import access_control
from web_ui.auth.accounts import AccountError, Accounts
from web_ui.auth.audit_log import AuditLog, AuditLogError
from web_ui.auth.guards import Guards
from web_ui.auth.login_pages import login_pages
from web_ui.auth.login_throttle import LoginThrottle
from web_ui.auth.sessions import SessionStore
from web_ui.i18n import request_locale, text_sanitizer
from web_ui.i18n.formatting import language_names
from web_ui.kiosk.api.routes import BROADCASTER_EXTENSION, api_routes
from web_ui.kiosk.pages import kiosk_view, public
from web_ui.kiosk.pages.admin.audit import audit_page
from web_ui.kiosk.pages.admin.camera_aiming import LIVE_LOOKS_EXTENSION, LiveLooks, aiming_page
from web_ui.kiosk.pages.admin.configuration import settings_page
from web_ui.kiosk.pages.admin.configuration_change import change_page
from web_ui.kiosk.pages.admin.device import device_page
from web_ui.kiosk.pages.admin.events import events_page
from web_ui.kiosk.pages.admin.guards import guards_page
from web_ui.kiosk.pages.admin.home import admin_pages
from web_ui.kiosk.pages.admin.log import LOG_BUFFER_EXTENSION, log_page
from web_ui.kiosk.pages.admin.quarantine import quarantine_page
from web_ui.kiosk.pages.admin.support_bundle import support_page
from web_ui.kiosk.pages.guard_actions import guard_actions
from web_ui.kiosk.pages.notices import notice_pages
from web_ui.kiosk.pages.report.page import REPORT_EXTENSION, AvailabilityReport, report_page
from web_ui.server import security_headers
from web_ui.server.server_sent_events import Broadcaster, PageChannel, Parts
from web_ui.settings import WebSettings


def create_app(settings: WebSettings, log_buffer: LogBuffer | None = None) -> tuple[Flask, Broadcaster]:
    """The application and its broadcaster. The caller runs `broadcaster.run` in a thread and closes it.

    `log_buffer`: log lines of this process, for the administrator.
    """
    app = Flask("web_ui")
    app.extensions[LOG_BUFFER_EXTENSION] = log_buffer or LogBuffer()
    view = kiosk_view.KioskView(settings)
    app.extensions |= kiosk_view.kiosk_view_extension(view)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "finalize": text_sanitizer.sanitize}
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it; its base class does not declare it

    def render(channel: PageChannel) -> Parts:
        with app.app_context():  # called by threads without a request
            return public.render_page_parts(app, view, channel)

    live = Broadcaster(changed=view.snapshot_version, render=render)
    app.extensions[BROADCASTER_EXTENSION] = live
    security_headers.add_security_checks(app, settings.allowed_hosts)
    app.register_blueprint(public.public_pages)
    app.register_blueprint(public.make_live_routes(live))
    app.register_blueprint(api_routes)
    app.register_blueprint(report_page)
    app.register_blueprint(notice_pages)
    app.extensions[REPORT_EXTENSION] = AvailabilityReport(settings)
    if settings.state_dir and settings.state_dir.is_dir():
        _add_admin_pages(app, settings.state_dir)
    app.jinja_env.globals |= {
        "language_url": request_locale.language_url,
        "place": settings.place,
        "languages": language_names,
        "auth_enabled": access_control.is_auth_enabled,
    }
    app.register_error_handler(HTTPException, public.error_page)
    for refused in (AuditLogError, AccountError):
        app.register_error_handler(refused, public.refused_action_page)
    return app, live


def _add_admin_pages(app: Flask, folder: Path) -> None:
    """Login and actions, if there is a folder for accounts."""
    shared = access_control.AuthContext(
        Accounts(folder), Guards(folder), SessionStore(), LoginThrottle(), AuditLog(folder)
    )
    app.extensions |= access_control.auth_extension(shared)
    app.extensions[LIVE_LOOKS_EXTENSION] = LiveLooks()
    device_pages = (
        audit_page,
        device_page,
        events_page,
        guards_page,
        quarantine_page,
        aiming_page,
        log_page,
        settings_page,
        change_page,
        support_page,
    )
    for blueprint in (login_pages, guard_actions, admin_pages, *device_pages):
        app.register_blueprint(blueprint)
