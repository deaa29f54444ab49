"""What a notification and a report say, in the language of the receiver. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from kiosk.core.ports import KioskError
from mqtt.centre.alerts.conditions import WHOLE_CITY, AlertKind
from mqtt.centre.alerts.store import Alert
from mqtt.centre.registry.model import Area
from web_ui.centre.data.attendance import Attendance
from web_ui.centre.data.fleet import Fleet
from web_ui.centre.data.hours import SitePeriod
from web_ui.i18n.formatting import LocaleFormatter

MAX_LINES = 40
"""Lines of one message. The others are counted."""
URGENT = (Attendance.NEVER, Attendance.STOPPED, Attendance.GAPS)


class NotifyError(KioskError):
    """A message was not delivered."""


def alert_detail(alert: Alert, formatter: LocaleFormatter) -> str:
    """The number or code of an alert in words. Empty if there is none."""
    if alert.kind is AlertKind.OUT_OF_ORDER:
        return alert.detail
    if not alert.detail.isascii() or not alert.detail.isdigit():
        return ""
    shared = alert.subject == WHOLE_CITY and alert.kind is not AlertKind.LIST_ENDS
    kind = AlertKind.CITY_OUTAGE if shared else alert.kind
    number = int(alert.detail)
    return formatter.t.plural(f"centre.alert-detail.{kind}", number, number=formatter.number(number))


def alert_title(alert: Alert, fleet: Fleet, formatter: LocaleFormatter) -> str:
    """What an alert is about, as people call it."""
    if alert.subject == WHOLE_CITY:
        return formatter.t("centre.whole-city")
    if "/" in alert.subject:
        return fleet.registry.full_title(alert.subject, fleet.day)
    site = fleet.sites.get(alert.subject)
    return site.title if site else alert.subject


def alert_message(alerts: Sequence[Alert], fleet: Fleet, formatter: LocaleFormatter) -> tuple[str, str]:
    """Title and text of a message about new alerts."""
    t = formatter.t
    title = t.plural("centre.notify.title", len(alerts), count=formatter.number(len(alerts)))
    return title, "\n".join(_limited([_alert_line(alert, fleet, formatter) for alert in alerts], formatter))


def _alert_line(alert: Alert, fleet: Fleet, formatter: LocaleFormatter) -> str:
    area = next((area for area in fleet.registry.rows.areas if area.number == alert.area), None)
    parts = (
        f"{formatter.t.code('centre.alert', alert.kind)}: {alert_title(alert, fleet, formatter)}",
        area.name(formatter.language) if area else "",
        alert_detail(alert, formatter),
        formatter.date_time(alert.since),
    )
    return " · ".join(filter(None, parts))


def report_message(
    area: Area, periods: Sequence[SitePeriod], fleet: Fleet, formatter: LocaleFormatter, *, days: int, last_day: date
) -> tuple[str, str]:
    """Title and text of the report of an area: how many passed, which sites are silent now, who does not scan."""
    t, name = formatter.t, area.name(formatter.language)
    first, last = (f"{day:{t('format.date')}}" for day in (last_day - timedelta(days=days - 1), last_day))
    title = t("centre.report.title", area=name, period=last if days == 1 else f"{first} – {last}")
    silent = [period for period in periods if period.site.is_silent]
    urgent = [period for period in periods if period.attendance.attendance in URGENT]
    passed = sum(period.total.passed for period in periods)
    lines = [
        t("centre.report.sums", sites=formatter.number(len(periods)), passed=formatter.number(passed)),
        t("centre.report.silent", count=formatter.number(len(silent))),
        t("centre.report.urgent", count=formatter.number(len(urgent))),
        "",
        *_limited([_period_line(period, formatter) for period in urgent], formatter),
        "",
        t("centre.updated", at=formatter.date_time(fleet.at)),
    ]
    return title, "\n".join(lines)


def _period_line(period: SitePeriod, formatter: LocaleFormatter) -> str:
    found, t = period.attendance, formatter.t
    missed = t("centre.of", part=formatter.number(found.missed_hours), whole=formatter.number(found.open_hours))
    text = f"{period.site.title}: {t.code('centre.attendance', found.attendance)}"
    return f"{text} · {t('centre.column.missed-hours')}: {missed}"


def _limited(lines: Sequence[str], formatter: LocaleFormatter) -> Iterator[str]:
    yield from lines[:MAX_LINES]
    if len(lines) > MAX_LINES:
        yield formatter.t("centre.notify.more", count=formatter.number(len(lines) - MAX_LINES))
