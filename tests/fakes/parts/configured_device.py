"""A device whose configuration is changed: its file, its journal on a disk that may lose power, and its starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kiosk import config
from kiosk.app.builders.configuration import ConfigurationControl, LocalChange
from kiosk.config.overlay.journal import Journal
from kiosk.config.overlay.judgement import SettingsObservation
from kiosk.system import atomic_files
from mqtt.remote.configuration import DesiredMessage
from tests.fakes.parts.commands import SESSION
from tests.fakes.parts.connection import ManualClock

FILE = """\
[site]
site = "dong-ba"
device = "gate-1"

[storage]
path = "events.db"

[keys]
sealing_public_key = "sealing.pem"
pseudonym_key = "pseudonym.key"
trust_list = "trust.cose"
root_public_key = "root.pem"

[camera]
source = "synthetic"
"""
WELL = SettingsObservation(frozenset(), is_starting=False, is_connected=True, has_receipt=True)


class PowerCutError(Exception):
    """The power failed. All that is not on the disk is lost."""


class Disk:
    """Writes files as the real one does. `cut_after` steps of the writer from now the power fails. A write has four steps."""

    def __init__(self) -> None:
        self.cut_after: int | None = None
        self.is_read_only = False
        self.steps = 0

    def write_file(self, path: Path, content: bytes) -> None:
        if self.is_read_only:
            raise OSError(30, "Read-only file system")
        draft = path.with_name(f".{path.name}.1.new")
        self._step()
        draft.write_bytes(content[: len(content) // 2])
        self._step()
        draft.write_bytes(content)
        self._step()
        atomic_files.replace_file(draft, path)
        self._step()

    def _step(self) -> None:
        self.steps += 1
        if self.cut_after is not None:
            if self.cut_after == 0:
                self.cut_after = None
                raise PowerCutError
            self.cut_after -= 1


class ConfiguredDevice:
    """`control` is that of the running daemon."""

    def __init__(self, folder: Path, text: str = FILE) -> None:
        self.path = folder / "kiosk.toml"
        self.path.write_text(text, encoding="utf-8")
        self.clock = ManualClock()
        self.disk = Disk()
        self.boots = 0
        self.control: ConfigurationControl | None = None
        self.settings: config.Settings | None = None
        self.boot()

    @property
    def running(self) -> ConfigurationControl:
        assert self.control is not None
        return self.control

    def start(self) -> None:
        """The daemon starts again in the same boot. It reads its file as the real one does."""
        if self.control is not None:
            self.control.close()
        journal = Journal(self.path.parent, self.disk.write_file)
        self.control = ConfigurationControl(self.path, self.clock, f"boot-{self.boots}", journal)
        self.settings = self.control.start()

    def boot(self) -> None:
        """The power comes back."""
        self.boots += 1
        self.clock.s = 0.0
        self.start()

    def desire(self, values: Mapping[str, Any], counter: int = 1) -> None:
        self.running.apply_desired(desired(values, counter))
        self.follow()

    def change(self, values: Mapping[str, Any], removed: tuple[str, ...] = ()) -> None:
        self.running.try_change(LocalChange(values, removed, "an", "a test"))
        self.follow()

    def follow(self) -> None:
        """Start again where a restart is due."""
        if self.running.is_restart_due:
            self.start()

    def live(self, seconds: float, seen: SettingsObservation = WELL, *, step_s: int = 1) -> None:
        """Run on, as the main loop does."""
        for _ in range(0, int(seconds), step_s):
            self.clock.advance(step_s)
            self.running.observe(seen)
            self.follow()

    def value(self, name: str) -> Any:
        """A setting in use now."""
        found: Any = self.settings
        for step in name.split("."):
            found = getattr(found, step)
        return found


def desired(values: Mapping[str, Any], counter: int = 1, **changed: Any) -> DesiredMessage:
    """What a centre wants of the device."""
    fields: dict[str, Any] = {
        "device": "dong-ba/gate-1",
        "session": SESSION,
        "counter": counter,
        "issued_at": "2026-11-28T08:00:00Z",
        "expires_at": "2026-11-28T08:10:00Z",
        "values": dict(values),
        "origins": dict.fromkeys(values, "city"),
        "changed_by": "cli:an",
        "reason": "a test of the configuration",
    }
    return DesiredMessage(**(fields | changed))
