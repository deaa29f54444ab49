"""The self-check: every fault becomes a fact with a sentence, and the state of the device follows from the facts alone."""

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
from kiosk.health.probes import (
    probe_disk_free_bytes,
    probe_port_listening,
    probe_read_only,
    probe_temperature_c,
    probe_under_voltage,
)
from tests.paths import PROJECT

WELL = Measurements(
    dark_s=0.0,
    bright_s=0.0,
    blurred_s=0.0,
    frozen_s=0.0,
    disk_free_bytes=10**10,
    temperature_c=50.0,
    under_voltage=False,
    broker_down_s=0.0,
    lists_age_s={"trust": 0.0},
    web_down_s=0.0,
    presence_state="nobody",
)

# What is wrong: (measures, the fact that says so, the state of the device).
FAULTS: dict[str, tuple[dict[str, Any], str, DeviceState]] = {
    "the gate's thread hangs": ({"gate_loop_age_s": 21.0}, "gate-loop", DeviceState.OUT_OF_ORDER),
    "the camera's thread hangs": ({"camera_loop_age_s": 21.0}, "camera-loop", DeviceState.OUT_OF_ORDER),
    "the lamps do not obey": ({"lamps_alive": False}, "lamps", DeviceState.OUT_OF_ORDER),
    "no picture comes": ({"frame_age_s": 3.1}, "camera", DeviceState.OUT_OF_ORDER),
    "the picture is frozen": ({"frozen_s": 4.1}, "camera", DeviceState.OUT_OF_ORDER),
    "the store refuses": ({"store_trouble": "disk full"}, "records", DeviceState.OUT_OF_ORDER),
    "the disk is read-only": ({"disk_read_only": True}, "records", DeviceState.OUT_OF_ORDER),
    "the presence sensor is stuck on": ({"presence": "stuck-on"}, "presence", DeviceState.DEGRADED),
    "the presence sensor is stuck off": ({"presence": "stuck-off"}, "presence", DeviceState.DEGRADED),
    "the page is gone": ({"page_gone_s": 3.0}, "page", DeviceState.DEGRADED),
    "the lens is covered": ({"dark_s": 4.1}, "view", DeviceState.DEGRADED),
    "the sun blinds it": ({"bright_s": 4.1}, "view", DeviceState.DEGRADED),
    "the lens is smeared": ({"blurred_s": 4.1}, "view", DeviceState.DEGRADED),
    "the disk is nearly full": ({"disk_free_bytes": 10**8}, "disk", DeviceState.DEGRADED),
    "it is hot": ({"temperature_c": 80.0}, "temperature", DeviceState.DEGRADED),
    "the supply is weak": ({"under_voltage": True}, "power", DeviceState.DEGRADED),
    "the clock was never set": ({"clock": ClockQuality.UNSET}, "clock", DeviceState.DEGRADED),
    "the clock was set back": ({"clock_jump_s": -3600.0}, "clock", DeviceState.DEGRADED),
    "the broker is away": ({"uplink_down_s": 61.0}, "uplink", DeviceState.DEGRADED),
    "the outbox is old": ({"outbox_age_s": 601.0}, "outbox", DeviceState.DEGRADED),
    "the outbox is nearly full": ({"outbox_depth": 81, "outbox_limit": 100}, "outbox", DeviceState.DEGRADED),
    "a list is old": ({"lists_age_s": {"trust": 8 * 86400.0}}, "list-trust", DeviceState.DEGRADED),
}


def named(facts: tuple[HealthCheck, ...], name: str) -> HealthCheck:
    (found,) = [fact for fact in facts if fact.name == name]
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_one_bad_fact_and_shows_in_the_state(fault: str) -> None:
    wrong, name, state = FAULTS[fault]
    facts = evaluate(replace(WELL, **wrong))
    assert [fact.name for fact in facts if fact.status is not CheckStatus.PASS] == [name]
    assert device_state(facts) is state


