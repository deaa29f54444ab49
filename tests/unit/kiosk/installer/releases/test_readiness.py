"""Readiness of a new version: it must stay ready for some seconds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kiosk.core.status import UplinkStatus
from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases import readiness
from kiosk.installer.releases.readiness import Before, Readiness
from kiosk.installer.systemd import PURGE_UNIT, WATCHED_UNITS
from kiosk.system import atomic_files, status_file
from tests.fakes.data.status_snapshots import a_status
from tests.fakes.parts.installed_device import FakeSystemd


def snapshot(state: str, pid: int = 7, failed: Sequence[str] = ()) -> dict[str, Any]:
    return {"state": state, "pid": pid, "checks": [{"code": code, "status": "fail"} for code in failed]}


@pytest.mark.parametrize(
    ("status", "pid", "preexisting", "expected"),
    [
        (snapshot("ready"), 7, (), True),
        (snapshot("degraded"), 7, (), True),
        (snapshot("starting"), 7, (), False),
        (snapshot("out-of-order", failed=["camera"]), 7, (), False),
        (snapshot("out-of-order", failed=["camera"]), 7, ("camera",), True),
        (snapshot("out-of-order", failed=["camera", "signal"]), 7, ("camera",), False),
        (snapshot("ready", pid=6), 7, (), False),  # the file of a dead process
        (snapshot("ready", pid=0), 0, (), False),
        (None, 7, (), False),
    ],
)
def test_ready_if_this_process_serves_people_or_fails_only_preexisting_checks(
    status: dict[str, Any] | None, pid: int, preexisting: tuple[str, ...], *, expected: bool
) -> None:
    assert readiness.is_ready(status, pid, frozenset(preexisting)) is expected


class ScriptedDaemon:
    """A clock that advances in `pause`, and a daemon whose process ids and states follow a script."""

    def __init__(self, layout: InstallLayout, script: Callable[[float], tuple[int, str]]) -> None:
        self.now_s = 0.0
        self._path = layout.at("/run/entrance-kiosk/status.json")
        self._path.parent.mkdir(parents=True)
        self._script = script

    def pause(self, seconds: float) -> None:
        self.now_s += seconds

    def main_pid(self, unit: str) -> int:
        pid, state = self._script(self.now_s)
        atomic_files.write_json(self._path, snapshot(state, pid))
        return pid


class ScriptedSystemd(FakeSystemd):
    def __init__(self, daemon: ScriptedDaemon) -> None:
        super().__init__()
        self._watched = daemon

    def main_pid(self, unit: str) -> int:
        return self._watched.main_pid(unit)


def wait_for(tmp_path: Path, script: Callable[[float], tuple[int, str]]) -> Readiness:
    layout = InstallLayout(tmp_path)
    daemon = ScriptedDaemon(layout, script)
    return readiness.wait_until_ready(layout, ScriptedSystemd(daemon), clock=lambda: daemon.now_s, pause=daemon.pause)


def test_a_daemon_that_stays_ready_is_ready(tmp_path: Path) -> None:
    found = wait_for(tmp_path, lambda now_s: (7, "ready" if now_s >= 3 else "starting"))
    assert found == Readiness(is_ready=True, state="ready", seconds=3.0)


def test_a_daemon_that_crashes_repeatedly_is_not_ready_although_it_is_ready_in_between(tmp_path: Path) -> None:
    found = wait_for(tmp_path, lambda now_s: (int(now_s // 9) + 1, "ready" if now_s % 9 > 2 else "starting"))
    assert not found.is_ready
    assert 120 < found.seconds < 130


def test_a_daemon_that_does_not_run_is_given_up_after_two_minutes(tmp_path: Path) -> None:
    found = wait_for(tmp_path, lambda now_s: (0, "ready"))
    assert (found.is_ready, found.state) == (False, "not-running")
    assert 120 <= found.seconds < 122


def wait_with_units(tmp_path: Path, change: Callable[["ScriptedSystemd"], None]) -> Readiness:
    """A daemon that is ready, on a device whose units were all well before."""
    layout = InstallLayout(tmp_path)
    daemon = ScriptedDaemon(layout, lambda now_s: (7, "ready"))
    systemd = ScriptedSystemd(daemon)
    change(systemd)
    before = Before(well=frozenset({*WATCHED_UNITS, PURGE_UNIT}))
    return readiness.wait_until_ready(layout, systemd, before, clock=lambda: daemon.now_s, pause=daemon.pause)


@pytest.mark.parametrize("unit", [name for name in WATCHED_UNITS if name != "kiosk.service"])
def test_a_release_whose_other_unit_does_not_run_is_not_ready_and_the_unit_is_named(tmp_path: Path, unit: str) -> None:
    found = wait_with_units(tmp_path, lambda systemd: systemd.units.discard(unit))
    assert (found.is_ready, found.state) == (False, unit)


def test_a_unit_that_ends_at_each_start_does_not_run(tmp_path: Path) -> None:
    found = wait_with_units(tmp_path, lambda systemd: systemd.in_a_loop.add("kiosk-web.service"))
    assert (found.is_ready, found.state) == (False, "kiosk-web.service")


def test_a_release_whose_purge_unit_fails_is_not_ready(tmp_path: Path) -> None:
    def break_purge(systemd: ScriptedSystemd) -> None:
        systemd.purge_ok = False

    found = wait_with_units(tmp_path, break_purge)
    assert (found.is_ready, found.state) == (False, PURGE_UNIT)


def test_the_state_is_reported_while_it_waits(tmp_path: Path) -> None:
    layout, told = InstallLayout(tmp_path), list[tuple[str, float]]()
    daemon = ScriptedDaemon(layout, lambda now_s: (7, "ready" if now_s >= 2 else "starting"))
    readiness.wait_until_ready(
        layout, ScriptedSystemd(daemon), clock=lambda: daemon.now_s, pause=daemon.pause,
        report=lambda state, seconds: told.append((state, seconds)),
    )  # fmt: skip
    assert told == [("starting", 0.0), ("starting", 0.5), ("starting", 1.0), ("starting", 1.5)]


@pytest.mark.parametrize("receipt_at", [None, "2026-11-28T06:00:00+07:00"])
def test_receipts_of_the_centre_are_read_from_a_status_as_the_daemon_writes_it(
    tmp_path: Path, receipt_at: str | None
) -> None:
    """A check of the status had another name once, so that no trial ever asked for receipts."""
    layout = InstallLayout(tmp_path)
    run_dir = layout.at("/run/entrance-kiosk")
    run_dir.mkdir(parents=True)
    status = a_status(uplink=UplinkStatus(connected=True, last_receipt_at=receipt_at))
    status_file.publish_status(status, run_dir)
    assert readiness.look_before(layout, FakeSystemd()).receives is (receipt_at is not None)
