"""From one version to the next and, where that is not ready, back: every moment of it may be the last before a power cut.

    journal written -> stop -> units and link switched -> start -> ready? -> journal deleted
                                                               \\ not ready -> as after a cut: the journal's `from` again

Whoever finds the journal goes back: systemd after this process died (ExecStopPost), entrance-kiosk-recover.service at power-on.
Deleting it is the moment from which the new version is the one that runs. docs/decisions/0038.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from kiosk.installer import atomic_files, readiness, release
from kiosk.installer.errors import InstallTrouble, say
from kiosk.installer.layout import Layout
from kiosk.installer.machine import system_files
from kiosk.installer.machine.device import Systemd
from kiosk.installer.readiness import Readiness

Waiting = Callable[[frozenset[str]], Readiness]


def switch(new: str, layout: Layout, systemd: Systemd, wait: Waiting) -> bool:
    """Let release `new` run instead of the one that does. False where it did not become ready and the old one runs again."""
    old = release.name_of(layout.current)
    if old is None:
        raise InstallTrouble("Chưa có phiên bản nào để nâng cấp.", "There is no version here to upgrade from.")
    pardoned = readiness.broken_facts(readiness.snapshot(layout))
    atomic_files.write_json(layout.journal, {"from": old, "to": new, "began_at": _now()})
    systemd.stop(stopped_for_it(layout))
    put_in_force(new, layout, systemd)
    systemd.start(started_again(layout))
    found = wait(pardoned)
    if not found.ready:
        say(f"Phiên bản mới chưa sẵn sàng ({found.state}).", f"The new version is not ready ({found.state}).")
        recover(layout, systemd, why=f"not ready: {found.state}")
        return False
    atomic_files.link(layout.previous, f"releases/{old}")
    atomic_files.remove(layout.journal)
    _tell(layout, old, new, "done", f"{found.state} after {found.seconds:.1f} s")
    return True


def came_to_its_end(name: str, layout: Layout) -> bool:
    """Whether the switch to a release is over and it runs: what the disk says counts, not how the process that did it ended."""
    return release.name_of(layout.current) == name and not layout.journal.exists()


def recover(layout: Layout, systemd: Systemd, *, why: str, booting: bool = False) -> str | None:
    """Go back where an upgrade did not come to its end; the name of the release that runs then, None where nothing was to do.

    `booting`: systemd has the units' start on its list already, after us; nothing is stopped or started.
    """
    journal = atomic_files.read_json(layout.journal)
    if journal is None:
        atomic_files.remove(layout.journal)
        return None
    old = str(journal["from"])
    if not booting:
        systemd.stop(stopped_for_it(layout))
    put_in_force(old, layout, systemd)
    atomic_files.remove(layout.journal)
    _tell(layout, old, str(journal["to"]), "returned", why)
    if not booting:
        systemd.start(started_again(layout))
    return old


def put_in_force(name: str, layout: Layout, systemd: Systemd) -> None:
    """The release's files outside of /opt, then the link. Again and again does no harm; nothing is started."""
    folder = layout.releases / name
    if not release.is_complete(folder):
        raise InstallTrouble(f"Thiếu phiên bản {name}. Hãy cài lại.", f"Release {name} is not there. Install again.")
    system_files.place(folder / "system", layout)
    atomic_files.link(layout.current, f"releases/{name}")
    atomic_files.link(layout.venv, "current/venv")
    atomic_files.link(layout.command, str(Path("/") / layout.venv.relative_to(layout.root) / "bin/kiosk"))
    systemd.reload()
    fresh = system_files.units_to_enable(layout)
    if fresh:
        systemd.enable(fresh)
        system_files.note_enabled(fresh, layout)


def stopped_for_it(layout: Layout) -> list[str]:
    """Our units, but for the one that may be running us."""
    return [name for name in system_files.units_placed(layout) if name != "entrance-kiosk-recover.service"]


def started_again(layout: Layout) -> list[str]:
    """Those of our units that power-on starts as well."""
    folder = layout.at(system_files.UNIT_FOLDER)
    links = (path.name for wants in folder.glob("*.wants") for path in wants.iterdir())
    ours = set(stopped_for_it(layout))
    return sorted(ours.intersection(links))


def _tell(layout: Layout, old: str, new: str, outcome: str, why: str) -> None:
    atomic_files.write_json(
        layout.outcome, {"from": old, "to": new, "outcome": outcome, "why": why, "ended_at": _now()}
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
