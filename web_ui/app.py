"""The web application, put together: pages, machine addresses, fences."""

from flask import Flask
from werkzeug.exceptions import HTTPException

from web_ui import fences, lookout, status_page
from web_ui.language import Language
from web_ui.live import Live, Parts
from web_ui.machines import machines
from web_ui.pages import live_pages, pages, trouble
from web_ui.settings import PageSettings


def create_app(settings: PageSettings) -> tuple[Flask, Live]:
    """The application, and its live updates: whoever serves it runs `live.run` in a thread and closes it."""
    app = Flask("web_ui")
    eyes = lookout.Lookout(settings)
    app.extensions |= lookout.install(eyes)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it; its base class does not declare it

    def render(language: Language) -> Parts:
        return status_page.parts(app, eyes.status_page(language))

    live = Live(changed=eyes.changed, render=render)
    fences.put_up(app, fences.own_names(settings.names))
    app.register_blueprint(pages)
    app.register_blueprint(live_pages(live))
    app.register_blueprint(machines)
    app.register_error_handler(HTTPException, trouble)
    return app, live
