"""Debian packages that the kiosk loads and that pip cannot bring: fetched for a bundle, installed where they are missing."""

import shutil
import subprocess
from pathlib import Path

from kiosk.installer.errors import InstallError, print_message

# libzbar0 with everything below it that a small system may lack; libc and the like are on every one.
_BELOW_ZBAR = ("libx11-6", "libx11-data", "libxcb1", "libxau6", "libxdmcp6", "libjpeg62-turbo", "libdbus-1-3")
SUITE_PACKAGES: dict[str, tuple[str, ...]] = {
    "bookworm": ("libzbar0", "libv4l-0", "libv4lconvert0", "libbsd0", "libmd0", *_BELOW_ZBAR),
    "trixie": ("libzbar0t64", "libv4l-0t64", "libv4lconvert0t64", *_BELOW_ZBAR),
}
DEBIAN_ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def fetch_packages(suite: str, machine: str, cache: Path, out: Path) -> None:
    """Put the packages of a suite into OUT/SUITE-ARCH. Where this machine has no apt or no keyring, say so and go on."""
    architecture = DEBIAN_ARCHITECTURES[machine]
    kept = cache / f"debs-{suite}-{architecture}"
    if not list(kept.glob("*.deb")):
        if shutil.which("apt-get") is None or not Path(KEYRING).exists():
            print_message(
                "Ở đây không có apt: bộ cài sẽ không kèm gói hệ thống; máy cài cần mạng để lấy libzbar0.",
                "No apt here: the bundle is without system packages; the board will need a network for libzbar0.",
            )
            return
        _download(suite, architecture, kept)
    target = out / f"{suite}-{architecture}"
    target.mkdir(parents=True)
    for path in kept.glob("*.deb"):
        shutil.copy(path, target)


def _download(suite: str, architecture: str, kept: Path) -> None:
    """With an apt of its own, which knows that suite alone and changes nothing on this machine."""
    home = kept.with_name(kept.name + ".apt")
    for name in ("lists/partial", "archives/partial"):
        (home / name).mkdir(parents=True, exist_ok=True)
    kept.mkdir(parents=True, exist_ok=True)
    (home / "status").write_text("")
    (home / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {suite} main\n")
    settings = {
        "Dir::State": home, "Dir::State::lists": home / "lists", "Dir::State::status": home / "status",
        "Dir::Cache": home, "Dir::Cache::archives": home / "archives", "Dir::Etc::sourcelist": home / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null", "Dir::Etc::preferencesparts": "/dev/null", "APT::Architecture": architecture,
        "APT::Architectures": architecture, "APT::Sandbox::User": "root", "Acquire::Languages": "none",
    }  # fmt: skip
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", "-qq", *options, "update"], check=True)
    subprocess.run(["apt-get", "-qq", *options, "download", *SUITE_PACKAGES[suite]], check=True, cwd=kept)
    shutil.rmtree(home)


def missing_packages(suite: str) -> list[str]:
    """Which of a suite's packages this device lacks; none where zbar can be loaded, whoever brought it."""
    wanted = SUITE_PACKAGES[suite]
    cache = subprocess.run(["/sbin/ldconfig", "-p"], check=False, capture_output=True, text=True).stdout
    if "libzbar.so.0 " in cache:
        return []
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *wanted]
    told = subprocess.run(query, check=False, capture_output=True, text=True).stdout
    there = {line.split()[0] for line in told.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in there]


def install_packages(suite: str, architecture: str, debs: Path) -> list[str]:
    """Install what is missing, from the bundle, else with apt. Returns their names. Raises InstallTrouble."""
    names = missing_packages(suite)
    if not names:
        return []
    print_message(f"Cài các gói hệ thống: {' '.join(names)}", f"System packages: {' '.join(names)}")
    brought = [path for name in names for path in (debs / f"{suite}-{architecture}").glob(f"{name}_*.deb")]
    if len(brought) == len(names):
        command = ["dpkg", "--install", *map(str, brought)]
    else:
        command = ["apt-get", "install", "-qq", "--no-install-recommends", *names]
    done = subprocess.run(
        ["env", "DEBIAN_FRONTEND=noninteractive", *command], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise InstallError(
            f"Không cài được gói hệ thống:\n{done.stderr.strip()}\nHãy nối mạng rồi gõ: apt-get install {' '.join(names)}",
            f"System packages could not be installed:\n{done.stderr.strip()}\n"
            f"With a network, type:  apt-get update && apt-get install --no-install-recommends {' '.join(names)}",
        )
    return names
