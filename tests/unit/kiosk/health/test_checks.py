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
from kiosk.core.model import ClockQuality, Moment, State, View
from kiosk.core.status import Fact, Grade
from kiosk.health import CameraWatch, ClockWatch, Limits, Measures, PageWatch, judge, state_of, watchdog_may_be_fed
from kiosk.health.probes import (
    probe_disk_free_bytes,
    probe_listens,
    probe_read_only,
    probe_temperature_c,
    probe_under_voltage,
)
from tests.paths import PROJECT

WELL = Measures(
    dark_s=0.0,
    bright_s=0.0,
    blurred_s=0.0,
    frozen_s=0.0,
    disk_free_bytes=10**10,
    temperature_c=50.0,
    under_voltage=False,
    uplink_down_s=0.0,
    lists_age_s={"trust": 0.0},
    page_gone_s=0.0,
    presence="nobody",
)

# What is wrong: (measures, the fact that says so, the state of the device).
FAULTS: dict[str, tuple[dict[str, Any], str, State]] = {
    "the gate's thread hangs": ({"gate_loop_age_s": 21.0}, "gate-loop", State.OUT_OF_ORDER),
    "the camera's thread hangs": ({"camera_loop_age_s": 21.0}, "camera-loop", State.OUT_OF_ORDER),
    "the lamps do not obey": ({"lamps_alive": False}, "lamps", State.OUT_OF_ORDER),
    "no picture comes": ({"frame_age_s": 3.1}, "camera", State.OUT_OF_ORDER),
    "the picture is frozen": ({"frozen_s": 4.1}, "camera", State.OUT_OF_ORDER),
    "the store refuses": ({"store_trouble": "disk full"}, "records", State.OUT_OF_ORDER),
    "the disk is read-only": ({"disk_read_only": True}, "records", State.OUT_OF_ORDER),
    "the presence sensor is stuck on": ({"presence": "stuck-on"}, "presence", State.DEGRADED),
    "the presence sensor is stuck off": ({"presence": "stuck-off"}, "presence", State.DEGRADED),
    "the page is gone": ({"page_gone_s": 3.0}, "page", State.DEGRADED),
    "the lens is covered": ({"dark_s": 4.1}, "view", State.DEGRADED),
    "the sun blinds it": ({"bright_s": 4.1}, "view", State.DEGRADED),
    "the lens is smeared": ({"blurred_s": 4.1}, "view", State.DEGRADED),
    "the disk is nearly full": ({"disk_free_bytes": 10**8}, "disk", State.DEGRADED),
    "it is hot": ({"temperature_c": 80.0}, "temperature", State.DEGRADED),
    "the supply is weak": ({"under_voltage": True}, "power", State.DEGRADED),
    "the clock was never set": ({"clock": ClockQuality.UNSET}, "clock", State.DEGRADED),
    "the clock was set back": ({"clock_jump_s": -3600.0}, "clock", State.DEGRADED),
    "the broker is away": ({"uplink_down_s": 61.0}, "uplink", State.DEGRADED),
    "the outbox is old": ({"outbox_age_s": 601.0}, "outbox", State.DEGRADED),
    "the outbox is nearly full": ({"outbox_depth": 81, "outbox_limit": 100}, "outbox", State.DEGRADED),
    "a list is old": ({"lists_age_s": {"trust": 8 * 86400.0}}, "list-trust", State.DEGRADED),
}


def named(facts: tuple[Fact, ...], name: str) -> Fact:
    (found,) = [fact for fact in facts if fact.name == name]
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_one_bad_fact_and_shows_in_the_state(fault: str) -> None:
    wrong, name, state = FAULTS[fault]
    facts = judge(replace(WELL, **wrong))
    assert [fact.name for fact in facts if fact.grade is not Grade.OK] == [name]
    assert state_of(facts) is state


def test_a_healthy_device_is_ready_and_says_so_in_every_fact() -> None:
    facts = judge(WELL)
    assert {fact.grade for fact in facts} == {Grade.OK}
    assert state_of(facts) is State.READY
    assert watchdog_may_be_fed(facts)


def test_a_disk_below_its_floor_is_out_of_order_before_anybody_comes() -> None:
    facts = judge(replace(WELL, disk_free_bytes=10**6, disk_floor_bytes=8 * 10**6))
    assert [fact.name for fact in facts if fact.grade is Grade.BROKEN] == ["records"]
    assert state_of(facts) is State.OUT_OF_ORDER


def test_what_heals_is_ready_again() -> None:
    for wrong, _, _ in FAULTS.values():
        assert state_of(judge(replace(WELL, **wrong))) is not State.READY
        assert state_of(judge(WELL)) is State.READY


def test_a_black_picture_is_covered_and_not_frozen() -> None:
    facts = judge(replace(WELL, frozen_s=60.0, dark_s=60.0))
    assert [fact.name for fact in facts if fact.grade is not Grade.OK] == ["view"]