def test_a_healthy_device_is_ready_and_says_so_in_every_fact() -> None:
    facts = evaluate(WELL)
    assert {fact.status for fact in facts} == {CheckStatus.PASS}
    assert device_state(facts) is DeviceState.READY
    assert should_feed_watchdog(facts)


def test_a_disk_below_its_floor_is_out_of_order_before_anybody_comes() -> None:
    facts = evaluate(replace(WELL, disk_free_bytes=10**6, disk_min_free_bytes=8 * 10**6))
    assert [fact.name for fact in facts if fact.status is CheckStatus.FAIL] == ["records"]
    assert device_state(facts) is DeviceState.OUT_OF_ORDER


def test_what_heals_is_ready_again() -> None:
    for wrong, _, _ in FAULTS.values():
        assert device_state(evaluate(replace(WELL, **wrong))) is not DeviceState.READY
        assert device_state(evaluate(WELL)) is DeviceState.READY


def test_a_black_picture_is_covered_and_not_frozen() -> None:
    facts = evaluate(replace(WELL, frozen_s=60.0, dark_s=60.0))
    assert [fact.name for fact in facts if fact.status is not CheckStatus.PASS] == ["view"]


def test_what_this_machine_cannot_measure_is_no_fact() -> None:
    names = {fact.name for fact in evaluate(Measurements())}
    assert names == {"gate-loop", "camera-loop", "lamps", "camera", "records", "clock", "outbox"}


def test_every_fact_has_a_sentence_in_both_languages_and_a_bad_one_says_what_to_do() -> None:
    for wrong, name, _ in FAULTS.values():
        for fact in evaluate(replace(WELL, **wrong)):
            assert fact.vi.endswith(".")
            assert fact.en.endswith(".")
            assert fact.vi != fact.en
            if fact.name == name:
                assert fact.vi.count(".") + fact.vi.count(";") >= 2, fact.vi
                assert fact.en.count(".") + fact.en.count(";") >= 2, fact.en


def test_the_manual_names_every_fact_with_the_threshold_that_is_in_force() -> None:
    page = (PROJECT / "docs/reference/health-checks.md").read_text(encoding="utf-8")
    table = page.partition("| check |")[2].partition("\n\n")[0].splitlines()[2:]
    rows = {name.strip(" `"): row for row in table for name in row.split("|")[1].split(",")}
    told = [replace(WELL, **wrong) for wrong, _, _ in FAULTS.values()]
    told += [replace(WELL, paused=True), replace(WELL, corrupt_file="x"), replace(WELL, gpio_error="busy")]
    names = {fact.name for measures in told for fact in evaluate(measures)}
    assert names == set(rows)
    limits = HealthThresholds()
    for name, threshold in {
        "gate-worker": f"{limits.loop_hung_s:g} s",
        "camera": f"no frame for {limits.frame_age_s:g} s, or the frame is frozen for {limits.frozen_s:g} s",
        "frame-quality": f"{limits.bad_frame_quality_s:g} s",
        "web": f"{limits.web_down_s:g} s",
        "disk": f"{limits.disk_low_bytes // 2**20} MB",
        "temperature": f"{limits.max_temperature_c:g} °C",
        "broker": f"{limits.broker_down_s:g} s, oldest record waits {limits.backlog_age_s / 60:g} min, or {limits.backlog_full_share:.0%}",
        "trust-list": f"{limits.list_age_s / 86400:g} days",
    }.items():
        assert threshold.replace("%", " %") in rows[name], rows[name]


def test_the_order_of_facts_never_changes() -> None:
    order = [fact.name for fact in evaluate(WELL)]
    for wrong, _, _ in FAULTS.values():
        assert [fact.name for fact in evaluate(replace(WELL, **wrong))] == order


def test_only_a_loop_that_does_not_turn_starves_the_watchdog() -> None:
    starving = {
        fault for fault, (wrong, _, _) in FAULTS.items() if not should_feed_watchdog(evaluate(replace(WELL, **wrong)))
    }
    assert starving == {"the gate's thread hangs", "the camera's thread hangs", "the lamps do not obey"}


