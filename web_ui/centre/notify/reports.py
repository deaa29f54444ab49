"""The reports of areas by message: at the hour of the city, to each receiver who wants them, of whole days that are over."""

import hashlib
import logging
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from mqtt.centre.alerts.report_log import is_due, mark_sent, mark_tried
from mqtt.centre.ingest.database import open_query
from web_ui.centre.data.calendar import CITY_ZONE, local_day
from web_ui.centre.data.day_cache import DayCache
from web_ui.centre.data.fleet import Fleet, FleetReader
from web_ui.centre.data.hours import read_area_period
from web_ui.centre.notify.notifier import deliver
from web_ui.centre.notify.receivers import Receiver
from web_ui.centre.notify.sender import NotificationSender
from web_ui.centre.notify.texts import report_message
from web_ui.i18n.formatting import LocaleFormatter

REPORT_TIME = time(7)
"""Of the city. The days of the report are over then."""

_log = logging.getLogger(__name__)


def send_reports(
    database: str, reader: FleetReader, receivers: Sequence[Receiver], sender: NotificationSender, days: int
) -> int:
    """The report of the last days before today to each receiver. Returns how many were not delivered. Raises LedgerError."""
    fleet, cache = reader.refresh(), DayCache(database)
    last_day = fleet.day - timedelta(days=1)
    return sum(not _send(cache, fleet, receiver, sender, days=days, last_day=last_day) for receiver in receivers)


def send_due_reports(
    database: str, reader: FleetReader, receivers: Sequence[Receiver], sender: NotificationSender, now: datetime
) -> int:
    """The reports that receivers want and that are due. Returns how many were delivered. Raises LedgerError.

    No transaction is open while a message is sent.
    """
    if now.astimezone(CITY_ZONE).time() < REPORT_TIME:
        return 0
    today, delivered = local_day(now), 0
    for receiver in receivers:
        key = _key(receiver)
        for period in receiver.reports:
            with open_query(database) as query:
                if not is_due(query, key, period, today, now):
                    continue
            last_day = period.due_day(today) - timedelta(days=1)
            is_sent = _send(DayCache(database), reader.fleet(), receiver, sender, days=period.days, last_day=last_day)
            delivered += is_sent
            with open_query(database) as query:
                if is_sent:
                    mark_sent(query, key, period, today, now)
                else:
                    mark_tried(query, key, period, now)
    return delivered


def _send(
    cache: DayCache, fleet: Fleet, receiver: Receiver, sender: NotificationSender, *, days: int, last_day: date
) -> bool:
    area = fleet.registry.area(receiver.area, fleet.day)
    if area is None:
        _log.error("%s: there is no area %s today", receiver.name, receiver.area)
        return False
    periods = read_area_period(cache, fleet, fleet.sites_in(area), days, last_day)
    formatter = LocaleFormatter(receiver.language, CITY_ZONE)
    return deliver(sender, receiver, report_message(area, periods, fleet, formatter, days=days, last_day=last_day))


def _key(receiver: Receiver) -> str:
    """Names a receiver in the database without their address, which holds passwords."""
    return hashlib.sha256(f"{receiver.area} {receiver.url}".encode()).hexdigest()[:32]
