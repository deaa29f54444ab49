"""The last lines of the daemon's and the page's log, for the administrator, with a filter by level."""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime

from flask import Blueprint, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.system import logs
from kiosk.system.logs import Line, RecentLines
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.auth.login_pages import page
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import Writing
from web_ui.kiosk.pages.kiosk_view import lookout

log_page = Blueprint("log", __name__)

SHOWN = 200
SOURCES = ("daemon", "page")
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
GRADES = {logging.CRITICAL: "broken", logging.ERROR: "broken", logging.WARNING: "warn"}
RECENT = "kiosk-recent-lines"
"""Name of the page's own lines in `Flask.extensions`."""


@log_page.get("/admin/log")
@access_control.needs(Role.ADMIN)
def log() -> AnyResponse:
    """Lines, newest first; a filter that is none shows all."""
    source = request.args.get("source", "")
    level = request.args.get("level", "")
    source, level = source if source in SOURCES else SOURCES[0], level if level in LEVELS else "info"
    access_control.note("look at the log", "done", f"{source}, {level}")
    found = lines(source)
    kept = [line for line in found if number_of(line.level) >= LEVELS[level]]
    return page(
        "log.html",
        rows=list(_rows(reversed(kept[-SHOWN:]), lookout().writing(request_locale.language()))),
        left_out=max(0, len(kept) - SHOWN),
        source=source,
        level=level,
        sources=SOURCES,
        levels=tuple(LEVELS),
    )


def lines(source: str) -> tuple[Line, ...]:
    """All lines that are kept of the daemon or of this page, oldest first."""
    if source == "daemon":
        return logs.last(lookout().settings.run_dir)
    recent = current_app.extensions[RECENT]
    assert isinstance(recent, RecentLines)
    return recent.last()


def number_of(level: str) -> int:
    """The level's weight; a word that is none weighs as an error, so that no filter hides it."""
    return logging.getLevelNamesMapping().get(level, logging.ERROR)


def _rows(found: Iterable[Line], writing: Writing) -> Iterator[dict[str, str]]:
    for line in found:
        grade = GRADES.get(number_of(line.level), "")
        yield {
            "time": writing.moment(datetime.fromisoformat(line.at)),
            "level": line.level,
            "grade": grade,
            "where": line.where,
            "text": line.text,
        }
