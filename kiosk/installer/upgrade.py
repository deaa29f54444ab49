"""Upgrade with automatic rollback, safe against a power cut at any step.

    journal written -> stop -> units and link switched -> start -> ready? -> journal deleted
                                                               \\ not ready -> roll back to `from` in the journal

If the journal exists, the upgrade is rolled back: by systemd after this process died (ExecStopPost), or at power-on by
entrance-kiosk-recover.service. The upgrade is committed when the journal is deleted. docs/decisions/0038.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from kiosk.installer import readiness, release
from kiosk.installer.errors import InstallError, print_message, state_label
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import system_files
from kiosk.installer.machine.device import Systemd
from kiosk.installer.readiness import Readiness
from kiosk.system import atomic_files

WaitUntilReady = Callable[[frozenset[str]], Readiness]


def switch_release(new: str, layout: InstallLayout, systemd: Systemd, wait: WaitUntilReady) -> bool:
    """Switch to release `new`. False if it did not become ready and was rolled back."""
    old = release.linked_release_name(layout.current_link)
    if old is None:
        raise InstallError("nothing-to-upgrade")
    preexisting_failures = readiness.failed_checks(readiness.read_status(layout))
    atomic_files.write_json(layout.upgrade_journal, {"from": old, "to": new, "began_at": _now()})
    systemd.stop(units_to_stop(layout))
    activate_release(new, layout, systemd)
    systemd.start(units_to_start(layout))
    result = wait(preexisting_failures)
    if not result.is_ready:
        print_message("new-version-not-ready", state=state_label(result.state))
        recover_from_interruption(layout, systemd, reason=f"not ready: {result.state}")
        return False
    atomic_files.write_link(layout.previous_link, f"releases/{old}")
    atomic_files.remove_file(layout.upgrade_journal)
    _write_outcome(layout, old, new, "committed", f"{result.state} after {result.seconds:.1f} s")
    return True


def is_committed(name: str, layout: InstallLayout) -> bool:
    """True if the switch to a release is complete. Decided by the files on disk, not by the exit status of the switch."""
    return release.linked_release_name(layout.current_link) == name and not layout.upgrade_journal.exists()


def recover_from_interruption(
    layout: InstallLayout, systemd: Systemd, *, reason: str, booting: bool = False
) -> str | None:
    """Roll back an upgrade that was not committed. Returns the name of the restored release, None if there was no upgrade.

    `booting`: stop and start no units, because systemd starts them after this process.
    """
    journal = atomic_files.read_json(layout.upgrade_journal)
    if journal is None:
        atomic_files.remove_file(layout.upgrade_journal)
        return None
    old = str(journal["from"])
    if not booting:
        systemd.stop(units_to_stop(layout))
    activate_release(old, layout, systemd)
    atomic_files.remove_file(layout.upgrade_journal)
    _write_outcome(layout, old, str(journal["to"]), "rolled-back", reason)
    if not booting:
        systemd.start(units_to_start(layout))
    return old


def activate_release(name: str, layout: InstallLayout, systemd: Systemd) -> None:
    """Install the files of the release outside of /opt, then switch the link. Idempotent. Starts no units."""
    folder = layout.releases_dir / name
    if not release.is_complete(folder):
        raise InstallError("release-missing", release=name)
    system_files.install_files(folder / "system", layout)
    atomic_files.write_link(layout.current_link, f"releases/{name}")
    atomic_files.write_link(layout.venv_link, "current/venv")
    atomic_files.write_link(
        layout.command_link, str(Path("/") / layout.venv_link.relative_to(layout.root) / "bin/kiosk")
    )
    systemd.reload()
    never_enabled = system_files.units_to_enable(layout)
    if never_enabled:
        systemd.enable(never_enabled)
        system_files.record_enabled(never_enabled, layout)


def units_to_stop(layout: InstallLayout) -> list[str]:
    """Our units, except the one that may run this process."""
    return [name for name in system_files.installed_units(layout) if name != "entrance-kiosk-recover.service"]


def units_to_start(layout: InstallLayout) -> list[str]:
    """Our units that are enabled."""
    folder = layout.at(system_files.UNIT_FOLDER)
    links = (path.name for wants in folder.glob("*.wants") for path in wants.iterdir())
    ours = set(units_to_stop(layout))
    return sorted(ours.intersection(links))


def _write_outcome(layout: InstallLayout, old: str, new: str, outcome: str, reason: str) -> None:
    atomic_files.write_json(
        layout.last_upgrade_file, {"from": old, "to": new, "outcome": outcome, "reason": reason, "ended_at": _now()}
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
