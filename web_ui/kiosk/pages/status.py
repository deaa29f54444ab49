"""What the templates of the status page are given."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from flask import Flask

from web_ui.i18n.formatting import Language, LocaleFormatter
from web_ui.i18n.texts import PAGE_TEXTS
from web_ui.i18n.texts_admin import ADMIN_TEXTS
from web_ui.i18n.texts_device import DEVICE_TEXTS
from web_ui.i18n.texts_report import REPORT_TEXTS
from web_ui.kiosk.data.daemon_status import DaemonStatus
from web_ui.kiosk.data.hourly_counts import DayCounts
from web_ui.kiosk.pages import chart, view_model

SECTIONS = ("hero", "people", "day", "latest", "sending", "camera", "checks", "device")
"""The sections of the page, in its order."""
STATUS_PARTS = (*SECTIONS, "when")
"""What changes by itself: each is a template of its own, and is sent anew when it changed."""

LIST_PATTERN = re.compile(r"([0-9]{1,12}) \(([0-9]{4}-[0-9]{2}-[0-9]{2})\)")
"""A list's number and date, as the daemon tells them (kiosk/app/status_collector.py)."""
PAGE_VERSION = version("entrance-kiosk")
TEXTS = {**PAGE_TEXTS, **ADMIN_TEXTS, **DEVICE_TEXTS, **REPORT_TEXTS}


def make_translator(language: Language) -> Callable[..., str]:
    """The function that templates call for a sentence of the page; raises KeyError for one that does not exist."""

    def of(key: str, **values: object) -> str:
        return TEXTS[key].of(language, **values)

    return of


def status_context(
    daemon: DaemonStatus, day: DayCounts | None, language: Language, formatter: LocaleFormatter, now: datetime
) -> dict[str, Any]:
    """Everything that the parts show, at one moment, in one language."""
    t = make_translator(language)
    status = daemon.status
    hero = view_model.status_header(daemon, now, language, formatter)
    values: dict[str, Any] = {
        "t": t,
        "title": f"{hero.word} · {status.device if status else t('title')}",
        "language": language,
        "truth": daemon,
        "status": status,
        "where": status,
        "number": formatter.number,
        "hero": hero,
        "day": day,
        "chart": chart.build_chart(day, formatter) if day else None,
        "counts": day.today if day else _net_counts(status.counters) if status else {},
        "room": view_model.occupancy_view(status),
        "answers": view_model.decision_rows(status, language, formatter),
        "checks": view_model.check_rows(status, language),
    }
    if status:
        names = {"trust": t("list.trust"), "denied": t("list.denied")}
        received = status.uplink.last_receipt_at
        values |= {
            "now": formatter.time_of_day(view_model.parse_time(status.now_at)),
            "started": formatter.date_time(view_model.parse_time(status.started_at)),
            "clock": view_model.clock_label(status, language),
            "leaves": view_model.delivery_label(status, language),
            "lists": [
                (names.get(name, name), _list_text(value, now, t, formatter))
                for name, value in sorted(status.lists.items())
            ],
            "page_version": PAGE_VERSION if status.version != PAGE_VERSION else "",
            "oldest": _elapsed_text(status.outbox.oldest_at, now, formatter),
            "receipt": t("receipt.ago", span=_elapsed_text(received, now, formatter)) if received else "",
            "frame_age": ""
            if status.camera.frame_age_s is None
            else _frame_age_text(status.camera.frame_age_s, t, formatter),
        }
    return values


def _net_counts(counters: Mapping[str, int]) -> dict[str, int]:
    """Since the daemon's start: who was let through, without those whose passage was undone."""
    return {**counters, "pass": counters.get("pass", 0) - counters.get("annulled", 0)}


def _list_text(value: str, now: datetime, t: Callable[..., str], formatter: LocaleFormatter) -> str:
    """`12 (2026-11-20)` with its date as the language writes it, and its age; anything else as it is."""
    found = LIST_PATTERN.fullmatch(value)
    if found is None:
        return value
    try:
        issued = datetime.fromisoformat(found[2]).replace(tzinfo=UTC)
    except ValueError:
        return value
    return t(
        "list.of", number=found[1], day=formatter.date(issued), span=formatter.duration((now - issued).total_seconds())
    )


def _elapsed_text(at: str | None, now: datetime, formatter: LocaleFormatter) -> str:
    return formatter.duration((now - view_model.parse_time(at)).total_seconds()) if at else ""


def _frame_age_text(seconds: float, t: Callable[..., str], formatter: LocaleFormatter) -> str:
    """To a tenth only where it matters, so that an unchanged view is not sent again and again."""
    return t("frame.fresh") if seconds < 1 else t("receipt.ago", span=formatter.duration(seconds))


def render_parts(app: Flask, names: Iterable[str], values: Mapping[str, Any]) -> dict[str, str]:
    """Each of these parts as HTML."""
    env = app.jinja_env
    return {name: env.get_template(f"parts/{name}.html").render(values) for name in names}
