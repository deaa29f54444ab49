"""The trial of a new release: what ends it, what it leaves, and how its time is counted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases import release, trial, upgrade
from kiosk.installer.releases.readiness import Before
from kiosk.installer.releases.trial import Course, Observation
from kiosk.installer.systemd import WATCHED_UNITS
from kiosk.system import atomic_files
from tests.fakes.parts.installed_device import FakePackages, FakeSystemd, a_release, installed, never, ready, runs

WELL = frozenset(WATCHED_UNITS)


class Device:
    """A device on which time passes in `pause`, and a script changes it."""

    def __init__(self, root: Path, script: Callable[["Device", float], None]) -> None:
        self.layout = installed(root)
        self.systemd = FakeSystemd()
        self.packages = FakePackages(self.layout)
        self.now_s = 0.0
        self._script = script
        upgrade.switch_release("2", self.layout, self.systemd, ready)
        self.shows("ready")

    def shows(self, state: str, *, receipt_at: str | None = "2026-11-28T06:00:00+07:00") -> None:
        path = self.layout.at("/run/entrance-kiosk/status.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        uplink = {"last_receipt_at": receipt_at}
        atomic_files.write_json(path, {"state": state, "pid": 7, "checks": [], "uplink": uplink})

    def pause(self, seconds: float) -> None:
        self.now_s += seconds
        self._script(self, self.now_s)

    def watch(self, wait: Any = ready) -> None:
        clock = lambda: self.now_s  # noqa: E731
        trial.watch(self.layout, self.systemd, self.packages, wait, clock=clock, pause=self.pause)

    @property
    def outcome(self) -> dict[str, Any]:
        found = atomic_files.read_json(self.layout.last_upgrade_file)
        assert found is not None
        return found


def nothing(device: Device, now_s: float) -> None:
    """All goes well."""


def dies_every_30_s(device: Device, now_s: float) -> None:
    device.systemd.restart_count = int(now_s // 30)


def page_dies(device: Device, now_s: float) -> None:
    if now_s > 300:
        device.systemd.units.discard("kiosk-web.service")


def purge_timer_stops(device: Device, now_s: float) -> None:
    device.systemd.units.discard("kiosk-purge.timer")


def goes_out_of_order(device: Device, now_s: float) -> None:
    if now_s > 1000:
        device.shows("out-of-order")


FAILURES: dict[Callable[[Device, float], None], tuple[int, str]] = {
    dies_every_30_s: (90, "3 restarts"),
    page_dies: (360, "kiosk-web.service does not run"),
    purge_timer_stops: (60, "kiosk-purge.timer does not run"),
    goes_out_of_order: (1120, "not ready"),
}


@pytest.mark.parametrize("script", FAILURES)
def test_a_release_that_fails_on_its_trial_is_taken_back_told_and_removed(
    tmp_path: Path, script: Callable[[Device, float], None]
) -> None:
    device = Device(tmp_path, script)
    device.watch()
    at_s, reason = FAILURES[script]
    assert device.now_s == pytest.approx(at_s, abs=2 * trial.LOOK_INTERVAL_S)
    assert runs(device.layout) == "1"
    assert (device.outcome["outcome"], device.outcome["reason"]) == ("rolled-back", f"trial: {reason}")
    assert device.packages.purged == ["2"]
    assert device.systemd.units == set(WATCHED_UNITS)


def test_a_release_without_a_receipt_goes_if_there_were_receipts_before(tmp_path: Path) -> None:
    device = Device(tmp_path, lambda device, _: device.shows("degraded", receipt_at=None))
    device.layout.trial_file.write_bytes(
        device.layout.trial_file.read_bytes().replace(b'"receives": false', b'"receives": true')
    )
    device.watch()
    assert device.outcome["reason"] == "trial: no receipt of the centre"
    assert device.now_s == pytest.approx(trial.TRIAL_S, abs=trial.LOOK_INTERVAL_S)


def test_without_a_centre_before_none_is_asked_for(tmp_path: Path) -> None:
    device = Device(tmp_path, lambda device, _: device.shows("degraded", receipt_at=None))
    device.watch()
    assert runs(device.layout) == "2"


def test_a_release_that_is_taken_back_stays_installed_if_neither_works(tmp_path: Path) -> None:
    device = Device(tmp_path, dies_every_30_s)
    device.watch(never)
    assert device.outcome["outcome"] == "neither-works"
    assert device.packages.purged == []


def test_two_restarts_and_a_short_pause_are_forgiven(tmp_path: Path) -> None:
    def script(device: Device, now_s: float) -> None:
        device.systemd.restart_count = min(int(now_s // 100), 2)
        device.shows("starting" if 500 < now_s < 600 else "ready")

    device = Device(tmp_path, script)
    device.watch()
    assert runs(device.layout) == "2"


def test_after_30_minutes_it_is_good_and_after_a_day_the_older_ones_and_the_copies_go(tmp_path: Path) -> None:
    marks: list[tuple[float, str, list[str]]] = []

    def script(device: Device, now_s: float) -> None:
        mark = (device.outcome["outcome"], list(device.packages.purged))
        if not marks or marks[-1][1:] != mark:
            marks.append((now_s, *mark))

    device = Device(tmp_path, script)
    a_release(device.layout, "0")
    release.update_history(device.layout, good="0")
    copy = device.layout.data_dir / "events.db.backup-2"
    copy.parent.mkdir(parents=True)
    copy.touch()
    device.watch()
    assert [mark[1:] for mark in marks] == [("on-trial", []), ("good", [])]
    assert marks[1][0] == pytest.approx(trial.TRIAL_S, abs=trial.DAY_INTERVAL_S + trial.LOOK_INTERVAL_S)
    assert device.now_s == pytest.approx(trial.DAY_S, abs=trial.DAY_INTERVAL_S)
    assert release.read_history(device.layout)["good"] == "2"
    assert device.packages.purged == ["0"], "the one before stays, the last good one of before is not needed any more"
    assert not copy.exists()
    assert not device.layout.trial_file.exists()


def test_the_time_of_a_trial_goes_on_after_a_power_cut(tmp_path: Path) -> None:
    class Cut(Exception):
        pass

    def script(device: Device, now_s: float) -> None:
        if now_s == 610:
            raise Cut

    device = Device(tmp_path, script)
    with pytest.raises(Cut):
        device.watch()
    device.watch()
    noted = 600.0
    assert device.now_s - 610 == pytest.approx(trial.DAY_S - noted, abs=trial.DAY_INTERVAL_S + trial.NOTE_INTERVAL_S)


def test_the_trial_of_a_release_that_does_not_run_any_more_ends(tmp_path: Path) -> None:
    device = Device(tmp_path, nothing)
    upgrade.activate_first("1", device.layout, device.systemd)
    device.watch()
    assert (device.now_s, device.layout.trial_file.exists()) == (0.0, False)


def test_after_a_return_the_copies_of_the_database_age_out_too(tmp_path: Path) -> None:
    device = Device(tmp_path, dies_every_30_s)
    device.watch()
    device.systemd.restart_count = 0
    copy = device.layout.data_dir / "events.db.backup-2"
    copy.parent.mkdir(parents=True)
    copy.touch()
    device._script = nothing
    device.watch()
    assert not copy.exists()
    assert runs(device.layout) == "1"


@given(st.lists(st.integers(0, 5), max_size=30))
def test_restarts_are_counted_across_starts_of_the_counter(counters: list[int]) -> None:
    """The counter of systemd begins again when the board or a person starts the unit."""
    course, expected = Course(), 0
    for before, counter in zip([0, *counters], counters, strict=False):
        expected += counter - before if counter >= before else counter
        course = trial.follow(course, Observation(WELL, counter, is_ready=True, centre_confirms=False), WELL, 10.0)
    assert course.restarts == expected
    assert bool(trial.failure(course, received_before=False)) == (expected >= trial.MAX_RESTARTS)


@given(
    st.sets(st.sampled_from(["1", "2", "3", "4", "5"])),
    st.sampled_from(["1", "2", "3", None]),
    st.sampled_from(["1", "2", "3", None]),
    st.sampled_from(["1", "4", None]),
    st.sets(st.sampled_from(["1", "2", "3", "4"])),
)
def test_the_running_release_and_the_ones_to_return_to_are_never_removed(
    installed_versions: set[str], current: str | None, previous: str | None, good: str | None, rejected: set[str]
) -> None:
    removed = release.releases_to_remove(
        installed_versions, current=current, previous=previous, good=good, rejected=rejected
    )
    assert current not in removed
    assert not removed & ({previous, good} - rejected)
    assert removed >= (installed_versions & rejected) - {current}


def test_before_that_is_not_known_counts_for_nothing(tmp_path: Path) -> None:
    layout = InstallLayout(tmp_path)
    upgrade.begin_trial(layout, "1", None)
    found = atomic_files.read_json(layout.trial_file)
    assert found is not None
    assert (found["well"], found["failures"], found["receives"], found["good"]) == ([], [], False, True)
    assert Before() == Before(frozenset(), frozenset(), receives=False)
