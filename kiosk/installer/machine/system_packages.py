"""Debian packages that pip cannot install: fetches them for a bundle and installs the missing ones."""

import shutil
import subprocess
from pathlib import Path

from kiosk.installer.errors import InstallError, print_message

# Dependencies of libzbar0 that a minimal system may lack. libc and similar packages are always there.
_BELOW_ZBAR = ("libx11-6", "libx11-data", "libxcb1", "libxau6", "libxdmcp6", "libjpeg62-turbo", "libdbus-1-3")
SUITE_PACKAGES: dict[str, tuple[str, ...]] = {
    "bookworm": ("libzbar0", "libv4l-0", "libv4lconvert0", "libbsd0", "libmd0", *_BELOW_ZBAR),
    "trixie": ("libzbar0t64", "libv4l-0t64", "libv4lconvert0t64", *_BELOW_ZBAR),
}
DEBIAN_ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def fetch_packages(suite: str, machine: str, cache: Path, out: Path) -> None:
    """Put the packages of a suite into OUT/SUITE-ARCH. Prints a warning if this machine has no apt or no keyring."""
    architecture = DEBIAN_ARCHITECTURES[machine]
    cached = cache / f"debs-{suite}-{architecture}"
    if not list(cached.glob("*.deb")):
        if shutil.which("apt-get") is None or not Path(KEYRING).exists():
            print_message("bundle-without-packages")
            return
        _download(suite, architecture, cached)
    target = out / f"{suite}-{architecture}"
    target.mkdir(parents=True)
    for path in cached.glob("*.deb"):
        shutil.copy(path, target)


def _download(suite: str, architecture: str, cached: Path) -> None:
    """Download with a separate apt configuration for this suite only. It changes nothing on this machine."""
    apt_dir = cached.with_name(cached.name + ".apt")
    for name in ("lists/partial", "archives/partial"):
        (apt_dir / name).mkdir(parents=True, exist_ok=True)
    cached.mkdir(parents=True, exist_ok=True)
    (apt_dir / "status").write_text("")
    (apt_dir / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {suite} main\n")
    settings = {
        "Dir::State": apt_dir, "Dir::State::lists": apt_dir / "lists", "Dir::State::status": apt_dir / "status",
        "Dir::Cache": apt_dir, "Dir::Cache::archives": apt_dir / "archives", "Dir::Etc::sourcelist": apt_dir / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null", "Dir::Etc::preferencesparts": "/dev/null", "APT::Architecture": architecture,
        "APT::Architectures": architecture, "APT::Sandbox::User": "root", "Acquire::Languages": "none",
    }  # fmt: skip
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", "-qq", *options, "update"], check=True)
    subprocess.run(["apt-get", "-qq", *options, "download", *SUITE_PACKAGES[suite]], check=True, cwd=cached)
    shutil.rmtree(apt_dir)


def missing_packages(suite: str) -> list[str]:
    """Packages of a suite that this device lacks. None if zbar can be loaded, from whatever source."""
    wanted = SUITE_PACKAGES[suite]
    cache = subprocess.run(["/sbin/ldconfig", "-p"], check=False, capture_output=True, text=True).stdout
    if "libzbar.so.0 " in cache:
        return []
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *wanted]
    output = subprocess.run(query, check=False, capture_output=True, text=True).stdout
    present = {line.split()[0] for line in output.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in present]


def install_packages(suite: str, architecture: str, debs: Path) -> list[str]:
    """Install missing packages from the bundle, else with apt. Returns their names. Raises InstallError."""
    names = missing_packages(suite)
    if not names:
        return []
    print_message("system-packages", names=" ".join(names))
    bundled = [path for name in names for path in (debs / f"{suite}-{architecture}").glob(f"{name}_*.deb")]
    if len(bundled) == len(names):
        command = ["dpkg", "--install", *map(str, bundled)]
    else:
        command = ["apt-get", "install", "-qq", "--no-install-recommends", *names]
    done = subprocess.run(
        ["env", "DEBIAN_FRONTEND=noninteractive", *command], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise InstallError("system-packages-failed", error=done.stderr.strip(), names=" ".join(names))
    return names
