"""What the templates of the status page are given."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from flask import Flask

from web_ui.i18n.formatting import Language, Writing
from web_ui.i18n.texts import PAGE
from web_ui.i18n.texts_admin import OFFICE
from web_ui.i18n.texts_device import DEVICE
from web_ui.i18n.texts_report import REPORT
from web_ui.kiosk.data.daemon_status import Truth
from web_ui.kiosk.data.hourly_counts import Day
from web_ui.kiosk.pages import chart, view_model

SECTIONS = ("hero", "people", "day", "latest", "sending", "camera", "checks", "device")
"""The sections of the page, in its order."""
PARTS = (*SECTIONS, "when")
"""What changes by itself: each is a template of its own, and is sent anew when it changed."""

LIST = re.compile(r"([0-9]{1,12}) \(([0-9]{4}-[0-9]{2}-[0-9]{2})\)")
"""A list's number and date, as the daemon tells them (kiosk/app/status_collector.py)."""
PAGE_VERSION = version("entrance-kiosk")
WORDS = {**PAGE, **OFFICE, **DEVICE, **REPORT}


def translate(language: Language) -> Callable[..., str]:
    """The function that templates call for a sentence of the page; raises KeyError for one that does not exist."""

    def of(key: str, **values: object) -> str:
        return WORDS[key].of(language, **values)

    return of


def context(truth: Truth, day: Day | None, language: Language, writing: Writing, now: datetime) -> dict[str, Any]:
    """Everything that the parts show, at one moment, in one language."""
    t = translate(language)
    status = truth.status
    hero = view_model.hero(truth, now, language, writing)
    values: dict[str, Any] = {
        "t": t,
        "title": f"{hero.word} · {status.device if status else t('title')}",
        "language": language,
        "truth": truth,
        "status": status,
        "where": status,
        "number": writing.number,
        "hero": hero,
        "day": day,
        "chart": chart.draw(day, writing) if day else None,
        "counts": day.today if day else _counted(status.counters) if status else {},
        "room": view_model.room(status),
        "answers": view_model.answers(status, language, writing),
        "checks": view_model.checks(status, language),
    }
    if status:
        names = {"trust": t("list.trust"), "denied": t("list.denied")}
        received = status.uplink.last_receipt_at
        values |= {
            "now": writing.clock(view_model.moment(status.now_at)),
            "started": writing.moment(view_model.moment(status.started_at)),
            "clock": view_model.clock_word(status, language),
            "leaves": view_model.delivery_word(status, language),
            "lists": [
                (names.get(name, name), _list(value, now, t, writing)) for name, value in sorted(status.lists.items())
            ],
            "page_version": PAGE_VERSION if status.version != PAGE_VERSION else "",
            "oldest": _ago(status.outbox.oldest_at, now, writing),
            "receipt": t("receipt.ago", span=_ago(received, now, writing)) if received else "",
            "frame_age": "" if status.camera.age_s is None else _age(status.camera.age_s, t, writing),
        }
    return values


def _counted(counters: Mapping[str, int]) -> dict[str, int]:
    """Since the daemon's start: who was let through, without those whose passage was undone."""
    return {**counters, "pass": counters.get("pass", 0) - counters.get("annulled", 0)}


def _list(value: str, now: datetime, t: Callable[..., str], writing: Writing) -> str:
    """`12 (2026-11-20)` with its date as the language writes it, and its age; anything else as it is."""
    found = LIST.fullmatch(value)
    if found is None:
        return value
    try:
        issued = datetime.fromisoformat(found[2]).replace(tzinfo=UTC)
    except ValueError:
        return value
    return t("list.of", number=found[1], day=writing.day(issued), span=writing.span((now - issued).total_seconds()))


def _ago(at: str | None, now: datetime, writing: Writing) -> str:
    return writing.span((now - view_model.moment(at)).total_seconds()) if at else ""


def _age(seconds: float, t: Callable[..., str], writing: Writing) -> str:
    """To a tenth only where it matters, so that an unchanged view is not sent again and again."""
    return t("frame.fresh") if seconds < 1 else t("receipt.ago", span=writing.span(seconds))


def rendered(app: Flask, names: Iterable[str], values: Mapping[str, Any]) -> dict[str, str]:
    """Each of these parts as HTML."""
    env = app.jinja_env
    return {name: env.get_template(f"parts/{name}.html").render(values) for name in names}
