"""An installed device in a folder: two releases, a fake systemd and dpkg, and simulated power cuts."""

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases import release, upgrade
from kiosk.installer.releases.readiness import Before, Readiness
from kiosk.installer.systemd import WATCHED_UNITS
from tests.paths import PROJECT


class PowerCut(BaseException):
    """A simulated power cut. BaseException, so that no `except Exception` catches it."""


class FakeSystemd:
    """Records all calls. `at`: number of the call at which the power is cut, from 0."""

    is_running = True

    def __init__(self, at: int | None = None) -> None:
        self.calls: list[str] = []
        self.units = set(WATCHED_UNITS)
        """What runs now."""
        self.at_power_on = set(WATCHED_UNITS)
        self.restart_count = 0
        self.in_a_loop: set[str] = set()
        """Units that end at each start, so that systemd starts them again and again."""
        self.purge_ok = True
        self._left = at

    def _record(self, call: str) -> None:
        if self._left is not None:
            if self._left == 0:
                raise PowerCut
            self._left -= 1
        self.calls.append(call)

    def stop(self, units: Sequence[str]) -> None:
        self._record("stop")
        self.units -= set(units)

    def start(self, units: Sequence[str]) -> None:
        self._record("start " + " ".join(units))
        self.units |= set(units) & set(WATCHED_UNITS)

    def reload(self) -> None:
        self._record("reload")

    def running(self) -> set[str]:
        return set(self.units)

    def active(self) -> set[str]:
        return self.units - self.in_a_loop

    def enabled(self) -> set[str]:
        return set(self.at_power_on)

    def main_pid(self, unit: str) -> int:
        return 7

    def restarts(self) -> int:
        return self.restart_count

    def purge_works(self) -> bool:
        return self.purge_ok

    def log_tail(self) -> list[str]:
        return ["ModuleNotFoundError: No module named 'nothing'"]


class FakePackages:
    """Packages of releases: a folder for each."""

    def __init__(self, layout: InstallLayout) -> None:
        self._folder = layout.releases_dir
        self.purged: list[str] = []

    def versions(self) -> set[str]:
        return {path.name for path in self._folder.iterdir()} - set(self.purged)

    def purge(self, versions: Iterable[str]) -> None:
        self.purged += versions


def a_release(layout: InstallLayout, version: str, *, schema: int = 1, oldest_writer: int = 1) -> Path:
    """A release as its package has it, without its program."""
    folder = layout.releases_dir / version
    folder.mkdir(parents=True)
    build = {"version": version, "python": "3.11", "schema": schema, "oldest_writer": oldest_writer}
    (folder / release.BUILD_FILE).write_text(json.dumps(build), encoding="ascii")
    return folder


def installed(root: Path) -> InstallLayout:
    """A device that runs release `1` and also has release `2`."""
    layout = InstallLayout(root)
    a_release(layout, "1")
    a_release(layout, "2")
    upgrade.activate_first("1", layout, FakeSystemd())
    return layout


def ready(_before: Before) -> Readiness:
    return Readiness(is_ready=True, state="ready", seconds=1.0)


def never(_before: Before) -> Readiness:
    return Readiness(is_ready=False, state="not-running", seconds=120.0)


def runs(layout: InstallLayout) -> str:
    """Version of the active release."""
    version = release.linked_version(layout.current_link)
    assert version is not None
    return version


def add_appliance(layout: InstallLayout) -> None:
    """The files of the package entrance-kiosk-appliance."""
    shutil.copytree(PROJECT / "firmware_config/boot", layout.appliance_dir / "boot")
