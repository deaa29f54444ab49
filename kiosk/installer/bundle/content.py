"""Reads and verifies an unpacked bundle, the folder of install.sh."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from kiosk.installer.errors import InstallError
from kiosk.system import atomic_files

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Manifest of one version for some machine types."""

    folder: Path
    version: str
    digest: str
    """SHA-256 over all its files, hexadecimal."""
    schema: int
    """Schema number of the database after this version has opened it."""
    oldest_writer: int
    """Lowest schema number whose release can still write to that database."""
    files: dict[str, str]
    """Path in the bundle -> SHA-256, hexadecimal."""

    @property
    def release_name(self) -> str:
        """Name of the folder in releases/. Two builds of one version number have different names."""
        return f"{self.version}-{self.digest[:8]}"


def read_bundle(folder: Path) -> Bundle:
    """Read the manifest. Raises InstallError if the folder is not a bundle."""
    found = atomic_files.read_json(folder / MANIFEST)
    if found is None:
        raise InstallError("no-bundle", folder=folder)
    return Bundle(
        folder=folder,
        version=found["version"],
        digest=found["digest"],
        schema=found["schema"],
        oldest_writer=found["oldest_writer"],
        files=found["files"],
    )


def verify_bundle(bundle: Bundle) -> None:
    """Raises InstallError with the name of the first missing or damaged file."""
    if bundle_digest(bundle.files) != bundle.digest:
        raise _damaged_error(MANIFEST)
    for name, expected in bundle.files.items():
        path = bundle.folder / name
        inside = ".." not in Path(name).parts and not Path(name).is_absolute()
        if not inside or path.is_symlink() or not path.is_file() or file_sha256(path) != expected:
            raise _damaged_error(name)


def _damaged_error(name: str) -> InstallError:
    return InstallError("bundle-damaged", name=name)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bundle_digest(files: dict[str, str]) -> str:
    """One digest over names and contents, independent of their order."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
