"""Health checks: each fault fails one check with a message, and the checks alone determine the device state."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.model import ClockQuality, DeviceState
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.health import (
    HealthThresholds,
    Measurements,
    device_state,
    evaluate,
    should_feed_watchdog,
)
from kiosk.system.messages import check_message
from kiosk.system.translations import languages, translator
from tests.paths import PROJECT

HEALTHY = Measurements(
    dark_s=0.0,
    bright_s=0.0,
    blurred_s=0.0,
    frozen_s=0.0,
    disk_free_bytes=10**10,
    temperature_c=50.0,
    under_voltage=False,
    broker_down_s=0.0,
    lists_age_s={"trust-list": 0.0},
    sealing_keys_left_s=90 * 86400.0,
    web_down_s=0.0,
    presence_state="absent",
    scanner_error="",
    release_problem="",
    os_updates_age_s=0.0,
    certificate_left_s=90 * 86400.0,
)

# Fault: (measurements, code of the check that reports it, device state).
FAULTS: dict[str, tuple[dict[str, Any], str, DeviceState]] = {
    "the gate thread hangs": ({"gate_loop_age_s": 21.0}, "gate-worker", DeviceState.OUT_OF_ORDER),
    "the camera thread hangs": ({"camera_loop_age_s": 21.0}, "camera-worker", DeviceState.OUT_OF_ORDER),
    "the signal thread is dead": ({"signal_thread_alive": False}, "signal", DeviceState.OUT_OF_ORDER),
    "no frames arrive": ({"frame_age_s": 3.1}, "camera", DeviceState.OUT_OF_ORDER),
    "the image is frozen": ({"frozen_s": 4.1}, "camera", DeviceState.OUT_OF_ORDER),
    "commits fail": ({"store_error": "disk full"}, "storage", DeviceState.OUT_OF_ORDER),
    "the disk is read-only": ({"disk_read_only": True}, "storage", DeviceState.OUT_OF_ORDER),
    "the scanner beside the camera is unplugged": ({"scanner_error": "unplugged"}, "scanner", DeviceState.DEGRADED),
    "the presence sensor is stuck on": ({"presence_state": "stuck-on"}, "presence-sensor", DeviceState.DEGRADED),
    "the presence sensor is stuck off": ({"presence_state": "stuck-off"}, "presence-sensor", DeviceState.DEGRADED),
    "the web UI is down": ({"web_down_s": 3.0}, "web", DeviceState.DEGRADED),
    "the lens is covered": ({"dark_s": 4.1}, "frame-quality", DeviceState.DEGRADED),
    "the sun shines into the lens": ({"bright_s": 4.1}, "frame-quality", DeviceState.DEGRADED),
    "the lens is smeared": ({"blurred_s": 4.1}, "frame-quality", DeviceState.DEGRADED),
    "the disk is nearly full": ({"disk_free_bytes": 10**8}, "disk", DeviceState.DEGRADED),
    "the processor is hot": ({"temperature_c": 80.0}, "temperature", DeviceState.DEGRADED),
    "the supply voltage is low": ({"under_voltage": True}, "power", DeviceState.DEGRADED),
    "the clock was never set": ({"clock_quality": ClockQuality.UNSET}, "clock", DeviceState.DEGRADED),
    "the clock was set back": ({"clock_jump_s": -3600.0}, "clock", DeviceState.DEGRADED),
    "the broker is disconnected": ({"broker_down_s": 61.0}, "broker", DeviceState.DEGRADED),
    "the broker refuses the device": ({"broker_refused": True, "broker_error": "x"}, "broker", DeviceState.DEGRADED),
    "the backlog is old": ({"backlog_age_s": 601.0}, "backlog", DeviceState.DEGRADED),
    "the backlog is nearly full": ({"backlog_size": 81, "backlog_limit": 100}, "backlog", DeviceState.DEGRADED),
    "a list is old": ({"lists_age_s": {"trust-list": 8 * 86400.0}}, "trust-list", DeviceState.DEGRADED),
    "a new release was taken back": (
        {"release_problem": "returned", "release_detail": "2 -> 1: not ready"},
        "release",
        DeviceState.DEGRADED,
    ),
    "a new release was refused": ({"release_problem": "refused"}, "release", DeviceState.DEGRADED),
    "no release works": ({"release_problem": "neither-works"}, "release", DeviceState.DEGRADED),
    "the system gets no security updates": ({"os_updates_age_s": 36 * 86400.0}, "os-updates", DeviceState.DEGRADED),
    "security updates fail": ({"os_updates_error": "dpkg"}, "os-updates", DeviceState.DEGRADED),
    "the certificate cannot be renewed": ({"renewal_error": "no-receipt"}, "certificate", DeviceState.DEGRADED),
    "the certificate has expired": ({"certificate_left_s": -1.0}, "certificate", DeviceState.DEGRADED),
    "the weekly sealing keys end": ({"sealing_keys_left_s": 27 * 86400.0}, "sealing-keys", DeviceState.DEGRADED),
    "a list file is wrong": (
        {"list_problems": {"trust-list": ("previous", "other content")}},
        "trust-list",
        DeviceState.DEGRADED,
    ),
}


def check_with_code(checks: tuple[HealthCheck, ...], name: str) -> HealthCheck:
    (found,) = [check for check in checks if check.code == name]
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_changes_exactly_one_check_and_the_device_state(fault: str) -> None:
    changes, name, state = FAULTS[fault]
    checks = evaluate(replace(HEALTHY, **changes))
    assert [check.code for check in checks if check.status is not CheckStatus.PASS] == [name]
    assert device_state(checks) is state


def test_a_healthy_device_is_ready_and_passes_every_check() -> None:
    checks = evaluate(HEALTHY)
    assert {check.status for check in checks} == {CheckStatus.PASS}
    assert device_state(checks) is DeviceState.READY
    assert should_feed_watchdog(checks)


def test_too_little_free_space_is_out_of_order_before_the_first_event() -> None:
    checks = evaluate(replace(HEALTHY, disk_free_bytes=10**6, disk_min_free_bytes=8 * 10**6))
    assert [check.code for check in checks if check.status is CheckStatus.FAIL] == ["storage"]
    assert device_state(checks) is DeviceState.OUT_OF_ORDER


def test_a_repaired_device_is_ready_again() -> None:
    for changes, _, _ in FAULTS.values():
        assert device_state(evaluate(replace(HEALTHY, **changes))) is not DeviceState.READY
        assert device_state(evaluate(HEALTHY)) is DeviceState.READY


def test_a_black_image_is_too_dark_and_not_frozen() -> None:
    checks = evaluate(replace(HEALTHY, frozen_s=60.0, dark_s=60.0))
    assert [check.code for check in checks if check.status is not CheckStatus.PASS] == ["frame-quality"]


def test_what_this_machine_cannot_measure_has_no_check() -> None:
    names = {check.code for check in evaluate(Measurements())}
    assert names == {"gate-worker", "camera-worker", "signal", "camera", "storage", "clock", "backlog"}


def test_every_check_has_a_sentence_in_every_language_and_a_bad_one_says_what_to_do() -> None:
    for changes, name, _ in FAULTS.values():
        for check in evaluate(replace(HEALTHY, **changes)):
            for language in languages():
                text = check_message(translator(language), replace(check, detail=""))
                assert text.endswith(".")
                if check.code == name:
                    assert text.count(".") + text.count(";") + text.count(":") >= 2, text


def test_the_manual_lists_every_check_with_its_threshold() -> None:
    page = (PROJECT / "docs/reference/health-checks.md").read_text(encoding="utf-8")
    table = page.partition("| check |")[2].partition("\n\n")[0].splitlines()[2:]
    rows = {name.strip(" `"): row for row in table for name in row.split("|")[1].split(",")}
    measured = [replace(HEALTHY, **changes) for changes, _, _ in FAULTS.values()]
    measured += [
        replace(HEALTHY, lists_age_s={"denylist": 0.0}),
        replace(HEALTHY, paused=True),
        replace(HEALTHY, corrupt_file="x"),
        replace(HEALTHY, gpio_error="busy"),
    ]
    measured += [replace(HEALTHY, start_error="no", start_error_kind="config"), replace(HEALTHY, unreadable_rows=1)]
    measured += [replace(HEALTHY, new_epoch_reason="restored"), replace(HEALTHY, trial_remaining_s=60.0)]
    names = {check.code for measures in measured for check in evaluate(measures)}
    assert names | {"enrolment"} == set(rows)  # kiosk.app.unenrolled makes that one
    limits = HealthThresholds()
    for name, threshold in {
        "gate-worker": f"{limits.loop_hung_s:g} s",
        "camera": f"no frame for {limits.frame_age_s:g} s, or the frame is frozen for {limits.frozen_s:g} s",
        "frame-quality": f"{limits.bad_frame_quality_s:g} s",
        "web": f"{limits.web_down_s:g} s",
        "disk": f"{limits.disk_low_bytes // 2**20} MB",
        "temperature": f"{limits.max_temperature_c:g} °C",
        "broker": f"{limits.broker_down_s:g} s, oldest record waits {limits.backlog_age_s / 60:g} min, "
        f"or {limits.backlog_full_share:.0%}",
        "os-updates": f"{limits.os_updates_age_s / 86400:g} days",
        "trust-list": f"{limits.list_age_s / 86400:g} days",
        "sealing-keys": f"{limits.sealing_keys_left_s / 86400:g} days",
    }.items():
        assert threshold.replace("%", " %") in rows[name], rows[name]


def test_a_gate_without_a_camera_is_out_of_order_while_its_scanner_is_unplugged() -> None:
    blind = replace(HEALTHY, has_camera=False, frame_age_s=60.0)
    assert device_state(evaluate(blind)) is DeviceState.READY, "no check speaks of a camera that is not there"
    unplugged = evaluate(replace(blind, scanner_error="unplugged"))
    assert device_state(unplugged) is DeviceState.OUT_OF_ORDER
    for language in languages():
        assert "unplugged" in check_message(translator(language), check_with_code(unplugged, "scanner"))


def test_the_order_of_checks_never_changes() -> None:
    order = [check.code for check in evaluate(HEALTHY)]
    for changes, _, _ in FAULTS.values():
        assert [check.code for check in evaluate(replace(HEALTHY, **changes))] == order


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"os_updates_pending": 3}, "pending"),
        ({"os_updates_pending": 3, "os_restart_needed": True}, "restart-needed"),
    ],
)
def test_what_comes_by_itself_at_night_degrades_nothing(changes: dict[str, Any], reason: str) -> None:
    checks = evaluate(replace(HEALTHY, **changes))
    found = check_with_code(checks, "os-updates")
    assert (device_state(checks), found.reason) == (DeviceState.READY, reason)
    for language in languages():
        assert check_message(translator(language), found).endswith(".")


def test_a_broker_that_was_never_reached_is_not_called_connected() -> None:
    waiting = check_with_code(evaluate(replace(HEALTHY, broker_down_s=8.0)), "broker")
    assert (waiting.status, waiting.reason) == (CheckStatus.PASS, "waiting")
    assert check_message(translator("en"), waiting) == "Not connected to the MQTT broker yet."


def test_a_trial_says_how_long_it_goes_on_and_degrades_nothing() -> None:
    checks = evaluate(replace(HEALTHY, trial_remaining_s=1500.0))
    assert device_state(checks) is DeviceState.READY
    assert "Remaining: 25 min." in check_message(translator("en"), check_with_code(checks, "release-trial"))


def test_only_a_hung_thread_stops_the_watchdog_ping() -> None:
    starving = {
        fault
        for fault, (changes, _, _) in FAULTS.items()
        if not should_feed_watchdog(evaluate(replace(HEALTHY, **changes)))
    }
    assert starving == {"the gate thread hangs", "the camera thread hangs", "the signal thread is dead"}


def test_a_starting_device_is_never_ready_but_a_failure_shows_at_once() -> None:
    assert device_state(evaluate(HEALTHY), started=False) is DeviceState.STARTING
    assert device_state(evaluate(replace(HEALTHY, temperature_c=90.0)), started=False) is DeviceState.STARTING
    assert device_state(evaluate(replace(HEALTHY, frame_age_s=9.0)), started=False) is DeviceState.OUT_OF_ORDER


def test_the_camera_error_follows_the_message_in_brackets() -> None:
    found = check_with_code(evaluate(replace(HEALTHY, frame_age_s=9.0, camera_error="webcam:0: unplugged")), "camera")
    assert (found.reason, found.detail) == ("no-frames", "webcam:0: unplugged")
    for language in languages():
        assert check_message(translator(language), found).endswith(". (webcam:0: unplugged)")


def test_a_check_in_the_log_is_its_code_with_reason_value_and_detail() -> None:
    found = check_with_code(evaluate(replace(HEALTHY, frame_age_s=9.0, camera_error="webcam:0: unplugged")), "camera")
    assert str(found) == "camera: no-frames, 9 s (webcam:0: unplugged)"
    assert str(check_with_code(evaluate(HEALTHY), "power")) == "power: pass"


def test_a_free_running_clock_is_no_fault() -> None:
    checks = evaluate(replace(HEALTHY, clock_quality=ClockQuality.FREE_RUNNING))
    assert device_state(checks) is DeviceState.READY
    assert check_with_code(checks, "clock").reason == "free-running"


@given(
    frame_age_s=st.floats(0, 1e6),
    dark_s=st.none() | st.floats(0, 1e6),
    disk=st.none() | st.integers(0, 10**13),
    heat=st.none() | st.floats(-40, 150),
    depth=st.integers(0, 10**9),
    limit=st.none() | st.integers(0, 10**9),
    age_s=st.floats(-1e9, 1e12),
)
def test_any_measurements_give_checks_with_unique_codes(
    *,
    frame_age_s: float,
    dark_s: float | None,
    disk: int | None,
    heat: float | None,
    depth: int,
    limit: int | None,
    age_s: float,
) -> None:
    checks = evaluate(
        replace(
            HEALTHY,
            frame_age_s=frame_age_s,
            dark_s=dark_s,
            disk_free_bytes=disk,
            temperature_c=heat,
            backlog_size=depth,
            backlog_limit=limit,
            lists_age_s={"denylist": age_s},
        )
    )
    names = [check.code for check in checks]
    assert len(names) == len(set(names))
    assert (device_state(checks) is DeviceState.OUT_OF_ORDER) == (frame_age_s > HealthThresholds().frame_age_s)
