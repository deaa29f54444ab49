"""Where everything lies on an installed device."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class InstallLayout:
    """Paths of one device; `root` is another folder than / in tests."""

    root: Path = Path("/")

    def at(self, path: str) -> Path:
        """An absolute path of the device, below `root`."""
        return self.root / path.lstrip("/")

    @property
    def program_dir(self) -> Path:
        """Everything that is installed, versions side by side."""
        return self.at("/opt/entrance-kiosk")

    @property
    def releases_dir(self) -> Path:
        """One folder per version, at its final path (a venv cannot be moved)."""
        return self.program_dir / "releases"

    @property
    def current_link(self) -> Path:
        """Link to the version that runs; switched by one rename."""
        return self.program_dir / "current"

    @property
    def previous_link(self) -> Path:
        """Link to the version that ran before; `install.sh --rollback` goes back to it."""
        return self.program_dir / "previous"

    @property
    def venv_link(self) -> Path:
        """Constant link to current/venv: the path that the units name."""
        return self.program_dir / "venv"

    @property
    def upgrade_journal(self) -> Path:
        """There while an upgrade is under way; who finds it after a power cut goes back."""
        return self.program_dir / "upgrade.json"

    @property
    def last_upgrade_file(self) -> Path:
        """What became of the last upgrade."""
        return self.program_dir / "last-upgrade.json"

    @property
    def installed_files_list(self) -> Path:
        """What was put outside of /opt, so that it can be taken away again."""
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
        """The records; no installer deletes them unless it is told to."""
        return self.at("/var/lib/entrance-kiosk")

    @property
    def command_link(self) -> Path:
        """The command `kiosk` for whoever logs in."""
        return self.at("/usr/local/bin/kiosk")

    @property
    def boot_dir(self) -> Path:
        """The firmware's partition on a Raspberry Pi."""
        return self.at("/boot/firmware")
