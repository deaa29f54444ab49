"""What the templates of the status page are given."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any

from flask import Flask

from kiosk.core.frame_grades import FrameGrade, contrast_grade, focus_grade, light_grade
from kiosk.core.status import CameraStatus, EnrolmentStatus, ListStatus, StatusSnapshot
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.data.daemon_status import DaemonStatus
from web_ui.kiosk.data.hourly_counts import DayCounts
from web_ui.kiosk.pages import chart, view_model

SECTIONS = ("status_header", "occupancy", "day", "recent_decisions", "delivery", "camera", "checks", "device")
"""The sections of the page, in its order."""
STATUS_PARTS = (*SECTIONS, "updated")
"""What changes by itself: each is a template of its own, and is sent again when it changed."""
PAGE_VERSION = version("entrance-kiosk")


def status_context(
    daemon: DaemonStatus, day: DayCounts | None, formatter: LocaleFormatter, now: datetime
) -> dict[str, Any]:
    """Everything that the parts show, at one moment, in one language."""
    t, status = formatter.t, daemon.status
    header = view_model.status_header(daemon, now, formatter)
    values: dict[str, Any] = {
        "t": t,
        "title": f"{header.word} · {status.device if status else t('page.title')}",
        "language": t.language,
        "daemon": daemon,
        "status": status,
        "number": formatter.number,
        "status_header": header,
        "day": day,
        "chart": chart.build_chart(day, formatter) if day else None,
        "counts": day.today if day else _net_counts(status.counters) if status else {},
        "refusals": [(t.code("reason-label", reason), formatter.number(n)) for reason, n in day.refusals]
        if day
        else [],
        "occupancy": view_model.occupancy_view(status),
        "yesterday": {outcome: formatter.number(day.yesterday[outcome]) for outcome in chart.OUTCOME_ORDER}
        if day
        else {},
        "recent_decisions": view_model.decision_rows(status, formatter),
        "checks": view_model.check_rows(status, t),
        "enrolment": _enrolment_values(status.enrolment, formatter) if status and status.enrolment else None,
    }
    return values | _device_values(status, now, formatter) if status else values


def _device_values(status: StatusSnapshot, now: datetime, formatter: LocaleFormatter) -> dict[str, Any]:
    """What is shown only if there is a status: times, lists, delivery and camera."""
    t = formatter.t
    received_at, frame_age_s = status.uplink.last_receipt_at, status.camera.frame_age_s
    return {
        "now": formatter.time_of_day(view_model.parse_time(status.now_at)),
        "started": formatter.date_time(view_model.parse_time(status.started_at)),
        "clock": t.code("clock", status.clock_quality),
        "camera_grades": list(_camera_grades(status.camera, formatter)),
        "acknowledge_by": t.code("acknowledge-by", status.uplink.acknowledge_by),
        "lists": [(t.code("list", name), _list_text(found, now, formatter)) for name, found in status.lists.items()],
        "page_version": PAGE_VERSION if status.version != PAGE_VERSION else "",
        "oldest": _elapsed_text(status.outbox.oldest_at, now, formatter),
        "receipt": t("page.receipt.ago", duration=_elapsed_text(received_at, now, formatter)) if received_at else "",
        "frame_age": "" if frame_age_s is None else _frame_age_text(frame_age_s, formatter),
    }


def _camera_grades(camera: CameraStatus, formatter: LocaleFormatter) -> Iterator[tuple[str, str, str, str]]:
    """Message id of the name, status, grade in words, and number, of what was measured."""
    measured = (
        ("page.light", camera.mean_luma, light_grade),
        ("page.contrast", camera.contrast, contrast_grade),
        ("page.sharpness", camera.sharpness, focus_grade),
    )
    for name, value, grade_of in measured:
        if value is not None:
            grade = grade_of(value)
            status = "pass" if grade is FrameGrade.GOOD else "warn"
            yield name, status, formatter.t(f"frame-grade.{grade}"), formatter.number(value)


def _enrolment_values(enrolment: EnrolmentStatus, formatter: LocaleFormatter) -> dict[str, Any] | None:
    """Name, words and end of the code that this kiosk has read. None: it has read none."""
    if not enrolment.name:
        return None
    until = formatter.time_of_day(view_model.parse_time(enrolment.expires_at)) if enrolment.expires_at else ""
    return {"name": enrolment.name, "words": sorted(enrolment.words.items(), reverse=True), "until": until}


def _net_counts(counters: Mapping[str, int]) -> dict[str, int]:
    """Decisions since the daemon's start, without the passes that were undone."""
    return {**counters, "pass": counters.get("pass", 0) - counters.get("annulled", 0)}


def _list_text(found: ListStatus, now: datetime, formatter: LocaleFormatter) -> str:
    """Number, date and age of a signed list."""
    issued_at = view_model.parse_time(found.issued_at)
    return formatter.t(
        "list.number-and-age",
        number=found.number,
        date=formatter.date(issued_at),
        duration=formatter.duration((now - issued_at).total_seconds()),
    )


def _elapsed_text(at: str | None, now: datetime, formatter: LocaleFormatter) -> str:
    return formatter.duration((now - view_model.parse_time(at)).total_seconds()) if at else ""


def _frame_age_text(seconds: float, formatter: LocaleFormatter) -> str:
    """Below one second without a number, so that an unchanged page is not sent again and again."""
    t = formatter.t
    return t("page.frame.fresh") if seconds < 1 else t("page.receipt.ago", duration=formatter.duration(seconds))


def render_parts(app: Flask, names: Iterable[str], values: Mapping[str, Any]) -> dict[str, str]:
    """Each of these parts as HTML."""
    env = app.jinja_env
    return {name: env.get_template(f"parts/{name}.html").render(values) for name in names}
