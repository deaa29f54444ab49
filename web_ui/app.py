"""The web application, put together: pages, machine addresses, fences."""

from pathlib import Path

from flask import Flask
from werkzeug.exceptions import HTTPException

from kiosk.system.logs import RecentLines
from web_ui import fences, lookout, office, pages, plain, reader
from web_ui.accounts import Accounts
from web_ui.admin_pages import admin_pages
from web_ui.admit_page import admit_page
from web_ui.aiming_page import aiming_page
from web_ui.audit import Audit
from web_ui.live import Channel, Live, Parts
from web_ui.log_page import RECENT, log_page
from web_ui.login_pages import login_pages
from web_ui.machines import LIVE, machines
from web_ui.quarantine_page import quarantine_page
from web_ui.report_page import EXTENSION, Report, report_page
from web_ui.sessions import Sessions, Throttle
from web_ui.settings import PageSettings
from web_ui.settings_page import settings_page
from web_ui.support_page import support_page
from web_ui.undo_page import undo_page


def create_app(settings: PageSettings, recent: RecentLines | None = None) -> tuple[Flask, Live]:
    """The application, and its live updates: whoever serves it runs `live.run` in a thread and closes it.

    `recent`: the page's own log lines, for the administrator.
    """
    app = Flask("web_ui")
    app.extensions[RECENT] = recent or RecentLines()
    eyes = lookout.Lookout(settings)
    app.extensions |= lookout.install(eyes)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "finalize": plain.visible}
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it; its base class does not declare it

    def render(channel: Channel) -> Parts:
        with app.app_context():  # called by the stream's and the live thread, which belong to no request
            return pages.rendered_parts(app, eyes, channel)

    live = Live(changed=eyes.changed, render=render)
    app.extensions[LIVE] = live
    fences.put_up(app, fences.own_names(settings.names))
    app.register_blueprint(pages.pages)
    app.register_blueprint(pages.live_pages(live))
    app.register_blueprint(machines)
    app.register_blueprint(report_page)
    app.extensions[EXTENSION] = Report(settings)
    if settings.state_dir and settings.state_dir.is_dir():
        _open_office(app, settings.state_dir)
    app.jinja_env.globals |= {"switch": reader.switch, "office_open": office.is_open}
    app.register_error_handler(HTTPException, pages.trouble)
    return app, live


def _open_office(app: Flask, folder: Path) -> None:
    """Login and actions, where there is a folder for accounts."""
    shared = office.Office(Accounts(folder), Sessions(), Throttle(), Audit(folder))
    app.extensions |= office.install(shared)
    device_pages = (quarantine_page, aiming_page, log_page, settings_page, support_page)
    for blueprint in (login_pages, admit_page, undo_page, admin_pages, *device_pages):
        app.register_blueprint(blueprint)
