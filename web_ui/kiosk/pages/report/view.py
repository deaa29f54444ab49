"""The activity report in words and numbers, from its days, in one language; pure."""

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from kiosk.system.translations import Translator
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.data import availability_report
from web_ui.kiosk.data.availability_report import ReportDay, TimeSpan
from web_ui.kiosk.data.daemon_status import DaemonStatus
from web_ui.settings import UNNAMED, PlaceNames

MAX_OUTAGES = 20
HEAT_STEPS = 5
"""Shades of the table by hour, besides none."""


@dataclass(frozen=True, slots=True)
class HourCell:
    """One hour of the table by hour."""

    count: str
    heat: int
    """0: no passage. Else 1 to HEAT_STEPS, by the busiest hour of the period."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One day as a row of the table."""

    day: str
    opening_hours: str
    passes: str
    ins: str
    outs: str
    checked: str
    refused: str
    busiest: str
    down: str
    down_while_open: str
    lists_stale: str
    hours: tuple[HourCell, ...]
    note: str
    """Why there are no figures. Empty where there are."""
    cells: tuple[object, ...]
    """The same for a spreadsheet: numbers as numbers, times out of service in minutes."""


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """One reason of refusals."""

    reason: str
    events: int
    count: str
    percent: float
    """Of the most frequent reason."""


@dataclass(frozen=True, slots=True)
class OutageRow:
    """One time out of service."""

    from_at: str
    until_at: str
    duration: str
    cause: str


def report_context(
    days: tuple[ReportDay, ...],
    daemon: DaemonStatus,
    formatter: LocaleFormatter,
    now: datetime,
    *,
    place: PlaceNames = UNNAMED,
    refusals: tuple[tuple[str, int], ...] = (),
) -> dict[str, Any]:
    """Values of the part `report`."""
    t, status = formatter.t, daemon.status
    outages = [span for day in reversed(days) for span in reversed(day.down)]
    most = max((max(day.hours) for day in days), default=0)
    return {
        "report_rows": [_report_row(day, formatter, most) for day in reversed(days)],
        "report_sums": _sums(days, formatter),
        "report_refusals": _refusal_rows(refusals, formatter),
        "report_outages": [_outage_row(span, formatter) for span in outages[:MAX_OUTAGES]],
        "report_more": max(0, len(outages) - MAX_OUTAGES),
        "report_says": t(
            "report.says",
            site=place.site or (status.site if status else "–"),
            device=place.gate or (status.device if status else "–"),
            first=_day_text(days[0], formatter) if days else "–",
            last=_day_text(days[-1], formatter) if days else "–",
            at=formatter.date_time(now),
        ),
    }


def _sums(days: tuple[ReportDay, ...], formatter: LocaleFormatter) -> list[tuple[str, str]]:
    """Name and number of the whole period."""
    found = {
        "passes": sum(day.passes for day in days),
        "ins": sum(day.ins for day in days),
        "outs": sum(day.outs for day in days),
        "checked": sum(day.checked for day in days),
        "refused": sum(day.refused for day in days),
    }
    return [(formatter.t(f"report.{name}"), formatter.number(count)) for name, count in found.items()]


def _refusal_rows(refusals: tuple[tuple[str, int], ...], formatter: LocaleFormatter) -> list[RefusalRow]:
    most = max((count for _, count in refusals), default=1)
    return [
        RefusalRow(
            formatter.t.code("reason-label", reason), count, formatter.number(count), round(100.0 * count / most, 1)
        )
        for reason, count in refusals
    ]


def _report_row(day: ReportDay, formatter: LocaleFormatter, most_of_all: int) -> ReportRow:
    t = formatter.t
    note = _note(day, t)
    most, opening_hours = max(day.hours), _opening_text(day, t)
    unknown = "–" if note else "" if day.known else t("report.unknown")
    sums = (day.passes, day.ins, day.outs, day.checked, day.refused)
    passes, ins, outs, checked, refused = ("–" if note else formatter.number(count) for count in sums)
    return ReportRow(
        day=_day_text(day, formatter),
        opening_hours=opening_hours,
        passes=passes,
        ins=ins,
        outs=outs,
        checked=checked,
        refused=refused,
        busiest=f"{day.hours.index(most):02}:00 ({formatter.number(most)})" if most else "–",
        down=unknown or _duration_text(day.down, t),
        down_while_open=unknown or _duration_text(day.down_while_open, t),
        lists_stale=unknown or _duration_text(day.lists_stale, t),
        hours=tuple(
            HourCell(formatter.number(count) if count else "", ceil(HEAT_STEPS * count / most_of_all) if count else 0)
            for count in day.hours
        ),
        note=note,
        cells=(
            day.date.isoformat(),
            opening_hours,
            *(("",) * len(sums) if note else sums),
            *(("", "") if unknown else (_minutes(day.down), _minutes(day.down_while_open))),
            note,
            *day.hours,
        ),
    )


def _note(day: ReportDay, t: Translator) -> str:
    if not day.installed:
        return t("report.not-installed")
    return "" if day.counted else t("report.deleted")


def _day_text(day: ReportDay, formatter: LocaleFormatter) -> str:
    return formatter.date(datetime(day.date.year, day.date.month, day.date.day, tzinfo=formatter.zone))


def _opening_text(day: ReportDay, t: Translator) -> str:
    if day.opening_hours is None:
        return t("report.always")
    return ", ".join(f"{span.from_at:%H:%M}–{span.until_at:%H:%M}" for span in day.opening_hours) or t("report.closed")


def _outage_row(span: TimeSpan, formatter: LocaleFormatter) -> OutageRow:
    t = formatter.t
    cause = t("report.cause.known") if span.certain else t("report.cause.unwitnessed")
    return OutageRow(
        formatter.date_time(span.from_at), formatter.date_time(span.until_at), _duration_text((span,), t), cause
    )


def _minutes(spans: tuple[TimeSpan, ...]) -> int:
    """Rounded up."""
    return -int(-availability_report.total_duration_s(spans) // 60)


def _duration_text(spans: tuple[TimeSpan, ...], t: Translator) -> str:
    """`2:05` hours and minutes, rounded up. With a sign if it is an upper bound."""
    minutes = _minutes(spans)
    if not minutes:
        return "–"
    text = f"{minutes // 60}:{minutes % 60:02}"
    return text if all(span.certain for span in spans) else t("report.at-most", duration=text)
