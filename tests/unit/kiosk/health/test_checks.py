"""Health checks: each fault fails one check with a message, and the checks alone determine the device state."""

import os
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.frame import Frame
from kiosk.core.model import ClockQuality, ClockReading, DeviceState, FrameQuality
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.health import (
    CameraMonitor,
    ClockMonitor,
    HealthThresholds,
    Measurements,
    WebMonitor,
    device_state,
    evaluate,
    should_feed_watchdog,
)
from kiosk.health.monitors import WEB_START_S
from kiosk.health.probes import (
    probe_disk_free_bytes,
    probe_port_listening,
    probe_read_only,
    probe_temperature_c,
    probe_under_voltage,
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


NORMAL_QUALITY = FrameQuality(mean_luma=100.0, contrast=30.0, sharpness=50.0)


def frame(at_s: float, value: int = 0) -> Frame:
    return Frame(np.full((64, 64), value, np.uint8), 1, at_s)


class TestCameraMonitor:
    def test_before_the_first_frame_its_age_counts_from_the_start(self) -> None:
        monitor = CameraMonitor(started_s=100.0)
        assert not monitor.has_frame
        assert monitor.frame_age_s(103.5) == 3.5

    def test_reports_the_age_of_the_last_frame(self) -> None:
        monitor = CameraMonitor(started_s=100.0)
        monitor.observe(frame(101.0), NORMAL_QUALITY)
        assert monitor.has_frame
        assert monitor.frame_age_s(101.5) == 0.5

    def test_identical_frames_are_frozen(self) -> None:
        monitor = CameraMonitor(started_s=0.0)
        for second in range(5):
            monitor.observe(frame(float(second), 7), NORMAL_QUALITY)
        assert monitor.frozen_s() == 4.0
        monitor.observe(frame(5.0, 8), NORMAL_QUALITY)
        assert monitor.frozen_s() == 0.0

    @pytest.mark.parametrize(
        ("quality", "dark", "bright", "blurred"),
        [
            (NORMAL_QUALITY, 0.0, 0.0, 0.0),
            (FrameQuality(3.0, 1.0, 9.0), 2.0, 0.0, 0.0),
            (FrameQuality(253.0, 1.0, 9.0), 0.0, 2.0, 0.0),
            (FrameQuality(100.0, 30.0, 0.1), 0.0, 0.0, 2.0),
            (FrameQuality(3.0, 20.0, 9.0), 0.0, 0.0, 0.0),  # a dark jacket has contrast
        ],
    )
    def test_bad_frame_quality_has_a_duration(
        self, quality: FrameQuality, dark: float, bright: float, blurred: float
    ) -> None:
        monitor = CameraMonitor(started_s=0.0)
        for second in range(3):
            monitor.observe(frame(float(second)), quality)
        assert (monitor.dark_s(), monitor.bright_s(), monitor.blurred_s()) == (dark, bright, blurred)
        monitor.observe(frame(3.0), NORMAL_QUALITY)
        assert (monitor.dark_s(), monitor.bright_s(), monitor.blurred_s()) == (0.0, 0.0, 0.0)

    def test_a_frame_that_was_not_measured_leaves_the_quality_as_it_was(self) -> None:
        monitor = CameraMonitor(started_s=0.0)
        monitor.observe(frame(0.0), FrameQuality(3.0, 1.0, 9.0))
        monitor.observe(frame(2.0), None)
        assert monitor.dark_s() == 2.0


class TestClockMonitor:
    START = datetime(2026, 11, 20, tzinfo=UTC)

    def reading(self, s: float, off_s: float = 0.0) -> ClockReading:
        return ClockReading(self.START + timedelta(seconds=s + off_s), s, ClockQuality.SYNCHRONISED)

    def test_a_running_clock_does_not_jump(self) -> None:
        monitor = ClockMonitor()
        assert [monitor.observe(self.reading(float(second))) for second in range(5)] == [0.0] * 5

    def test_a_jump_is_reported_for_a_minute_with_its_direction(self) -> None:
        monitor = ClockMonitor()
        monitor.observe(self.reading(0.0))
        assert monitor.observe(self.reading(1.0, off_s=-3600.0)) == pytest.approx(-3600.0)
        assert monitor.observe(self.reading(30.0, off_s=-3600.0)) == pytest.approx(-3600.0)
        assert monitor.observe(self.reading(62.0, off_s=-3600.0)) == 0.0

    def test_slewing_is_no_jump(self) -> None:
        monitor = ClockMonitor()
        assert [monitor.observe(self.reading(float(second), off_s=0.05 * second)) for second in range(100)] == [
            0.0
        ] * 100


class TestWebMonitor:
    def test_a_web_ui_that_never_ran_is_not_missed(self) -> None:
        monitor = WebMonitor()
        assert [monitor.observe(float(second), listening=False) for second in range(9)] == [None] * 9

    def test_an_expected_web_ui_that_never_ran_is_missed_after_the_time_of_a_start(self) -> None:
        monitor = WebMonitor(expected=True)
        assert monitor.observe(10.0, listening=False) is None
        assert monitor.observe(10.0 + WEB_START_S, listening=False) is None
        assert monitor.observe(11.0 + WEB_START_S, listening=False) == 1.0 + WEB_START_S
        assert monitor.observe(12.0 + WEB_START_S, listening=True) == 0.0

    def test_a_web_ui_that_stopped_is_down_since_it_was_last_seen(self) -> None:
        monitor = WebMonitor()
        assert monitor.observe(1.0, listening=True) == 0.0
        assert monitor.observe(4.0, listening=False) == 3.0
        assert monitor.observe(5.0, listening=None) == 4.0
        assert monitor.observe(6.0, listening=True) == 0.0


class TestProbes:
    def test_a_listening_program_is_found_without_a_connection(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert probe_port_listening(port) is True
        assert probe_port_listening(port) is False

    def test_without_the_socket_tables_of_the_kernel_the_answer_is_unknown(self, tmp_path: Path) -> None:
        assert probe_port_listening(80, tmp_path) is None

    @pytest.mark.parametrize(("options", "expected"), [("rw", False), ("rw,emergency_ro", True)])
    def test_a_file_system_in_emergency_ro_is_read_only_although_its_mount_is_rw(
        self, tmp_path: Path, options: str, expected: bool
    ) -> None:
        device = tmp_path.stat().st_dev
        (tmp_path / "self").mkdir()
        line = f"36 35 {os.major(device)}:{os.minor(device)} / /data rw,noatime - ext4 /dev/mmcblk0p3 {options}\n"
        (tmp_path / "self/mountinfo").write_text(line)
        assert probe_read_only(tmp_path / "events.db", tmp_path) is expected

    def test_free_space_is_that_of_the_first_folder_that_exists(self, tmp_path: Path) -> None:
        assert probe_disk_free_bytes(tmp_path / "not" / "yet" / "events.db") == probe_disk_free_bytes(tmp_path)
        assert (probe_disk_free_bytes(tmp_path) or 0) > 0

    def test_temperature_comes_in_millidegrees(self, tmp_path: Path) -> None:
        zone = tmp_path / "class/thermal/thermal_zone0"
        zone.mkdir(parents=True)
        (zone / "temp").write_text("48312\n")
        assert probe_temperature_c(tmp_path) == 48.312

    @pytest.mark.parametrize("text", ["", "warm", "1\n2"])
    def test_an_invalid_value_is_no_measurement(self, tmp_path: Path, text: str) -> None:
        zone = tmp_path / "class/thermal/thermal_zone0"
        zone.mkdir(parents=True)
        (zone / "temp").write_text(text)
        assert probe_temperature_c(tmp_path) is None

    @pytest.mark.parametrize(("alarm", "expected"), [("0\n", False), ("1\n", True)])
    def test_under_voltage_is_the_alarm_of_the_kernel(self, tmp_path: Path, alarm: str, expected: bool) -> None:
        for number, name in enumerate(("cpu_thermal", "rpi_volt")):
            folder = tmp_path / f"class/hwmon/hwmon{number}"
            folder.mkdir(parents=True)
            (folder / "name").write_text(name + "\n")
        (tmp_path / "class/hwmon/hwmon1/in0_lcrit_alarm").write_text(alarm)
        assert probe_under_voltage(tmp_path) is expected

    def test_a_machine_without_these_files_has_no_such_measurements(self, tmp_path: Path) -> None:
        assert probe_temperature_c(tmp_path) is None
        assert probe_under_voltage(tmp_path) is None