def test_what_this_machine_cannot_measure_is_no_fact() -> None:
    names = {fact.name for fact in judge(Measures())}
    assert names == {"gate-loop", "camera-loop", "lamps", "camera", "records", "clock", "outbox"}


def test_every_fact_has_a_sentence_in_both_languages_and_a_bad_one_says_what_to_do() -> None:
    for wrong, name, _ in FAULTS.values():
        for fact in judge(replace(WELL, **wrong)):
            assert fact.vi.endswith(".")
            assert fact.en.endswith(".")
            assert fact.vi != fact.en
            if fact.name == name:
                assert fact.vi.count(".") + fact.vi.count(";") >= 2, fact.vi
                assert fact.en.count(".") + fact.en.count(";") >= 2, fact.en


def test_the_manual_names_every_fact_with_the_threshold_that_is_in_force() -> None:
    page = (PROJECT / "docs/hardware.md").read_text(encoding="utf-8")
    table = page.partition("| fact |")[2].partition("\n\n")[0].splitlines()[2:]
    rows = {name.strip(): row for row in table for name in row.split("|")[1].split(",")}
    told = [replace(WELL, **wrong) for wrong, _, _ in FAULTS.values()]
    told += [replace(WELL, paused=True), replace(WELL, moved_aside="x"), replace(WELL, pins_trouble="busy")]
    names = {fact.name for measures in told for fact in judge(measures)}
    assert {"list-…" if name.startswith("list-") else name for name in names} == set(rows)
    limits = Limits()
    for name, threshold in {
        "gate-loop": f"{limits.loop_stuck_s:g} s",
        "camera": f"no picture for {limits.frame_old_s:g} s; the picture is frozen for {limits.frozen_s:g} s",
        "view": f"{limits.view_bad_s:g} s",
        "page": f"{limits.page_gone_s:g} s",
        "disk": f"{limits.disk_low_bytes // 2**20} MB",
        "temperature": f"{limits.hot_c:g} °C",
        "uplink": f"{limits.uplink_down_s:g} s; oldest passage waits {limits.outbox_old_s / 60:g} min; {limits.outbox_full:.0%}",
        "list-…": f"{limits.list_old_s / 86400:g} days",
    }.items():
        assert threshold.replace("%", " %") in rows[name], rows[name]


def test_the_order_of_facts_never_changes() -> None:
    order = [fact.name for fact in judge(WELL)]
    for wrong, _, _ in FAULTS.values():
        assert [fact.name for fact in judge(replace(WELL, **wrong))] == order


def test_only_a_loop_that_does_not_turn_starves_the_watchdog() -> None:
    starving = {
        fault for fault, (wrong, _, _) in FAULTS.items() if not watchdog_may_be_fed(judge(replace(WELL, **wrong)))
    }
    assert starving == {"the gate's thread hangs", "the camera's thread hangs", "the lamps do not obey"}


def test_while_starting_nothing_is_ready_but_trouble_is_told() -> None:
    assert state_of(judge(WELL), started=False) is State.STARTING
    assert state_of(judge(replace(WELL, temperature_c=90.0)), started=False) is State.STARTING
    assert state_of(judge(replace(WELL, frame_age_s=9.0)), started=False) is State.OUT_OF_ORDER


def test_the_trouble_of_the_camera_is_in_the_sentence() -> None:
    fact = named(judge(replace(WELL, frame_age_s=9.0, camera_trouble="webcam:0: unplugged")), "camera")
    assert "webcam:0: unplugged" in fact.vi
    assert "webcam:0: unplugged" in fact.en


def test_a_clock_that_nothing_disciplines_is_no_fault() -> None:
    facts = judge(replace(WELL, clock=ClockQuality.FREE_RUNNING))
    assert state_of(facts) is State.READY
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
    facts = judge(
        replace(
            WELL,
            frame_age_s=frame_age_s,
            dark_s=dark_s,
            disk_free_bytes=disk,
            temperature_c=heat,
            outbox_depth=depth,
            outbox_limit=limit,
            lists_age_s={"deny": age_s},
        )
    )
    names = [fact.name for fact in facts]
    assert len(names) == len(set(names))
    assert (state_of(facts) is State.OUT_OF_ORDER) == (frame_age_s > Limits().frame_old_s)


DULL = View(mean_luma=100.0, contrast=30.0, sharpness=50.0)


def frame(at_s: float, value: int = 0) -> Frame:
    return Frame(np.full((64, 64), value, np.uint8), 1, at_s)