def test_while_starting_nothing_is_ready_but_trouble_is_told() -> None:
    assert device_state(evaluate(WELL), started=False) is DeviceState.STARTING
    assert device_state(evaluate(replace(WELL, temperature_c=90.0)), started=False) is DeviceState.STARTING
    assert device_state(evaluate(replace(WELL, frame_age_s=9.0)), started=False) is DeviceState.OUT_OF_ORDER


def test_the_trouble_of_the_camera_is_in_the_sentence() -> None:
    fact = named(evaluate(replace(WELL, frame_age_s=9.0, camera_error="webcam:0: unplugged")), "camera")
    assert "webcam:0: unplugged" in fact.vi
    assert "webcam:0: unplugged" in fact.en


def test_a_clock_that_nothing_disciplines_is_no_fault() -> None:
    facts = evaluate(replace(WELL, clock_quality=ClockQuality.FREE_RUNNING))
    assert device_state(facts) is DeviceState.READY
    assert named(facts, "clock").value == "free-running"


@given(
    frame_age_s=st.floats(0, 1e6),
    dark_s=st.none() | st.floats(0, 1e6),
    disk=st.none() | st.integers(0, 10**13),
    heat=st.none() | st.floats(-40, 150),
    depth=st.integers(0, 10**9),
    limit=st.none() | st.integers(0, 10**9),
    age_s=st.floats(-1e9, 1e12),
)
def test_no_measure_is_without_a_judgement(
    *,
    frame_age_s: float,
    dark_s: float | None,
    disk: int | None,
    heat: float | None,
    depth: int,
    limit: int | None,
    age_s: float,
) -> None:
    facts = evaluate(
        replace(
            WELL,
            frame_age_s=frame_age_s,
            dark_s=dark_s,
            disk_free_bytes=disk,
            temperature_c=heat,
            backlog_size=depth,
            backlog_limit=limit,
            lists_age_s={"deny": age_s},
        )
    )
    names = [fact.name for fact in facts]
    assert len(names) == len(set(names))
    assert (device_state(facts) is DeviceState.OUT_OF_ORDER) == (frame_age_s > HealthThresholds().frame_age_s)


DULL = FrameQuality(mean_luma=100.0, contrast=30.0, sharpness=50.0)


def frame(at_s: float, value: int = 0) -> Frame:
    return Frame(np.full((64, 64), value, np.uint8), 1, at_s)


class TestCameraWatch:
    def test_before_the_first_picture_its_age_counts_from_the_start(self) -> None:
        watch = CameraMonitor(started_s=100.0)
        assert not watch.has_frame
        assert watch.frame_age_s(103.5) == 3.5

    def test_knows_the_age_of_the_last_picture(self) -> None:
        watch = CameraMonitor(started_s=100.0)
        watch.observe(frame(101.0), DULL)
        assert watch.has_frame
        assert watch.frame_age_s(101.5) == 0.5

    def test_pictures_that_are_all_the_same_are_frozen(self) -> None:
        watch = CameraMonitor(started_s=0.0)
        for second in range(5):
            watch.observe(frame(float(second), 7), DULL)
        assert watch.frozen_s() == 4.0
        watch.observe(frame(5.0, 8), DULL)
        assert watch.frozen_s() == 0.0

    @pytest.mark.parametrize(
        ("view", "dark", "bright", "blurred"),
        [
            (DULL, 0.0, 0.0, 0.0),
            (FrameQuality(3.0, 1.0, 9.0), 2.0, 0.0, 0.0),
            (FrameQuality(253.0, 1.0, 9.0), 0.0, 2.0, 0.0),
            (FrameQuality(100.0, 30.0, 0.1), 0.0, 0.0, 2.0),
            (FrameQuality(3.0, 20.0, 9.0), 0.0, 0.0, 0.0),  # a dark jacket with something to be seen in it
        ],
    )
    def test_a_bad_view_has_a_duration(self, view: FrameQuality, dark: float, bright: float, blurred: float) -> None:
        watch = CameraMonitor(started_s=0.0)
        for second in range(3):
            watch.observe(frame(float(second)), view)
        assert (watch.dark_s(), watch.bright_s(), watch.blurred_s()) == (dark, bright, blurred)
        watch.observe(frame(3.0), DULL)
        assert (watch.dark_s(), watch.bright_s(), watch.blurred_s()) == (0.0, 0.0, 0.0)

    def test_a_frame_that_nobody_measured_changes_no_judgement_of_the_view(self) -> None:
        watch = CameraMonitor(started_s=0.0)
        watch.observe(frame(0.0), FrameQuality(3.0, 1.0, 9.0))
        watch.observe(frame(2.0), None)
        assert watch.dark_s() == 2.0


