"""`make test-trixie`: the everyday tests in a fresh Debian trixie root, which is what Raspberry Pi OS is made of today.

The root (Python 3.13, SQLite 3.46, the system packages that tests use) is made once and kept. Its virtual environment has the
locked wheels. The checkout is copied in, so that nothing of this machine's environment is used. Arguments go to pytest.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from tests.paths import PROJECT, SHARED
from tests.system.arm.root import cached
from tests.system.container import requirements

PACKAGES = (
    "ca-certificates device-tree-compiler e2fsprogs git jq libzbar0 make mosquitto mosquitto-clients openssl postgresql "
    "procps python3 python3-venv systemd tzdata udev"
)
WORK = "srv/entrance-kiosk"
VENV = "/opt/venv"
LEFT_OUT = shutil.ignore_patterns(".venv", ".git", "build", "dist", "__pycache__", ".*_cache", ".hypothesis")
MOUNTS = (
    'cd "$0"; mount -t proc proc proc; mount --rbind /sys sys; mount --rbind /dev dev; mount -t tmpfs tmpfs tmp; '
    'mount -t tmpfs tmpfs run; [ ! -d "$1" ] || mount --bind -o ro "$1" srv/shared; shift; exec chroot . env -i "$@"'
)
ENVIRONMENT = {
    "PATH": f"{VENV}/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "VIRTUAL_ENV": VENV,
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_NATIVE_TLS": "1",  # the certificates of the machine, which may sit behind a proxy
}
PASSED_ON = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "PYTHONTRACEMALLOC",
)
TESTS = ("-m", "pytest", "--numprocesses", "3", "--dist", "loadfile", "--no-loadscope-reorder")


def main(arguments: list[str]) -> int:
    """Pytest's exit status."""
    lack = requirements.missing(requirements.MMDEBSTRAP)
    if lack:
        print(f"test-trixie: {lack}", file=sys.stderr)
        return 1
    root = cached("everyday-trixie", [], [PACKAGES, platform.machine()], _make)
    work = root / WORK
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(PROJECT, work, ignore=LEFT_OUT, symlinks=True)
    for name in ("resolv.conf", "ssl/certs/ca-certificates.crt"):
        shutil.copy(Path("/etc", name), root / "etc" / name)
    if not (root / VENV.lstrip("/") / "bin/python").exists():
        _run_inside(root, ["python3", "-m", "venv", VENV]).check_returncode()
    shutil.copy(Path(sys.executable).parent / "uv", root / VENV.lstrip("/") / "bin/uv")  # setup.sh puts it there too
    _run_inside(root, ["uv", "sync", "--quiet", "--active", "--locked"]).check_returncode()
    _run_inside(
        root,
        [
            "python",
            "-c",
            "import sqlite3, sys; print('Python', sys.version.split()[0], 'SQLite', sqlite3.sqlite_version)",
        ],
    )
    return _run_inside(root, ["python", *TESTS, *arguments]).returncode


def _make(target: Path) -> None:
    mirror = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
    include = f"--include={','.join(PACKAGES.split())}"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", include, "trixie", str(target), mirror], check=True)
    (target / "srv/shared").mkdir()


def _run_inside(root: Path, command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run a command in the copied checkout, with the mounts of a running system that end with it."""
    variables = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
    variables += [f"{name}={os.environ[name]}" for name in PASSED_ON if name in os.environ]
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", MOUNTS, str(root), str(SHARED)]
    inside = ["sh", "-ec", f'cd /{WORK}; exec "$@"', "sh", *command]
    return subprocess.run([*apart, *variables, *inside], check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
