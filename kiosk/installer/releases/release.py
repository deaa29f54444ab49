"""Releases under /opt: which are complete, what they need, what has been decided about them, which may go."""

import subprocess
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kiosk.installer.errors import InstallError, print_message
from kiosk.installer.layout import InstallLayout
from kiosk.system import atomic_files

BUILD_FILE = "build.json"
PACKAGE_PREFIX = "entrance-kiosk-"
LOCK_TIMEOUT_S = 300
# First what picamera2 loads and numpy 2 could break, then the dependencies of the daemon.
REQUIRED_IMPORTS = (
    "numpy, simplejpeg, cv2, zxingcpp, pyzbar.pyzbar, cryptography, pydantic, gpiozero, "
    "sqlite_utils, flask, kiosk.app.daemon"
)
IMPORT_CHECK = f"""\
import importlib.util as found
import {REQUIRED_IMPORTS}
if found.find_spec("libcamera") and found.find_spec("picamera2"):
    import picamera2
if found.find_spec("lgpio") is None:
    print("no lgpio")
"""


@dataclass(frozen=True, slots=True)
class Build:
    """What a release says of itself."""

    version: str
    python: str
    """For example `3.11`."""
    schema: int
    """Schema number of the database after this version has opened it."""
    oldest_writer: int
    """Lowest schema number whose release can still write to that database."""


class PackageDatabase(Protocol):
    """What dpkg knows and does."""

    def versions(self) -> set[str]:
        """Versions whose package is installed to its end."""

    def purge(self, versions: Iterable[str]) -> None:
        """Remove the packages of versions. It waits for other programs that install. Never raises."""


class Dpkg:
    """The dpkg of this device."""

    def versions(self) -> set[str]:
        """Versions whose package is installed to its end."""
        query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", f"{PACKAGE_PREFIX}[0-9]*"]
        output = subprocess.run(query, check=False, capture_output=True, text=True).stdout
        pairs = (line.split() for line in output.splitlines())
        return {pair[0].removeprefix(PACKAGE_PREFIX) for pair in pairs if pair[-1] == "installed"}

    def purge(self, versions: Iterable[str]) -> None:
        """Remove the packages of versions. It waits for other programs that install. Never raises."""
        names = [f"{PACKAGE_PREFIX}{version}" for version in versions]
        if names:
            command = ["apt-get", "-qq", "-y", "-o", f"DPkg::Lock::Timeout={LOCK_TIMEOUT_S}", "purge", *names]
            done = subprocess.run(
                ["env", "DEBIAN_FRONTEND=noninteractive", *command], check=False, capture_output=True, text=True
            )
            if done.returncode:
                print_message("release-not-removed", names=" ".join(names), error=done.stderr.strip())


def read_build(folder: Path) -> Build | None:
    """None if the folder is not a release."""
    found = atomic_files.read_json(folder / BUILD_FILE)
    if found is None:
        return None
    return Build(found["version"], found["python"], found["schema"], found["oldest_writer"])


def require_build(version: str, layout: InstallLayout) -> Build:
    """What the release says of itself. Raises InstallError if it is not there."""
    found = read_build(layout.releases_dir / version)
    if found is None:
        raise InstallError("release-missing", release=version)
    return found


def linked_version(link: Path) -> str | None:
    """Version that a link (`current`, `previous`) leads to, or None if there is no such release."""
    if not link.is_symlink() or read_build(link) is None:
        return None
    return link.resolve().name


def chosen_version(layout: InstallLayout) -> str | None:
    """The version that the package entrance-kiosk was built with."""
    try:
        return (layout.tool_dir / "release").read_text(encoding="ascii").strip()
    except OSError:
        return None


def unpacked_ns(folder: Path) -> int:
    """When dpkg wrote the files of a release: a mark to see that they were replaced, not a time to rely on."""
    return (folder / BUILD_FILE).stat().st_ctime_ns


def read_history(layout: InstallLayout) -> dict[str, Any]:
    """`chosen`: version that was last switched to because its package came. `rejected`: version -> reason. `good`: for a day."""
    return {"chosen": None, "rejected": {}, "good": None, **(atomic_files.read_json(layout.history_file) or {})}


def update_history(layout: InstallLayout, **changed: object) -> None:
    """Change some of the values of `read_history`."""
    atomic_files.write_json(layout.history_file, {**read_history(layout), **changed})


def reject(version: str, reason: str, layout: InstallLayout) -> None:
    """Remember that a version failed on this device."""
    update_history(layout, rejected={**read_history(layout)["rejected"], version: reason})


def forget_rejection(version: str, layout: InstallLayout) -> None:
    """A person wants to try a version again."""
    update_history(
        layout, rejected={name: why for name, why in read_history(layout)["rejected"].items() if name != version}
    )


def releases_to_remove(
    installed: Collection[str],
    *,
    current: str | None,
    previous: str | None,
    good: str | None,
    rejected: Collection[str],
) -> set[str]:
    """Kept are the running version, the one before, and the last one that was good for a day. Rejected ones go."""
    kept = {current, *({previous, good} - set(rejected))}
    return {version for version in installed if version not in kept}


def prune(layout: InstallLayout, packages: PackageDatabase, *, rejected_only: bool = False) -> None:
    """Remove releases that are not needed any more. `rejected_only`: while a newer one is on trial."""
    history, installed = read_history(layout), packages.versions()
    removed = releases_to_remove(
        installed,
        current=linked_version(layout.current_link),
        previous=linked_version(layout.previous_link),
        good=history["good"],
        rejected=history["rejected"],
    )
    packages.purge(sorted(removed & set(history["rejected"]) if rejected_only else removed))


def verify_files(version: str) -> None:
    """Compare the files with the sums of their package: a power cut may have taken what dpkg believes written.

    Raises InstallError with the name of the first damaged file.
    """
    command = ["dpkg", "--verify", f"{PACKAGE_PREFIX}{version}"]
    damaged = subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip().splitlines()
    if damaged:
        raise InstallError("release-damaged", release=version, file=damaged[0].split()[-1])


def verify_imports(folder: Path) -> None:
    """Import everything together with the packages of apt. Raises InstallError with the message of Python."""
    done = subprocess.run(
        [folder / "venv/bin/python", "-I", "-c", IMPORT_CHECK], check=False, capture_output=True, text=True
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["?"]
        raise InstallError("version-does-not-load", error=last[0])
    if done.stdout:
        print_message("lgpio-missing")


def accepts_configuration(folder: Path, layout: InstallLayout) -> bool:
    """Whether a release can start with the configuration of this device. A wrong optional file does not count."""
    return configuration_mistakes(folder, layout) is None


def configuration_mistakes(folder: Path, layout: InstallLayout) -> str | None:
    """Why a release cannot start with the configuration of this device, or None if it can."""
    command: list[str | Path] = [folder / "venv/bin/kiosk", "check-config", "--startup", layout.config_file]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:  # no Python for it, after an upgrade of the operating system
        return error.strerror or str(error)
    lines = (done.stderr or done.stdout).strip().splitlines()
    return None if done.returncode == 0 else " ".join(line.strip() for line in lines[-5:])