class TestCameraWatch:
    def test_before_the_first_picture_its_age_counts_from_the_start(self) -> None:
        watch = CameraWatch(started_s=100.0)
        assert not watch.begun
        assert watch.frame_age_s(103.5) == 3.5

    def test_knows_the_age_of_the_last_picture(self) -> None:
        watch = CameraWatch(started_s=100.0)
        watch.note(frame(101.0), DULL)
        assert watch.begun
        assert watch.frame_age_s(101.5) == 0.5

    def test_pictures_that_are_all_the_same_are_frozen(self) -> None:
        watch = CameraWatch(started_s=0.0)
        for second in range(5):
            watch.note(frame(float(second), 7), DULL)
        assert watch.frozen_s() == 4.0
        watch.note(frame(5.0, 8), DULL)
        assert watch.frozen_s() == 0.0

    @pytest.mark.parametrize(
        ("view", "dark", "bright", "blurred"),
        [
            (DULL, 0.0, 0.0, 0.0),
            (View(3.0, 1.0, 9.0), 2.0, 0.0, 0.0),
            (View(253.0, 1.0, 9.0), 0.0, 2.0, 0.0),
            (View(100.0, 30.0, 0.1), 0.0, 0.0, 2.0),
            (View(3.0, 20.0, 9.0), 0.0, 0.0, 0.0),  # a dark jacket with something to be seen in it
        ],
    )
    def test_a_bad_view_has_a_duration(self, view: View, dark: float, bright: float, blurred: float) -> None:
        watch = CameraWatch(started_s=0.0)
        for second in range(3):
            watch.note(frame(float(second)), view)
        assert (watch.dark_s(), watch.bright_s(), watch.blurred_s()) == (dark, bright, blurred)
        watch.note(frame(3.0), DULL)
        assert (watch.dark_s(), watch.bright_s(), watch.blurred_s()) == (0.0, 0.0, 0.0)

    def test_a_frame_that_nobody_measured_changes_no_judgement_of_the_view(self) -> None:
        watch = CameraWatch(started_s=0.0)
        watch.note(frame(0.0), View(3.0, 1.0, 9.0))
        watch.note(frame(2.0), None)
        assert watch.dark_s() == 2.0


class TestClockWatch:
    START = datetime(2026, 11, 20, tzinfo=UTC)

    def moment(self, s: float, off_s: float = 0.0) -> Moment:
        return Moment(self.START + timedelta(seconds=s + off_s), s, ClockQuality.SYNCHRONISED)

    def test_a_clock_that_runs_does_not_jump(self) -> None:
        watch = ClockWatch()
        assert [watch.note(self.moment(float(second))) for second in range(5)] == [0.0] * 5

    def test_a_jump_is_told_for_a_minute_with_its_direction(self) -> None:
        watch = ClockWatch()
        watch.note(self.moment(0.0))
        assert watch.note(self.moment(1.0, off_s=-3600.0)) == pytest.approx(-3600.0)
        assert watch.note(self.moment(30.0, off_s=-3600.0)) == pytest.approx(-3600.0)
        assert watch.note(self.moment(62.0, off_s=-3600.0)) == 0.0

    def test_slewing_is_no_jump(self) -> None:
        watch = ClockWatch()
        assert [watch.note(self.moment(float(second), off_s=0.05 * second)) for second in range(100)] == [0.0] * 100


class TestPageWatch:
    def test_a_page_that_was_never_there_is_not_missed(self) -> None:
        watch = PageWatch()
        assert [watch.note(float(second), listens=False) for second in range(9)] == [None] * 9

    def test_a_page_that_was_there_is_missed_since_it_was_last_seen(self) -> None:
        watch = PageWatch()
        assert watch.note(1.0, listens=True) == 0.0
        assert watch.note(4.0, listens=False) == 3.0
        assert watch.note(5.0, listens=None) == 4.0
        assert watch.note(6.0, listens=True) == 0.0


class TestProbes:
    def test_a_program_that_listens_is_found_without_calling_it(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert probe_listens(port) is True
        assert probe_listens(port) is False

    def test_where_the_kernel_tells_nothing_of_sockets_nothing_is_known(self, tmp_path: Path) -> None:
        assert probe_listens(80, tmp_path) is None

    @pytest.mark.parametrize(("options", "expected"), [("rw", False), ("rw,emergency_ro", True)])
    def test_a_file_system_that_its_kernel_closed_is_read_only_whatever_its_mount_says(
        self, tmp_path: Path, options: str, expected: bool
    ) -> None:
        device = tmp_path.stat().st_dev
        (tmp_path / "self").mkdir()
        line = f"36 35 {os.major(device)}:{os.minor(device)} / /data rw,noatime - ext4 /dev/mmcblk0p3 {options}\n"
        (tmp_path / "self/mountinfo").write_text(line)
        assert probe_read_only(tmp_path / "passages.db", tmp_path) is expected

    def test_free_space_is_that_of_the_first_folder_that_exists(self, tmp_path: Path) -> None:
        assert probe_disk_free_bytes(tmp_path / "not" / "yet" / "passages.db") == probe_disk_free_bytes(tmp_path)
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
