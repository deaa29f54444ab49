"""Switch of releases with automatic return, safe against a power cut at any step.

    journal written -> stop -> link switched -> start -> ready? -> journal deleted, trial begins
                                                   \\ not ready -> return to `from` in the journal

If the journal exists, the switch is taken back: by systemd after this process died (ExecStopPost), or at power-on by
entrance-kiosk-recover.service. The switch is committed when the journal is deleted. docs/decisions/0038.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kiosk.installer.errors import InstallError, print_message, state_label
from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases import readiness, release
from kiosk.installer.releases.readiness import NOTHING_KNOWN, Before, Readiness
from kiosk.installer.systemd import TRIAL_UNIT, WATCHED_UNITS, Systemd
from kiosk.system import atomic_files

WaitUntilReady = Callable[[Before], Readiness]


def activate_first(version: str, layout: InstallLayout, systemd: Systemd) -> None:
    """Link the first release of a device, or the same release again. Starts nothing."""
    _activate(version, layout, systemd)
    release.update_history(layout, chosen=version)


def switch_release(new: str, layout: InstallLayout, systemd: Systemd, wait: WaitUntilReady) -> bool:
    """Switch to release `new`. False if it did not become ready, and the one before runs again.

    Only what ran before, or starts at power-on, is started again. A kiosk that was stopped is not watched.
    """
    old = release.linked_version(layout.current_link)
    if old is None:
        raise InstallError("nothing-to-upgrade")
    before = readiness.look_before(layout, systemd)
    start = sorted(systemd.running() | systemd.enabled(), key=WATCHED_UNITS.index)
    watched = bool(systemd.running()) and systemd.is_running
    journal = {"from": old, "to": new, "began_at": now(), "start": start, "failures": sorted(before.failures)}
    atomic_files.write_json(layout.upgrade_journal, journal)
    systemd.stop([TRIAL_UNIT, *WATCHED_UNITS])
    _activate(new, layout, systemd)
    systemd.start(start if watched else [])
    result = wait(before) if watched else readiness.NOT_MONITORED
    if not result.is_ready:
        print_message("new-version-not-ready", state=state_label(result.state))
        reason = f"not ready: {result.state}"
        release.reject(new, reason, layout)
        recover_from_interruption(layout, systemd, reason=reason, wait=wait)
        return False
    atomic_files.write_link(layout.previous_link, f"releases/{old}")
    begin_trial(layout, new, old if watched else None, before)
    atomic_files.remove_file(layout.upgrade_journal)
    reason = f"{result.state} after {result.seconds:.1f} s"
    _write_outcome(layout, **{"from": old}, to=new, outcome="on-trial" if watched else "committed", reason=reason)
    systemd.start([TRIAL_UNIT] if watched else [])
    return True


def begin_trial(layout: InstallLayout, version: str, back: str | None, before: Before = NOTHING_KNOWN) -> None:
    """Let a version be watched. `back`: where to return if it fails, None to count its day only."""
    trial = {
        "release": version, "back": back, "elapsed_s": 0.0, "failures": sorted(before.failures),
        "well": sorted(before.well), "receives": before.receives, "good": back is None,
    }  # fmt: skip
    atomic_files.write_json(layout.trial_file, trial)


def take_back(reason: str, back: str, layout: InstallLayout, systemd: Systemd, wait: WaitUntilReady) -> bool:
    """Return from a release that failed on its trial. True if the release before is ready again."""
    failed = release.linked_version(layout.current_link)
    start = sorted(systemd.running() | systemd.enabled(), key=WATCHED_UNITS.index)
    atomic_files.write_json(layout.upgrade_journal, {"from": back, "to": failed, "began_at": now(), "start": start})
    release.reject(str(failed), reason, layout)
    recover_from_interruption(layout, systemd, reason=reason, wait=wait)
    outcome = atomic_files.read_json(layout.last_upgrade_file) or {}
    return outcome.get("outcome") == "rolled-back"


def note_for_people(kind: str, failed: str, runs: str, reason: str, layout: InstallLayout) -> None:
    """Let status, pages and centre say that `failed` is not in use, and why. `kind`: `returned`, `refused`, `neither-works`."""
    notice = {"kind": kind, "failed": failed, "runs": runs, "reason": reason, "at": now()}
    atomic_files.write_json(layout.notice_file, notice)


def is_committed(version: str, layout: InstallLayout) -> bool:
    """True if the switch to a release is complete. Decided by the files on disk, not by the exit status of the switch."""
    return release.linked_version(layout.current_link) == version and not layout.upgrade_journal.exists()


def recover_from_interruption(
    layout: InstallLayout, systemd: Systemd, *, reason: str, booting: bool = False, wait: WaitUntilReady | None = None
) -> str | None:
    """Take back a switch that was not committed. Returns the restored version, None if there was no switch.

    `booting`: stop and start no units, because systemd starts them after this process.
    `wait`: look whether the restored version is ready, and say so.
    """
    journal = atomic_files.read_json(layout.upgrade_journal)
    if journal is None:
        atomic_files.remove_file(layout.upgrade_journal)
        return None
    old, new = str(journal["from"]), str(journal["to"])
    cause = {} if booting else {"log": systemd.log_tail(), "restarts": systemd.restarts()}
    if not booting:
        systemd.stop(list(WATCHED_UNITS))
    _activate(old, layout, systemd)
    begin_trial(layout, old, None)  # counts the day after which the copies of the database go
    atomic_files.remove_file(layout.upgrade_journal)
    _write_outcome(layout, **{"from": old}, to=new, outcome="rolled-back", reason=reason, **cause)
    note_for_people("returned", new, old, reason, layout)
    start = [str(unit) for unit in journal.get("start", [])]
    if not booting:
        systemd.start(start)
        if wait is not None and start:
            result = wait(Before(frozenset(journal.get("failures", []))))
            _tell_restored(layout, {"from": old, "to": new, "reason": reason, **cause}, result)
        systemd.start([TRIAL_UNIT])
    return old


def _tell_restored(layout: InstallLayout, outcome: dict[str, Any], result: Readiness) -> None:
    """Say what became of the restored version: it serves people again, or neither version works."""
    old, new = outcome["from"], outcome["to"]
    if result.is_ready:
        print_message("restored-ready", release=old, seconds=f"{result.seconds:.0f}")
        return
    print_message("neither-works", release=old, new=new, state=state_label(result.state))
    reason = f"{outcome['reason']}; {old}: {result.state}"
    note_for_people("neither-works", new, old, reason, layout)
    _write_outcome(layout, **{**outcome, "outcome": "neither-works", "reason": reason})


def _activate(version: str, layout: InstallLayout, systemd: Systemd) -> None:
    """Switch the link. The units of the release follow by the generator of the package entrance-kiosk. Idempotent."""
    release.require_build(version, layout)
    atomic_files.write_link(layout.current_link, f"releases/{version}")
    atomic_files.write_link(layout.venv_link, "current/venv")
    release.update_history(layout, unpacked_ns=release.unpacked_ns(layout.current_link))
    systemd.reload()


def _write_outcome(layout: InstallLayout, **outcome: object) -> None:
    atomic_files.write_json(layout.last_upgrade_file, {**outcome, "ended_at": now()})


def note_outcome(layout: InstallLayout, outcome: str) -> None:
    """Change the outcome of the last switch, for example to `good`."""
    found = atomic_files.read_json(layout.last_upgrade_file)
    if found is not None:
        atomic_files.write_json(layout.last_upgrade_file, {**found, "outcome": outcome, "ended_at": now()})


def now() -> str:
    """The time of this moment, for people."""
    return datetime.now(UTC).isoformat(timespec="seconds")
