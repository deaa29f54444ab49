"""Rendering of the centre's pages: in the reader's language, as a page, as its main part alone, or as a file to save."""

import hashlib
from datetime import datetime
from typing import Any

from flask import Response, g, make_response, render_template, request

from kiosk.system.translations import Translator
from mqtt.centre.accounts.roles import Permission
from mqtt.centre.alerts.store import count_open
from mqtt.centre.ingest.database import open_query
from web_ui.centre.access import centre_context, current_viewer, visible_areas, write_audit
from web_ui.centre.data.calendar import CITY_ZONE
from web_ui.centre.data.tables import PageTable, to_csv, to_xlsx
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import LocaleFormatter, choose_language

FORMATS = {
    "csv": ("text/csv; charset=utf-8", to_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", to_xlsx),
}
MAIN_ONLY = "main"
"""`?format=main`: what a page that keeps itself current asks for."""


def page_formatter() -> LocaleFormatter:
    """Words, numbers and times for the reader of this request."""
    if "formatter" not in g:
        wanted, cookie = request.args.get("lang"), request.cookies.get(request_locale.LANGUAGE_COOKIE)
        language = choose_language(wanted, cookie, request.accept_languages, centre_context().settings.language)
        g.formatter = LocaleFormatter(language, CITY_ZONE)
    found: LocaleFormatter = g.formatter
    return found


def render_page(
    template: str, *, code: int = 200, table: PageTable | None = None, audit_area: int = 0, **values: Any
) -> Response:
    """A page. With `?format=csv` or `xlsx` its table as a file: the export is written to the audit first.

    `audit_area`: number of the area that the table is about.
    """
    wanted = request.args.get("format", "")
    if table is not None and wanted in FORMATS:
        return _export(table, wanted, audit_area)
    formatter, oidc = page_formatter(), centre_context().settings.oidc
    shown = {
        "t": formatter.t,
        "formatter": formatter,
        "language": formatter.language,
        "viewer": current_viewer(),
        "organisation": centre_context().settings.organisation,
        "provider_name": oidc.shown_name if oidc else "",
        "open_alert_count": _open_alert_count() if wanted != MAIN_ONLY else 0,
        "exports": tuple(FORMATS) if table is not None else (),
        "base": "centre/main.html" if wanted == MAIN_ONLY else "centre/base.html",
        **values,
    }
    answer = make_response(render_template(f"centre/{template}", **shown), code)
    if wanted == MAIN_ONLY:
        answer.set_etag(hashlib.blake2b(answer.get_data(), digest_size=12).hexdigest())
        answer.headers["Cache-Control"] = "no-cache, private"
        answer.make_conditional(request)
    return request_locale.set_language_cookie(answer)


def _open_alert_count() -> int:
    """Open alerts that the reader may see, for the navigation."""
    found = current_viewer()
    if found is None or not found.may(Permission.VIEW):
        return 0
    with open_query(centre_context().settings.database) as query:
        return count_open(query, visible_areas(Permission.VIEW))


def render_plain(template: str, *, code: int, **values: Any) -> Response:
    """A page that needs no database, for errors."""
    formatter = page_formatter()
    shown = {
        "t": formatter.t,
        "language": formatter.language,
        "viewer": None,
        "exports": (),
        "base": "centre/base.html",
    }
    return make_response(render_template(f"centre/{template}", code=code, **shown, **values), code)


def _export(table: PageTable, wanted: str, area: int) -> Response:
    with open_query(centre_context().settings.database) as query:
        write_audit(query, "export", f"{request.path} {wanted}", area=area)
    kind, write = FORMATS[wanted]
    answer = make_response(write(table))
    answer.headers["Content-Type"] = kind
    name = request.path.strip("/").replace("/", "-") or "export"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{wanted}"'
    return answer


def share_text(formatter: LocaleFormatter, share: float | None) -> str:
    """`3,4 %`. Empty without a value."""
    return "" if share is None else f"{formatter.number(100 * share, 1)}\N{NO-BREAK SPACE}%"


def age_text(formatter: LocaleFormatter, at: datetime | None, now: datetime) -> str:
    """`3 phút trước`. A dash without a time."""
    if at is None:
        return "–"
    return formatter.t("page.receipt.ago", duration=formatter.duration((now - at).total_seconds()))


def hour_text(formatter: LocaleFormatter, at: datetime | None) -> str:
    """`14:00 28/11/2026`. A dash without a time."""
    return f"{at.astimezone(formatter.zone):%H:%M} {formatter.date(at)}" if at else "–"


def device_state(t: Translator, *, state: str, is_silent: bool) -> tuple[str, str]:
    """Shape and word of the state of a device."""
    if is_silent:
        return "stale", t("centre.state.silent")
    return (state or "stale"), t.code("state", state) if state else t("centre.state.unknown")
