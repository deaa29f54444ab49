"""The web application, put together: pages, machine addresses, fences."""

from typing import Any

from flask import Flask
from werkzeug.exceptions import HTTPException

from kiosk.status import STATUS_FILE
from web_ui import fences, status_page, truth
from web_ui.language import Language, Writing
from web_ui.live import Live, Parts
from web_ui.machines import machines
from web_ui.pages import live_pages, pages, trouble
from web_ui.settings import PageSettings


def create_app(settings: PageSettings) -> tuple[Flask, Live]:
    """The application, and its live updates: whoever serves it runs `live.run` in a thread and closes it."""
    app = Flask("web_ui")
    app.extensions["kiosk-page"] = settings
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it; its base class does not declare it

    def changed() -> object:
        try:
            found = (settings.run_dir / STATUS_FILE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def render(language: Language) -> Parts:
        writing = Writing(language, settings.zone)
        values: dict[str, Any] = status_page.context(
            truth.look(settings.run_dir), language, writing, status_page.utc_now()
        )
        return status_page.parts(app, values)

    live = Live(changed=changed, render=render)
    fences.put_up(app, fences.own_names(settings.names))
    app.register_blueprint(pages)
    app.register_blueprint(live_pages(live))
    app.register_blueprint(machines)
    app.register_error_handler(HTTPException, trouble)
    return app, live
