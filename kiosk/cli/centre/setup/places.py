"""Where `kiosk centre init` puts each file, with its owner and mode. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kiosk.cli.centre.setup import offline_names
from kiosk.core import file_names

CENTRE_GROUP, BROKER_GROUP = "entrance-centre", "mosquitto"
AUTHORITY_USER = "entrance-authority"
"""Runs the enrolment, and alone can read the key that signs certificates."""


@dataclass(frozen=True, slots=True)
class SetupPlaces:
    """The folders. `root`: `/`, or a folder that stands for it."""

    root: Path
    offline: Path

    @property
    def centre(self) -> Path:
        """Configuration of the centre."""
        return self.root / "etc/entrance-centre"

    @property
    def broker(self) -> Path:
        """Configuration of the broker."""
        return self.root / "etc/entrance-broker"

    @property
    def state(self) -> Path:
        """What the centre writes."""
        return self.root / "var/lib/entrance-centre"

    @property
    def for_kiosks(self) -> Path:
        """Public files that every kiosk needs."""
        return self.state / "for-kiosks"

    @property
    def authority(self) -> Path:
        """The authority for certificates, on this machine."""
        return self.root / "var/lib/entrance-authority" / offline_names.AUTHORITY_FOLDER

    def shown(self, path: Path) -> str:
        """The path as it is on the machine."""
        return f"/{path.relative_to(self.root)}" if path.is_relative_to(self.root) else str(path)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file to write."""

    path: Path
    content: bytes
    mode: int
    user: str = "root"
    group: str = "root"


def server_files(
    places: SetupPlaces, made: dict[str, bytes], config: str, *, is_authority_offline: bool
) -> Iterator[PlannedFile]:
    """The files outside of the offline folder. `made`: contents by name."""
    for name in (
        file_names.CA_CERTIFICATE,
        "centre.pem",
        "centre.key",
        "web.pem",
        "web.key",
        offline_names.BACKUP_PUBLIC_KEY,
        file_names.FLEET_PRIVATE_KEY,
    ):
        yield PlannedFile(places.centre / name, made[name], 0o640, group=CENTRE_GROUP)
    yield PlannedFile(places.centre / "centre.toml", config.encode(), 0o640, group=CENTRE_GROUP)
    for name in (file_names.CA_CERTIFICATE, "broker.pem", "broker.key", "crl.pem"):
        yield PlannedFile(places.broker / name, made[name], 0o640, group=BROKER_GROUP)
    for name in (
        file_names.CA_CERTIFICATE,
        file_names.SEALING_PUBLIC_KEY,
        file_names.ROOT_PUBLIC_KEY,
        file_names.FLEET_PUBLIC_KEY,
    ):
        yield PlannedFile(places.for_kiosks / name, made[name], 0o644, CENTRE_GROUP, CENTRE_GROUP)
    if not is_authority_offline:
        for name in (file_names.CA_CERTIFICATE, "ca.key", "crl.pem", "broker.pem", "centre.pem", "web.pem"):
            mode = 0o600 if name.endswith(".key") else 0o640
            yield PlannedFile(places.authority / name, made[name], mode, AUTHORITY_USER, CENTRE_GROUP)


def offline_files(places: SetupPlaces, made: dict[str, bytes]) -> Iterator[PlannedFile]:
    """The files of the offline folder. A stick with FAT has no modes: the folder itself is the protection."""
    pki = places.offline / offline_names.AUTHORITY_FOLDER
    yield PlannedFile(pki / "ca.key", made[offline_names.LOCKED_AUTHORITY_KEY], 0o600)
    for name in (file_names.CA_CERTIFICATE, "crl.pem", "broker.pem", "centre.pem", "web.pem"):
        yield PlannedFile(pki / name, made[name], 0o600)
    rest = {
        file_names.ROOT_PRIVATE_KEY,
        file_names.ROOT_PUBLIC_KEY,
        file_names.SEALING_PUBLIC_KEY,
        offline_names.SEALING_PRIVATE_KEY,
        offline_names.BACKUP_PRIVATE_KEY,
        offline_names.BACKUP_PUBLIC_KEY,
        *(name for name in made if name.startswith(offline_names.SEALING_SHARE)),
    }
    for name in sorted(rest & made.keys()):
        yield PlannedFile(places.offline / name, made[name], 0o600)


def existing(files: list[PlannedFile]) -> list[Path]:
    """Those that are there already: none of them is overwritten."""
    return sorted({file.path for file in files if file.path.exists() or file.path.is_symlink()})
