"""From one version to the next and, where that is not ready, back: every moment of it may be the last before a power cut.

    journal written -> stop -> units and link switched -> start -> ready? -> journal deleted
                                                               \\ not ready -> as after a cut: the journal's `from` again

Whoever finds the journal goes back: systemd after this process died (ExecStopPost), entrance-kiosk-recover.service at power-on.
Deleting it is the moment from which the new version is the one that runs. docs/decisions/0038.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from kiosk.installer import readiness, release
from kiosk.installer.errors import InstallError, print_message
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import system_files
from kiosk.installer.machine.device import Systemd
from kiosk.installer.readiness import Readiness
from kiosk.system import atomic_files

WaitUntilReady = Callable[[frozenset[str]], Readiness]


def switch_release(new: str, layout: InstallLayout, systemd: Systemd, wait: WaitUntilReady) -> bool:
    """Let release `new` run instead of the one that does. False where it did not become ready and the old one runs again."""
    old = release.linked_release_name(layout.current_link)
    if old is None:
        raise InstallError("Chưa có phiên bản nào để nâng cấp.", "There is no version here to upgrade from.")
    pardoned = readiness.failed_checks(readiness.read_status(layout))
    atomic_files.write_json(layout.upgrade_journal, {"from": old, "to": new, "began_at": _now()})
    systemd.stop(units_to_stop(layout))
    activate_release(new, layout, systemd)
    systemd.start(units_to_start(layout))
    found = wait(pardoned)
    if not found.is_ready:
        print_message(f"Phiên bản mới chưa sẵn sàng ({found.state}).", f"The new version is not ready ({found.state}).")
        recover_from_interruption(layout, systemd, reason=f"not ready: {found.state}")
        return False
    atomic_files.write_link(layout.previous_link, f"releases/{old}")
    atomic_files.remove_file(layout.upgrade_journal)
    _write_outcome(layout, old, new, "committed", f"{found.state} after {found.seconds:.1f} s")
    return True


def is_committed(name: str, layout: InstallLayout) -> bool:
    """Whether the switch to a release is over and it runs: what the disk says counts, not how the process that did it ended."""
    return release.linked_release_name(layout.current_link) == name and not layout.upgrade_journal.exists()


def recover_from_interruption(
    layout: InstallLayout, systemd: Systemd, *, reason: str, booting: bool = False
) -> str | None:
    """Go back where an upgrade did not come to its end; the name of the release that runs then, None where nothing was to do.

    `booting`: systemd has the units' start on its list already, after us; nothing is stopped or started.
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
    """The release's files outside of /opt, then the link. Again and again does no harm; nothing is started."""
    folder = layout.releases_dir / name
    if not release.is_complete(folder):
        raise InstallError(f"Thiếu phiên bản {name}. Hãy cài lại.", f"Release {name} is not there. Install again.")
    system_files.install_files(folder / "system", layout)
    atomic_files.write_link(layout.current_link, f"releases/{name}")
    atomic_files.write_link(layout.venv_link, "current/venv")
    atomic_files.write_link(
        layout.command_link, str(Path("/") / layout.venv_link.relative_to(layout.root) / "bin/kiosk")
    )
    systemd.reload()
    fresh = system_files.units_to_enable(layout)
    if fresh:
        systemd.enable(fresh)
        system_files.record_enabled(fresh, layout)


def units_to_stop(layout: InstallLayout) -> list[str]:
    """Our units, but for the one that may be running us."""
    return [name for name in system_files.installed_units(layout) if name != "entrance-kiosk-recover.service"]


def units_to_start(layout: InstallLayout) -> list[str]:
    """Those of our units that power-on starts as well."""
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
