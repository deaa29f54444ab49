"""Paths on an installed device."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class InstallLayout:
    """Paths of one device. Tests set another `root`."""

    root: Path = Path("/")

    def at(self, path: str) -> Path:
        """An absolute path of the device, below `root`."""
        return self.root / path.lstrip("/")

    @property
    def program_dir(self) -> Path:
        """Releases, the links to them, and what is known of their switches."""
        return self.at("/opt/entrance-kiosk")

    @property
    def releases_dir(self) -> Path:
        """One folder per version. dpkg writes and removes them (packages entrance-kiosk-VERSION)."""
        return self.program_dir / "releases"

    @property
    def current_link(self) -> Path:
        """Link to the version that runs. One rename switches it."""
        return self.program_dir / "current"

    @property
    def previous_link(self) -> Path:
        """Link to the version that ran before. `kiosk release return` switches to it."""
        return self.program_dir / "previous"

    @property
    def venv_link(self) -> Path:
        """Link to current/venv. It never changes, and the units use it."""
        return self.program_dir / "venv"

    @property
    def upgrade_journal(self) -> Path:
        """Exists while a switch runs. If it exists after a power cut, the switch is taken back."""
        return self.program_dir / "upgrade.json"

    @property
    def last_upgrade_file(self) -> Path:
        """Result of the last switch."""
        return self.program_dir / "last-upgrade.json"

    @property
    def notice_file(self) -> Path:
        """Exists after a release was taken back or refused, until an administrator acknowledges it or a new one is good.

        The daemon reads it, and shows it (kiosk/health/release_notice.py)."""
        return self.program_dir / "notice.json"

    @property
    def trial_file(self) -> Path:
        """Exists while the running version is on trial, and until it was good for a day."""
        return self.program_dir / "trial.json"

    @property
    def history_file(self) -> Path:
        """What was decided about versions: the chosen one, the rejected ones, the one that was good for a day."""
        return self.program_dir / "history.json"

    @property
    def config_dir(self) -> Path:
        """Configuration, keys and lists."""
        return self.at("/etc/entrance-kiosk")

    @property
    def config_file(self) -> Path:
        """The configuration file."""
        return self.config_dir / "kiosk.toml"

    @property
    def data_dir(self) -> Path:
        """Events."""
        return self.at("/var/lib/entrance-kiosk")

    @property
    def tool_dir(self) -> Path:
        """This program, as the package entrance-kiosk has it."""
        return self.at("/usr/lib/entrance-kiosk")

    @property
    def appliance_dir(self) -> Path:
        """Firmware files of the package entrance-kiosk-appliance."""
        return self.at("/usr/share/entrance-kiosk-appliance")

    @property
    def boot_dir(self) -> Path:
        """Firmware partition of a Raspberry Pi."""
        return self.at("/boot/firmware")