class TestClockWatch:
    START = datetime(2026, 11, 20, tzinfo=UTC)

    def moment(self, s: float, off_s: float = 0.0) -> ClockReading:
        return ClockReading(self.START + timedelta(seconds=s + off_s), s, ClockQuality.SYNCHRONISED)

    def test_a_clock_that_runs_does_not_jump(self) -> None:
        watch = ClockMonitor()
        assert [watch.observe(self.moment(float(second))) for second in range(5)] == [0.0] * 5

    def test_a_jump_is_told_for_a_minute_with_its_direction(self) -> None:
        watch = ClockMonitor()
        watch.observe(self.moment(0.0))
        assert watch.observe(self.moment(1.0, off_s=-3600.0)) == pytest.approx(-3600.0)
        assert watch.observe(self.moment(30.0, off_s=-3600.0)) == pytest.approx(-3600.0)
        assert watch.observe(self.moment(62.0, off_s=-3600.0)) == 0.0

    def test_slewing_is_no_jump(self) -> None:
        watch = ClockMonitor()
        assert [watch.observe(self.moment(float(second), off_s=0.05 * second)) for second in range(100)] == [0.0] * 100


class TestPageWatch:
    def test_a_page_that_was_never_there_is_not_missed(self) -> None:
        watch = WebMonitor()
        assert [watch.observe(float(second), listening=False) for second in range(9)] == [None] * 9

    def test_a_page_that_was_there_is_missed_since_it_was_last_seen(self) -> None:
        watch = WebMonitor()
        assert watch.observe(1.0, listening=True) == 0.0
        assert watch.observe(4.0, listening=False) == 3.0
        assert watch.observe(5.0, listening=None) == 4.0
        assert watch.observe(6.0, listening=True) == 0.0


class TestProbes:
    def test_a_program_that_listens_is_found_without_calling_it(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert probe_port_listening(port) is True
        assert probe_port_listening(port) is False

    def test_where_the_kernel_tells_nothing_of_sockets_nothing_is_known(self, tmp_path: Path) -> None:
        assert probe_port_listening(80, tmp_path) is None

    @pytest.mark.parametrize(("options", "expected"), [("rw", False), ("rw,emergency_ro", True)])
    def test_a_file_system_that_its_kernel_closed_is_read_only_whatever_its_mount_says(
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
    def test_a_probe_that_says_nonsense_is_no_measure(self, tmp_path: Path, text: str) -> None:
        zone = tmp_path / "class/thermal/thermal_zone0"
        zone.mkdir(parents=True)
        (zone / "temp").write_text(text)
        assert probe_temperature_c(tmp_path) is None

    @pytest.mark.parametrize(("alarm", "expected"), [("0\n", False), ("1\n", True)])
    def test_under_voltage_is_the_kernels_alarm(self, tmp_path: Path, alarm: str, expected: bool) -> None:
        for number, name in enumerate(("cpu_thermal", "rpi_volt")):
            folder = tmp_path / f"class/hwmon/hwmon{number}"
            folder.mkdir(parents=True)
            (folder / "name").write_text(name + "\n")
        (tmp_path / "class/hwmon/hwmon1/in0_lcrit_alarm").write_text(alarm)
        assert probe_under_voltage(tmp_path) is expected

    def test_a_machine_without_these_has_no_such_measures(self, tmp_path: Path) -> None:
        assert probe_temperature_c(tmp_path) is None
        assert probe_under_voltage(tmp_path) is None
