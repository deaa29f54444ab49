"""Where everything lies on an installed device."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one device; `root` is another folder than / in tests."""

    root: Path = Path("/")

    def at(self, path: str) -> Path:
        """An absolute path of the device, below `root`."""
        return self.root / path.lstrip("/")

    @property
    def program(self) -> Path:
        """Everything that is installed, versions side by side."""
        return self.at("/opt/entrance-kiosk")

    @property
    def releases(self) -> Path:
        """One folder per version, at its final path (a venv cannot be moved)."""
        return self.program / "releases"

    @property
    def current(self) -> Path:
        """Link to the version that runs; switched by one rename."""
        return self.program / "current"

    @property
    def previous(self) -> Path:
        """Link to the version that ran before; `install.sh --return` goes back to it."""
        return self.program / "previous"

    @property
    def venv(self) -> Path:
        """Constant link to current/venv: the path that the units name."""
        return self.program / "venv"

    @property
    def journal(self) -> Path:
        """There while an upgrade is under way; who finds it after a power cut goes back."""
        return self.program / "upgrade.json"

    @property
    def outcome(self) -> Path:
        """What became of the last upgrade."""
        return self.program / "last-upgrade.json"

    @property
    def placed(self) -> Path:
        """What was put outside of /opt, so that it can be taken away again."""
        return self.program / "placed.json"

    @property
    def etc(self) -> Path:
        """Configuration, keys and lists."""
        return self.at("/etc/entrance-kiosk")

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.etc / "kiosk.toml"

    @property
    def data(self) -> Path:
        """The records; no installer deletes them unless it is told to."""
        return self.at("/var/lib/entrance-kiosk")

    @property
    def command(self) -> Path:
        """The command `kiosk` for whoever logs in."""
        return self.at("/usr/local/bin/kiosk")

    @property
    def boot(self) -> Path:
        """The firmware's partition on a Raspberry Pi."""
        return self.at("/boot/firmware")
