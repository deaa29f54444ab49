"""What the monitors of camera, clock and page see, and the probes of the board."""

import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from kiosk.core.frame import Frame
from kiosk.core.model import ClockQuality, ClockReading, FrameQuality
from kiosk.health import (
    CameraMonitor,
    ClockMonitor,
    WebMonitor,
)
from kiosk.health.monitors import WEB_START_S
from kiosk.health.probes import (
    probe_disk_free_bytes,
    probe_port_listening,
    probe_read_only,
    probe_temperature_c,
    probe_under_voltage,
)

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
