"""An installed device in a folder: two releases, a fake systemd and simulated power cuts."""

from collections.abc import Sequence
from pathlib import Path

from kiosk.installer import release, upgrade
from kiosk.installer.layout import InstallLayout
from kiosk.installer.readiness import Readiness
from tests.paths import PROJECT

KIOSK_UNIT = "etc/systemd/system/kiosk.service"


class PowerCut(BaseException):
    """A simulated power cut. BaseException, so that no `except Exception` catches it."""


class FakeSystemd:
    """Records all calls. `at`: number of the call at which the power is cut, from 0."""

    def __init__(self, at: int | None = None) -> None:
        self.calls: list[str] = []
        self.enables_in: list[Path] = []
        self._left = at

    def _record(self, call: str) -> None:
        if self._left is not None:
            if self._left == 0:
                raise PowerCut
            self._left -= 1
        self.calls.append(call)

    def stop(self, units: Sequence[str]) -> None:
        self._record("stop")

    def start(self, units: Sequence[str]) -> None:
        self._record("start " + " ".join(units))

    def reload(self) -> None:
        self._record("reload")

    def enable(self, units: Sequence[str]) -> None:
        self._record("enable " + " ".join(units))
        for wants in self.enables_in:
            wants.mkdir(parents=True, exist_ok=True)
            for unit in units:
                (wants / unit).symlink_to(f"../{unit}")

    def disable(self, units: Sequence[str]) -> None:
        self._record("disable")

    def main_pid(self, unit: str) -> int:
        return 7


def a_release(layout: InstallLayout, name: str, *, unit: str = "", extra: str | None = None) -> Path:
    """A complete release with the system files of the project. Its kiosk.service ends with the comment `unit`."""
    folder = layout.releases_dir / name
    for part in ("systemd", "firmware_config"):
        for path in (PROJECT / part).rglob("*"):
            if path.is_file():
                target = folder / "system" / path.relative_to(PROJECT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    with (folder / "system/systemd/kiosk.service").open("a", encoding="utf-8") as file:
        file.write(f"# {unit}\n")
    if extra:
        (folder / "system/systemd" / extra).write_text(
            "[Unit]\n\n[Install]\nWantedBy=multi-user.target\n", encoding="utf-8"
        )
    (folder / "complete").touch()
    return folder


def installed(root: Path) -> InstallLayout:
    """A device that runs release `one` and also has release `two`."""
    layout = InstallLayout(root)
    a_release(layout, "one", unit="one")
    a_release(layout, "two", unit="two", extra="kiosk-news.service")
    upgrade.activate_release("one", layout, FakeSystemd())
    return layout


def ready(_known: frozenset[str]) -> Readiness:
    return Readiness(is_ready=True, state="ready", seconds=1.0)


def never(_known: frozenset[str]) -> Readiness:
    return Readiness(is_ready=False, state="not-running", seconds=120.0)


def runs(layout: InstallLayout) -> str:
    """Name of the active release. Asserts that the link and the units belong to the same release."""
    name = release.linked_release_name(layout.current_link)
    assert name is not None
    assert (layout.root / KIOSK_UNIT).read_text(encoding="utf-8").endswith(f"# {name}\n")
    assert (layout.root / "etc/systemd/system/kiosk-news.service").exists() == (name == "two")
    return name
