"""The last log lines of the daemon and of the web server, with a filter by level, for the administrator."""

import logging
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from flask import Blueprint, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.system import logs
from kiosk.system.logs import LogBuffer, LogLine
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.i18n import request_locale
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page

log_page = Blueprint("log", __name__)

MAX_ROWS = 200
SOURCES = ("daemon", "page")
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
DEFAULT_LEVEL = "warning"
"""Every decision is a line of level info, so what needs a person would drown in them."""
FIGURES = re.compile(r"\d+")
STATUS_OF_LEVEL = {logging.CRITICAL: "fail", logging.ERROR: "fail", logging.WARNING: "warn"}
LOG_BUFFER_EXTENSION = "kiosk-log-buffer"
"""Name of the log lines of this process in `Flask.extensions`."""


@log_page.get("/admin/log")
@access_control.require_role(Role.ADMIN)
def log() -> AnyResponse:
    """Lines, newest first. An unknown filter shows all."""
    source = request.args.get("source", "")
    level, wanted = request.args.get("level", ""), request.args.get("find", "")
    source, level = source if source in SOURCES else SOURCES[0], level if level in LEVELS else DEFAULT_LEVEL
    access_control.write_audit("view-log", "done", f"{source}, {level}")
    words = wanted.casefold().split()
    kept = [
        line
        for line in read_log_lines(source)
        if level_number(line.level) >= LEVELS[level]
        and all(word in f"{line.logger} {line.text}".casefold() for word in words)
    ]
    return render_page(
        "log.html",
        rows=list(_rows(reversed(kept[-MAX_ROWS:]), kiosk_view().formatter(request_locale.request_language()))),
        left_out=max(0, len(kept) - MAX_ROWS),
        find=wanted,
        source=source,
        level=level,
        sources=SOURCES,
        levels=tuple(LEVELS),
    )


def read_log_lines(source: str) -> tuple[LogLine, ...]:
    """All lines of the daemon or of this process that are still in memory, oldest first."""
    if source == "daemon":
        return logs.read_log_tail(kiosk_view().settings.run_dir)
    log_buffer = current_app.extensions[LOG_BUFFER_EXTENSION]
    assert isinstance(log_buffer, LogBuffer)
    return log_buffer.tail()


def level_number(level: str) -> int:
    """The number of a level. An unknown level counts as an error, so that no filter hides it."""
    return logging.getLevelNamesMapping().get(level, logging.ERROR)


def _rows(found: Iterable[LogLine], formatter: LocaleFormatter) -> Iterator[dict[str, str]]:
    """Lines that repeat one after the other are one row with their number. Figures in them may differ."""
    for _, some in groupby(found, lambda line: (line.level, line.logger, FIGURES.sub("0", line.text))):
        line, *earlier = some
        status = STATUS_OF_LEVEL.get(level_number(line.level), "")
        yield {
            "time": formatter.date_time(datetime.fromisoformat(line.at)),
            "level": formatter.t.code("log.word", line.level.lower()),
            "repeats": formatter.number(len(earlier) + 1) if earlier else "",
            "status": status,
            "logger": line.logger,
            "text": line.text,
        }
