"""Rendering of the pages behind a login."""

from flask import Response, make_response, render_template

from kiosk.system.translations import translator
from web_ui.auth import access_control
from web_ui.i18n import request_locale
from web_ui.kiosk.pages.kiosk_view import kiosk_view


def render_page(template: str, *, code: int = 200, **values: object) -> Response:
    """A page behind a login, in the reader's language."""
    language = request_locale.request_language()
    body = render_template(
        template,
        t=translator(language),
        language=language,
        session=access_control.current_session(),
        status=kiosk_view().daemon_status().status,
        **values,
    )
    return request_locale.set_language_cookie(make_response(body, code))
