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
        """Folder of all installed versions."""
        return self.at("/opt/entrance-kiosk")

    @property
    def releases_dir(self) -> Path:
        """One folder per version, built at its final path, because a venv cannot be moved."""
        return self.program_dir / "releases"

    @property
    def current_link(self) -> Path:
        """Link to the version that runs. One rename switches it."""
        return self.program_dir / "current"

    @property
    def previous_link(self) -> Path:
        """Link to the version that ran before. `install.sh --rollback` switches to it."""
        return self.program_dir / "previous"

    @property
    def venv_link(self) -> Path:
        """Link to current/venv. It never changes, and the units use it."""
        return self.program_dir / "venv"

    @property
    def upgrade_journal(self) -> Path:
        """Exists while an upgrade runs. If it exists after a power cut, the upgrade is rolled back."""
        return self.program_dir / "upgrade.json"

    @property
    def last_upgrade_file(self) -> Path:
        """Result of the last upgrade."""
        return self.program_dir / "last-upgrade.json"

    @property
    def installed_files_list(self) -> Path:
        """List of all installed files outside of /opt, for their removal."""
        return self.program_dir / "installed-files.json"

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
        """Events. Only `--uninstall --purge` deletes them."""
        return self.at("/var/lib/entrance-kiosk")

    @property
    def command_link(self) -> Path:
        """The command `kiosk` in a shell."""
        return self.at("/usr/local/bin/kiosk")

    @property
    def boot_dir(self) -> Path:
        """Firmware partition of a Raspberry Pi."""
        return self.at("/boot/firmware")
