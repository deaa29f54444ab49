"""The Debian suites that bundles are made for, and packages of Debian: fetched with apt, which checks their signature."""

import hashlib
import shutil
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
SECURITY_MIRROR = "http://deb.debian.org/debian-security"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEBIAN_ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}
# What libzbar0 needs and a minimal system may lack. libc and similar packages are always there.
_BELOW_ZBAR = ("libx11-6", "libx11-data", "libxcb1", "libxau6", "libxdmcp6", "libjpeg62-turbo", "libdbus-1-3")
# For `kiosk os-updates`, where the system does not have them.
_UNATTENDED = (
    "unattended-upgrades", "python3-apt", "python-apt-common", "python3-distro-info", "distro-info-data", "python3-dbus",
    "lsb-release", "ucf", "sensible-utils", "xz-utils",
)  # fmt: skip

_BELOW_UCF = ("libtext-wrapi18n-perl", "libtext-charwidth-perl")  # since trixie


@dataclass(frozen=True, slots=True)
class Suite:
    """One release of Debian, the same for Raspberry Pi OS."""

    name: str
    number: int
    """In the version of our packages: apt then sees the packages of the next Debian as newer."""
    python: str
    """Its Python, for example `311`."""
    zbar: str
    """Its package of libzbar.so.0."""
    below: tuple[str, ...]
    """Packages that a minimal system may lack: a device without a network gets them from our repository."""

    @property
    def dotted_python(self) -> str:
        """For example `3.11`."""
        return f"{self.python[0]}.{self.python[1:]}"

    @property
    def next_python(self) -> str:
        """First Python that does not fit, for example `3.12`."""
        return f"{self.python[0]}.{int(self.python[1:]) + 1}"


SUITES = {
    "bookworm": Suite(
        "bookworm",
        12,
        "311",
        "libzbar0",
        ("libv4l-0", "libv4lconvert0", "libbsd0", "libmd0", "libglib2.0-0", *_BELOW_ZBAR, *_UNATTENDED),
    ),
    "trixie": Suite(
        "trixie",
        13,
        "313",
        "libzbar0t64",
        ("libv4l-0t64", "libv4lconvert0t64", "libglib2.0-0t64", "libatomic1", *_BELOW_ZBAR, *_UNATTENDED, *_BELOW_UCF),
    ),
}


def system_packages(suite: Suite, machine: str, cache: Path) -> list[Path]:
    """Packages of Debian for the repository: libzbar0 and what is below it. Raises CalledProcessError without apt or network."""
    names, architecture = (suite.zbar, *suite.below), DEBIAN_ARCHITECTURES[machine]
    mark = hashlib.sha256(" ".join(names).encode()).hexdigest()[:8]
    return fetch(suite, architecture, names, cache / f"debs-{suite.name}-{architecture}-{mark}")


def fetch(suite: Suite, architecture: str, names: tuple[str, ...], cached: Path) -> list[Path]:
    """Packages of a suite, from the folder `cached` or with a separate apt configuration. It changes nothing on this machine."""
    if not list(cached.glob("*.deb")):
        _download(suite.name, architecture, names, cached)
    return sorted(cached.glob("*.deb"))


def security_updates(suite: Suite, machine: str, installed: Collection[str], folder: Path) -> list[Path]:
    """The packages of Debian's security archive that a board has, each in its newest version, in `folder`.

    `installed`: names of the packages of a board. Raises CalledProcessError without apt or network.
    """
    architecture = DEBIAN_ARCHITECTURES[machine]
    with _separate_apt(suite.name, architecture, folder) as (options, apt_dir):
        (index,) = (apt_dir / "lists").glob("*debian-security*_Packages")
        names = names_in_index(index.read_text(encoding="utf-8"), installed)
        if names:
            subprocess.run(["apt-get", "-qq", *options, "download", *names], check=True, cwd=folder)
    return sorted(folder.glob("*.deb"))


def names_in_index(text: str, installed: Collection[str]) -> list[str]:
    """Those of the packages that an index of apt has. Pure."""
    found = {line.partition(": ")[2] for line in text.splitlines() if line.startswith("Package: ")}
    return sorted(found & set(installed))


def _download(suite: str, architecture: str, names: tuple[str, ...], cached: Path) -> None:
    with _separate_apt(suite, architecture, cached) as (options, _):
        subprocess.run(["apt-get", "-qq", *options, "download", *names], check=True, cwd=cached)


@contextmanager
def _separate_apt(suite: str, architecture: str, folder: Path) -> Iterator[tuple[list[str], Path]]:
    """Options of apt that use a configuration and lists of their own, and the folder with those. `folder` is made too."""
    apt_dir = folder.with_name(folder.name + ".apt")
    for name in ("lists/partial", "archives/partial"):
        (apt_dir / name).mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    (apt_dir / "status").write_text("")
    sources = f"deb [signed-by={KEYRING}] {MIRROR} {suite} main\n"
    sources += f"deb [signed-by={KEYRING}] {SECURITY_MIRROR} {suite}-security main\n"
    (apt_dir / "sources.list").write_text(sources)
    settings = {
        "Dir::State": apt_dir, "Dir::State::lists": apt_dir / "lists", "Dir::State::status": apt_dir / "status",
        "Dir::Cache": apt_dir, "Dir::Cache::archives": apt_dir / "archives", "Dir::Etc::sourcelist": apt_dir / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null", "Dir::Etc::preferencesparts": "/dev/null", "APT::Architecture": architecture,
        "APT::Architectures": architecture, "APT::Sandbox::User": "root", "Acquire::Languages": "none",
        "Acquire::GzipIndexes": "false",
    }  # fmt: skip
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", "-qq", *options, "update"], check=True)
    yield options, apt_dir
    shutil.rmtree(apt_dir)
