"""What is wrong in a city: one condition for each subject, and one for a city-wide outage."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.centre.alerts.conditions import WHOLE_CITY, AlertKind, DeviceFacts, find_conditions

NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)
GATE = DeviceFacts("dong-ba/gate-1", "dong-ba", 7, False, NOW, "ready", "", "synchronised", 0, 0, 100, 1)


def kinds(*devices: DeviceFacts) -> list[tuple[str, str]]:
    return [(one.kind.value, one.subject) for one in find_conditions(devices, NOW)]


def silent(name: str, site: str = "dong-ba", since: timedelta = timedelta(minutes=6)) -> DeviceFacts:
    return replace(GATE, wire_name=f"{site}/{name}", site=site, is_silent=True, last_seen_at=NOW - since)


def test_a_healthy_city_has_no_condition() -> None:
    assert kinds(GATE) == []


def test_a_silent_gate_is_one_condition_and_a_silent_site_is_one_for_all_its_gates() -> None:
    assert kinds(GATE, silent("gate-2")) == [("silent-gate", "dong-ba/gate-2")]
    assert kinds(silent("gate-1"), silent("gate-2")) == [("silent-site", "dong-ba")]


@pytest.mark.parametrize("count", [10, 5000])
def test_an_outage_of_the_whole_city_is_one_condition(count: int) -> None:
    devices = [silent("gate-1", f"site-{number}") for number in range(count)]
    assert kinds(GATE, *devices) == [("city-outage", WHOLE_CITY)]


def test_half_of_the_city_or_a_small_one_is_no_outage_of_the_whole() -> None:
    half = [silent("g", f"s{n}") for n in range(20)] + [
        replace(GATE, wire_name=f"t{n}/g", site=f"t{n}") for n in range(20)
    ]
    assert len(kinds(*half)) == 20
    assert len(kinds(*(silent("g", f"s{n}") for n in range(9)))) == 9


def test_devices_that_are_silent_for_days_do_not_make_an_outage() -> None:
    old = [silent("g", f"s{n}", timedelta(days=3)) for n in range(100)]
    assert len(kinds(GATE, *old)) == 100


def test_a_device_that_never_connected_is_no_alert() -> None:
    assert kinds(replace(GATE, is_silent=True, last_seen_at=None)) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"state": "out-of-order", "state_reason": "no-picture"}, AlertKind.OUT_OF_ORDER),
        ({"backlog": 1000}, AlertKind.BACKLOG),
        ({"quarantined": 1}, AlertKind.QUARANTINE),
        ({"clock_quality": "unset"}, AlertKind.CLOCK),
        ({"passed_today": 60, "refused_today": 40}, AlertKind.REFUSALS),
        ({"missing_events": 3}, AlertKind.GAPS),
        ({"low_disk_mb": 0}, AlertKind.DISK),
        ({"old_list_days": 0}, AlertKind.LIST),
        ({"old_list_days": 40}, AlertKind.LIST),
    ],
)
def test_each_condition_of_a_device_that_answers(change: dict[str, object], kind: AlertKind) -> None:
    device = replace(GATE, **change)  # type: ignore[arg-type]
    assert kinds(device) == [(kind.value, "dong-ba/gate-1")]
    assert kinds(replace(device, is_silent=True)) == [("silent-site", "dong-ba")]


def test_a_certificate_that_runs_out_is_an_alert_also_of_a_silent_gate() -> None:
    ending = replace(GATE, certificate_days=0)
    assert kinds(ending) == [("certificate", "dong-ba/gate-1")]
    assert kinds(replace(ending, is_silent=True)) == [("certificate", "dong-ba/gate-1"), ("silent-site", "dong-ba")]


@pytest.mark.parametrize(
    "change", [{"backlog": 5000}, {"old_list_days": 40}, {"clock_quality": "unset"}, {"certificate_days": 3}]
)
def test_what_most_devices_have_at_once_is_one_alert_of_the_city(change: dict[str, object]) -> None:
    healthy = [replace(GATE, wire_name=f"t{n}/g", site=f"t{n}") for n in range(9)]
    ill = [replace(GATE, wire_name=f"s{n}/g", site=f"s{n}", **change) for n in range(10)]  # type: ignore[arg-type]
    (one,) = find_conditions([*healthy, *ill], NOW)
    assert (one.subject, one.area, one.detail) == (WHOLE_CITY, 0, "10")
    assert len(find_conditions([*healthy, GATE, *ill], NOW)) == 10, "half of the city has no one cause"


def test_a_few_refusals_of_a_few_readings_say_nothing() -> None:
    assert kinds(replace(GATE, passed_today=5, refused_today=20)) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=40))
def test_no_subject_has_two_conditions_of_one_kind_and_every_silent_gate_is_covered(
    gates: list[tuple[int, bool, bool]],
) -> None:
    devices = [
        replace(GATE, wire_name=f"s{site}/g{n}", site=f"s{site}", is_silent=is_silent, backlog=5000 * full)
        for n, (site, is_silent, full) in enumerate(gates)
    ]
    found = find_conditions(devices, NOW)
    keys = [(one.kind, one.subject) for one in found]
    assert len(keys) == len(set(keys))
    subjects = {one.subject for one in found}
    for device in devices:
        if device.is_silent or device.backlog:
            assert subjects & {WHOLE_CITY, device.site, device.wire_name}
