"""What alerts read of devices, in both databases: missing events, findings, ends of certificates."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from mqtt.centre.alerts.device_records import (
    finding_of,
    read_device_findings,
    read_ending_certificates,
    read_missing_events,
)
from mqtt.centre.enrolment.schema import prepare_enrolment
from mqtt.centre.ingest.database import Query, open_query
from tests.fakes.centre.city import add_device

NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)
NAME = "dong-ba/gate-1"


def add_stream(query: Query, *ranges: tuple[int, int], epoch: str = "e1") -> int:
    """An epoch of the device, with the numbers that came. Returns its number."""
    (device,) = query("SELECT number FROM device")
    (row,) = query("INSERT INTO stream (device, epoch) VALUES (?, ?) RETURNING number", [device["number"], epoch])
    for first, last in ranges:
        query("INSERT INTO seq_range VALUES (?, ?, ?)", [row["number"], first, last])
    return int(row["number"])


def test_missing_events_are_counted_without_those_that_an_operator_acknowledged(database: str) -> None:
    with open_query(database) as query:
        add_device(query, NAME, NOW)
        add_stream(query, (1, 50))
        assert read_missing_events(query) == {}
        stream = add_stream(query, (3, 10), (16, 20), epoch="e2")
        assert read_missing_events(query) == {NAME: 7}
        query("INSERT INTO acknowledged_gap VALUES (?, 1, 2)", [stream])
        assert read_missing_events(query) == {NAME: 5}
        query("INSERT INTO acknowledged_gap VALUES (?, 11, 15)", [stream])
        assert read_missing_events(query) == {}


def test_what_is_missing_behind_a_backlog_is_on_its_way(database: str) -> None:
    with open_query(database) as query:
        add_device(query, NAME, NOW)
        add_stream(query, (1, 10), (16, 20))
        query("UPDATE device SET backlog = 5")
        assert read_missing_events(query) == {}


def test_findings_are_those_of_the_newest_health_message(database: str) -> None:
    finding = {"code": "disk", "status": "warn", "reason": "low", "value": 120.0, "unit": "MB"}
    passed = {"code": "os-updates", "status": "pass"}
    with open_query(database) as query:
        add_device(query, NAME, NOW)
        assert read_device_findings(query) == {}
        query("UPDATE device SET findings = ?", [json.dumps([finding, passed])])
        found = read_device_findings(query)[NAME]
    disk = finding_of(found, "disk")
    assert disk
    assert disk.value == 120
    assert finding_of(found, "os-updates", "clock") is None


@pytest.mark.parametrize(
    ("life_days", "left_days", "expected"),
    [(730, 31, None), (730, 29, 29), (730, -5, 0), (6, 2, None), (6, 0.9, 0), (90, 14, 14)],
)
def test_a_certificate_that_should_have_been_renewed_is_found(
    database: str, life_days: int, left_days: float, expected: int | None
) -> None:
    prepare_enrolment(database)
    ends_at = NOW + timedelta(days=left_days)
    with open_query(database) as query:
        add_certificate(query, "1", ends_at - timedelta(days=life_days), ends_at)
        assert read_ending_certificates(query, NOW) == ({} if expected is None else {NAME: expected})
        add_certificate(query, "2", NOW, NOW + timedelta(days=730))
        assert read_ending_certificates(query, NOW) == {}, "it was renewed"
        query("UPDATE device_certificate SET revoked_at = ? WHERE serial = '2'", [NOW.isoformat()])
        assert read_ending_certificates(query, NOW) == ({} if expected is None else {NAME: expected})


def add_certificate(query: Query, serial: str, issued_at: datetime, expires_at: datetime) -> None:
    query(
        "INSERT INTO device_certificate (serial, site, device, key_hash, origin, issued_at, expires_at, pem) "
        "VALUES (?, 'dong-ba', 'gate-1', '', 'enrolled', ?, ?, '')",
        [serial, *(at.isoformat(timespec="milliseconds") for at in (issued_at, expires_at))],
    )
