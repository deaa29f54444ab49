"""Checks the city for what is wrong, keeps the alerts, and tells each receiver about the new ones of their areas."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from mqtt.centre.alerts.conditions import find_conditions
from mqtt.centre.alerts.store import Alert, mark_notified, read_unnotified, update_alerts
from mqtt.centre.ingest.database import open_query
from web_ui.centre.data.alert_facts import device_facts, enrolment_conditions, list_conditions
from web_ui.centre.data.calendar import CITY_ZONE
from web_ui.centre.data.fleet import Fleet, FleetReader
from web_ui.centre.notify.receivers import Receiver
from web_ui.centre.notify.sender import NotificationSender
from web_ui.centre.notify.texts import NotifyError, alert_message
from web_ui.i18n.formatting import LocaleFormatter

_log = logging.getLogger(__name__)


def check_city(
    database: str, reader: FleetReader, receivers: Sequence[Receiver], sender: NotificationSender, now: datetime
) -> int:
    """One check. Returns how many messages were delivered. Raises LedgerError.

    No transaction is open while a message is sent. What was delivered to no receiver of its area is sent again at the next check.
    """
    fleet = reader.refresh()
    with open_query(database) as query:
        conditions = [
            *find_conditions(device_facts(query, fleet, now), now),
            *enrolment_conditions(query, fleet, now),
            *list_conditions(query, now),
        ]
        update_alerts(query, conditions, now)
        waiting = read_unnotified(query, now)
    delivered, count = set(), 0
    for receiver in receivers:
        own = [alert for alert in waiting if _concerns(receiver, alert, fleet)]
        if own and deliver(sender, receiver, alert_message(own, fleet, LocaleFormatter(receiver.language, CITY_ZONE))):
            delivered |= {alert.number for alert in own}
            count += 1
    without = {alert.number for alert in waiting if not any(_concerns(one, alert, fleet) for one in receivers)}
    with open_query(database) as query:
        mark_notified(query, delivered | without, now)
    return count


def deliver(sender: NotificationSender, receiver: Receiver, message: tuple[str, str]) -> bool:
    """Send title and text. Returns whether a server took it. The log says why not."""
    try:
        sender.send(receiver, *message)
    except NotifyError as error:
        _log.error("not delivered: %s", error)
        return False
    return True


def _concerns(receiver: Receiver, alert: Alert, fleet: Fleet) -> bool:
    """Whether the alert lies in the area of the receiver. What is in no area concerns the receivers of the root."""
    area = fleet.registry.area(receiver.area, fleet.day)
    if area is None:
        return False
    if not alert.area:
        return not area.parent
    return alert.area in {one.number for one in fleet.registry.subtree(area, fleet.day)}


def unknown_areas(receivers: Sequence[Receiver], fleet: Fleet) -> Iterator[str]:
    """Codes of receivers that no area has today."""
    for receiver in receivers:
        if fleet.registry.area(receiver.area, fleet.day) is None:
            yield receiver.area
