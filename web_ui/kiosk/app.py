"""The web application, put together: pages, machine addresses, fences."""

from pathlib import Path

from flask import Flask
from werkzeug.exceptions import HTTPException

from kiosk.system.logs import RecentLines
from web_ui.auth import access_control
from web_ui.auth.accounts import Accounts
from web_ui.auth.audit_log import Audit
from web_ui.auth.login_pages import login_pages
from web_ui.auth.sessions import Sessions, Throttle
from web_ui.i18n import request_locale, text_sanitizer
from web_ui.kiosk.api.routes import LIVE, machines
from web_ui.kiosk.pages import kiosk_view, public
from web_ui.kiosk.pages.admin.camera_aiming import aiming_page
from web_ui.kiosk.pages.admin.configuration import settings_page
from web_ui.kiosk.pages.admin.home import admin_pages
from web_ui.kiosk.pages.admin.log import RECENT, log_page
from web_ui.kiosk.pages.admin.quarantine import quarantine_page
from web_ui.kiosk.pages.admin.support_page import support_page
from web_ui.kiosk.pages.admit_page import admit_page
from web_ui.kiosk.pages.guard_actions import undo_page
from web_ui.kiosk.pages.report import EXTENSION, Report, report_page
from web_ui.server import security_headers
from web_ui.server.server_sent_events import Channel, Live, Parts
from web_ui.settings import PageSettings


def create_app(settings: PageSettings, recent: RecentLines | None = None) -> tuple[Flask, Live]:
    """The application, and its live updates: whoever serves it runs `live.run` in a thread and closes it.

    `recent`: the page's own log lines, for the administrator.
    """
    app = Flask("web_ui")
    app.extensions[RECENT] = recent or RecentLines()
    eyes = kiosk_view.Lookout(settings)
    app.extensions |= kiosk_view.install(eyes)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "finalize": text_sanitizer.visible}
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it; its base class does not declare it

    def render(channel: Channel) -> Parts:
        with app.app_context():  # called by the stream's and the live thread, which belong to no request
            return public.rendered_parts(app, eyes, channel)

    live = Live(changed=eyes.changed, render=render)
    app.extensions[LIVE] = live
    security_headers.put_up(app, security_headers.own_names(settings.names))
    app.register_blueprint(public.pages)
    app.register_blueprint(public.live_pages(live))
    app.register_blueprint(machines)
    app.register_blueprint(report_page)
    app.extensions[EXTENSION] = Report(settings)
    if settings.state_dir and settings.state_dir.is_dir():
        _open_office(app, settings.state_dir)
    app.jinja_env.globals |= {"switch": request_locale.switch, "office_open": access_control.is_open}
    app.register_error_handler(HTTPException, public.trouble)
    return app, live


def _open_office(app: Flask, folder: Path) -> None:
    """Login and actions, where there is a folder for accounts."""
    shared = access_control.Office(Accounts(folder), Sessions(), Throttle(), Audit(folder))
    app.extensions |= access_control.install(shared)
    device_pages = (quarantine_page, aiming_page, log_page, settings_page, support_page)
    for blueprint in (login_pages, admit_page, undo_page, admin_pages, *device_pages):
        app.register_blueprint(blueprint)
