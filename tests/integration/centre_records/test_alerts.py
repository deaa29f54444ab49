"""Alerts in a real database: one for each subject, closed when it is over, mutes with an end, parallel checkers."""

import threading
from datetime import UTC, datetime, timedelta

from mqtt.centre.alerts import store
from mqtt.centre.alerts.conditions import WHOLE_CITY, AlertKind, Condition
from mqtt.centre.alerts.store import Alert
from mqtt.centre.ingest.database import open_query

NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)
SITE = Condition(AlertKind.SILENT_SITE, "dong-ba", 7, "2")
GATE = Condition(AlertKind.SILENT_GATE, "vy-da/gate-1", 8, "")
OUTAGE = Condition(AlertKind.CITY_OUTAGE, WHOLE_CITY, 0, "4000")


def update(database: str, *conditions: Condition, minutes: int = 0) -> list[tuple[str, bool]]:
    """Subject, and whether it is open, of all alerts."""
    with open_query(database) as query:
        store.update_alerts(query, conditions, NOW + timedelta(minutes=minutes))
        found = store.read_alerts(query, None, closed_since=NOW - timedelta(days=1))
    return sorted((alert.subject, alert.until is None) for alert in found)


def unnotified(database: str, minutes: int = 0) -> list[Alert]:
    with open_query(database) as query:
        return store.read_unnotified(query, NOW + timedelta(minutes=minutes))


def test_one_condition_is_one_alert_however_often_it_is_checked(database: str) -> None:
    for minute in range(5):
        assert update(database, SITE, minutes=minute) == [("dong-ba", True)]


def test_an_alert_ends_with_its_condition_and_a_new_one_begins_later(database: str) -> None:
    update(database, SITE)
    assert update(database, minutes=1) == [("dong-ba", False)]
    assert update(database, SITE, minutes=2) == [("dong-ba", False), ("dong-ba", True)]


def test_in_an_outage_of_the_city_no_silence_is_opened_and_open_ones_stay(database: str) -> None:
    update(database, SITE)
    assert update(database, OUTAGE, minutes=1) == [("*", True), ("dong-ba", True)]
    assert update(database, GATE, minutes=2) == [("*", False), ("dong-ba", False), ("vy-da/gate-1", True)]


def test_an_alert_is_notified_once_and_not_when_acknowledged_or_muted(database: str) -> None:
    update(database, SITE, GATE)
    found = unnotified(database)
    assert [alert.subject for alert in found] == ["dong-ba", "vy-da/gate-1"]
    with open_query(database) as query:
        store.mark_notified(query, [found[0].number], NOW)
        store.acknowledge(query, found[1].number, "an", NOW)
    assert unnotified(database) == []


def test_a_mute_has_an_end_and_holds_for_later_alerts_of_the_subject(database: str) -> None:
    update(database, SITE)
    with open_query(database) as query:
        store.mute(query, unnotified_of(database), NOW + timedelta(hours=1), "an", "repair")
    update(database, minutes=5)
    update(database, SITE, minutes=10)
    assert unnotified(database, minutes=59) == []
    assert [alert.subject for alert in unnotified(database, minutes=60)] == ["dong-ba"]


def unnotified_of(database: str) -> Alert:
    (found,) = unnotified(database)
    return found


def test_a_reader_of_an_area_gets_its_alerts_only(database: str) -> None:
    update(database, SITE, GATE, OUTAGE)
    with open_query(database) as query:
        found = store.read_alerts(query, {8}, closed_since=NOW)
    assert [alert.subject for alert in found] == ["vy-da/gate-1"]


def test_several_checkers_at_once_open_one_alert(database: str) -> None:
    failures: list[Exception] = []

    def check() -> None:
        try:
            update(database, SITE, GATE)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=check) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert update(database, SITE, GATE) == [("dong-ba", True), ("vy-da/gate-1", True)]


def test_missing_records_are_notified_once_they_did_not_come_for_ten_minutes(database: str) -> None:
    gaps = Condition(AlertKind.GAPS, "dong-ba/gate-1", 7, "3")
    update(database, gaps)
    assert unnotified(database, minutes=9) == []
    assert [alert.kind for alert in unnotified(database, minutes=10)] == [AlertKind.GAPS]
