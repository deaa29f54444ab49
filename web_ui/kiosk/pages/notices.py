"""Sheets to print and hang up: why a person was not let through, and how personal data is handled.

What the configuration knows is printed. The rest is a dotted line to write on, so that no sheet claims what is not so.
"""

from pathlib import Path

from flask import Blueprint, Flask, Response, make_response, render_template
from markupsafe import Markup

from kiosk.system.translations import Translator, translator
from web_ui.i18n import request_locale
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.settings import WebSettings

notice_pages = Blueprint("notices", __name__)
NOTICES = ("why", "privacy")


@notice_pages.get(f"/notices/<any({', '.join(NOTICES)}):name>")
def notice(name: str) -> Response:
    """One sheet in the reader's language."""
    language = request_locale.request_language()
    return request_locale.set_language_cookie(make_response(_html(kiosk_view().settings, name, language)))


def notice_file(app: Flask, settings: WebSettings, name: str, language: str) -> str:
    """The HTML of a sheet of NOTICES with its style inside, so that it can be printed from a file."""
    css = Path(app.static_folder or "", "notice.css").read_text(encoding="utf-8")
    with app.app_context():
        return _html(settings, name, language, css)


def _html(settings: WebSettings, name: str, language: str, css: str = "") -> str:
    return render_template(
        f"notices/{name}_{language}.html",
        name=name,
        language=language,
        css=Markup(css),  # noqa: S704  # our own file
        place=settings.place,
        hours=", ".join(_hours_text(text, translator(language)) for text in settings.opening_hours),
        retention_days=settings.retention_days,
        encrypted=settings.encrypted_delivery,
    )


def _hours_text(text: str, t: Translator) -> str:
    """Opening hours of the configuration (`mon-fri 07:30-17:00`) with the days in words."""
    days, times = text.split()
    return f"{times} ({' – '.join(t(f'weekday.{day}') for day in days.lower().split('-'))})"
