"""The trial of a new release: 30 minutes in which it returns by itself if it fails, then a day until it counts as good.

The time is that of the monotonic clock while the board runs, because the wall clock of a kiosk may be in 1970.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from kiosk.installer.errors import print_message
from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases import database, readiness, release, upgrade
from kiosk.installer.releases.release import PackageDatabase
from kiosk.installer.releases.upgrade import WaitUntilReady
from kiosk.installer.systemd import DAEMON_UNIT, PURGE_UNIT, Systemd
from kiosk.system import atomic_files

TRIAL_S = 1800.0
DAY_S = 86_400.0
LOOK_INTERVAL_S = 10.0
DAY_INTERVAL_S = 600.0
NOTE_INTERVAL_S = 60.0
"""How often the time is noted, which a power cut would take away. Each note is a write to the memory card."""
MAX_RESTARTS = 3
"""So many restarts by systemd in one trial are a crash loop. One or two may have a cause outside."""
UNIT_LIMIT_S = 60.0
NOT_READY_LIMIT_S = 120.0
_tick = threading.Event()


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at the device."""

    running: frozenset[str]
    restarts: int
    """Counter of systemd, which begins again at each start by a person or of the board."""
    is_ready: bool
    centre_confirms: bool


@dataclass(frozen=True, slots=True)
class Course:
    """What the looks of one trial have shown so far."""

    elapsed_s: float = 0.0
    restarts: int = 0
    counter: int = 0
    unwell_s: float = 0.0
    """How long some unit that was well before has not been running."""
    unwell: str = ""
    not_ready_s: float = 0.0
    confirmed: bool = False


def follow(course: Course, seen: Observation, well: frozenset[str], passed_s: float) -> Course:
    """The course after one more look, `passed_s` after the last one. Pure."""
    new_restarts = seen.restarts - course.counter if seen.restarts >= course.counter else seen.restarts
    missing = sorted(well - seen.running - {PURGE_UNIT})
    return replace(
        course,
        elapsed_s=course.elapsed_s + passed_s,
        restarts=course.restarts + new_restarts,
        counter=seen.restarts,
        unwell=missing[0] if missing else "",
        unwell_s=course.unwell_s + passed_s if missing else 0.0,
        not_ready_s=0.0 if seen.is_ready else course.not_ready_s + passed_s,
        confirmed=course.confirmed or seen.centre_confirms,
    )


def failure(course: Course, *, received_before: bool, trial_s: float = TRIAL_S) -> str:
    """Why the release must go, or an empty string. Pure."""
    if course.restarts >= MAX_RESTARTS:
        return f"{course.restarts} restarts"
    if course.unwell_s >= UNIT_LIMIT_S:
        return f"{course.unwell} does not run"
    if course.not_ready_s >= NOT_READY_LIMIT_S:
        return "not ready"
    if course.elapsed_s >= trial_s and received_before and not course.confirmed:
        return "no receipt of the centre"
    return ""


def watch(
    layout: InstallLayout,
    systemd: Systemd,
    packages: PackageDatabase,
    wait: WaitUntilReady,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] = _tick.wait,
    trial_s: float = TRIAL_S,
    hold: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> bool:
    """Watch the release of the trial file until it was good for a day or failed. Ends at once if there is no trial.

    `hold`: keeps switches away while a release is taken back. True if it was: then the restored one has a day to be counted.
    """
    trial = atomic_files.read_json(layout.trial_file)
    if trial is None or release.linked_version(layout.current_link) != trial["release"]:
        atomic_files.remove_file(layout.trial_file)
        return False
    release.prune(layout, packages, rejected_only=True)
    trial["trial_s"] = trial_s  # the daemon shows the rest of it
    atomic_files.write_json(layout.trial_file, trial)
    course, last_s = Course(elapsed_s=trial["elapsed_s"], counter=systemd.restarts()), clock()
    while course.elapsed_s < DAY_S:
        pause(DAY_INTERVAL_S if trial["good"] else LOOK_INTERVAL_S)
        now_s = clock()
        course, last_s = (
            follow(course, look(layout, systemd, trial["failures"]), frozenset(trial["well"]), now_s - last_s),
            now_s,
        )
        if trial["good"]:
            course = replace(course, restarts=0, unwell_s=0.0, not_ready_s=0.0)
        elif reason := failure(course, received_before=trial["receives"], trial_s=trial_s):
            print_message("trial-failed", reason=reason, release=trial["back"])
            with hold():
                if upgrade.take_back(f"trial: {reason}", str(trial["back"]), layout, systemd, wait):
                    release.prune(layout, packages, rejected_only=True)
            return True
        elif course.elapsed_s >= trial_s:
            trial["good"] = True
            _keep(str(trial["release"]), layout, packages)
        if course.elapsed_s - trial["elapsed_s"] >= NOTE_INTERVAL_S or trial["good"]:
            trial["elapsed_s"] = course.elapsed_s
            atomic_files.write_json(layout.trial_file, trial)
    release.update_history(layout, good=trial["release"])
    database.remove_copies(layout)
    release.prune(layout, packages)
    atomic_files.remove_file(layout.trial_file)
    return False


def _keep(name: str, layout: InstallLayout, packages: PackageDatabase) -> None:
    """The trial is over: the release stays, and what it replaced may go."""
    upgrade.note_outcome(layout, "good")
    atomic_files.remove_file(layout.notice_file)
    print_message("trial-passed", release=name)
    release.prune(layout, packages)


def look(layout: InstallLayout, systemd: Systemd, failures: list[str]) -> Observation:
    """Look at the device once."""
    status = readiness.read_status(layout)
    ready = readiness.is_ready(status, systemd.main_pid(DAEMON_UNIT), failures)
    return Observation(frozenset(systemd.active()), systemd.restarts(), ready, readiness.centre_confirms(status))
