"""The arm64 root of emulated machines: Debian bookworm unpacked, with or without the locked aarch64 wheels; made once and kept.

Hardly any foreign code runs while it is made (ldconfig, systemd-sysusers, systemctl under user emulation): half a minute
instead of twenty-three.
"""

import fcntl
import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.paths import PROJECT
from tests.system.container import requirements
from tests.system.container import root as container_root

SUITE = "bookworm"
PYTHON = "3.11"
PLATFORM = "aarch64-manylinux_2_36"  # bookworm's glibc
DEBIAN = (
    # what boots and what runs us
    "base-files base-passwd bash busybox-static ca-certificates coreutils dash dbus debianutils e2fsprogs findutils gawk grep "
    "gzip hostname init-system-helpers iproute2 kmod libc-bin libzbar0 login mount passwd perl-base procps python3 "
    "python3-venv sed systemd systemd-sysv tar tzdata udev util-linux "
    # what writes to the card by itself on every Debian
    "apt cron diffutils dpkg fake-hwclock logrotate man-db network-manager systemd-timesyncd"
)
ENABLED = (
    "apt-daily.timer apt-daily-upgrade.timer cron.service dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service "
    "fake-hwclock.service fstrim.timer getty@tty1.service logrotate.timer man-db.timer systemd-pstore.service "
    "systemd-timesyncd.service"
)
"""What those packages' scripts would have enabled, but for the network, which not every test has."""
TOOLS = {"mmdebstrap": "mmdebstrap", "qemu-aarch64-static": "qemu-user-static"}
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_RECIPE = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")


def missing(tools: Mapping[str, str]) -> str:
    """What this machine lacks, as a sentence; empty where aarch64 programs run here (or can be made to)."""
    return requirements.missing({**TOOLS, **tools}) or _binfmt_problem()


def _binfmt_problem() -> str:
    """Teach the kernel aarch64 programs. Their emulator is opened now ("F"), so that it need not exist in the root."""
    if (_BINFMT / "qemu-aarch64").exists():
        return ""
    if not (_BINFMT / "register").exists():
        mounted = subprocess.run(
            ["mount", "-t", "binfmt_misc", "binfmt_misc", str(_BINFMT)], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            return f"this kernel cannot run foreign programs (binfmt_misc: {mounted.stderr.strip()})."
    try:
        if not (_BINFMT / "qemu-aarch64").exists():
            (_BINFMT / "register").write_text(_RECIPE.read_text(encoding="utf-8").strip(), encoding="utf-8")
    except OSError as error:
        return f"this machine may not be taught to run aarch64 programs ({error}); it needs a real root."
    return ""


@functools.cache
def system_root() -> Path:
    """The root as a card has it before the kiosk is installed, from the cache where its recipe has not changed."""
    return cached("system-arm64", [Path(__file__)], [], _make_system)


@functools.cache
def ready_root() -> Path:
    """The root with the runtime wheels in /opt/entrance-kiosk/site, from the cache where its recipe has not changed."""
    wheels = [*container_root.locked().splitlines(), locked_version("lgpio")]

    def make(target: Path) -> None:
        copied(system_root(), target)
        _fetch_wheels(target / "opt/entrance-kiosk/site", wheels)
        compile_python(target, ["opt/entrance-kiosk/site"])

    return cached("arm64", [Path(__file__)], wheels, make)


def copied(root: Path, target: Path) -> Path:
    """A copy of a root, to add files to. What lay at `target` before goes."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", "--reflink=auto", str(root), str(target)], check=True)
    return target


def development_wheels(names: Iterable[str]) -> Path:
    """A folder with more aarch64 wheels of the lock file, by name, and what they need: what our own suite runs with."""
    pinned = [locked_version(name) for name in names]

    def make(target: Path) -> None:
        _fetch_wheels(target, pinned)

    return cached("wheels", [Path(__file__)], pinned, make)


def cached(name: str, recipe: Iterable[Path], more: Iterable[str], make: Callable[[Path], None]) -> Path:
    """`CACHE/name-KEY`, made by `make(target)` where it is not there yet; older ones of the name go."""
    content = b"".join(path.read_bytes() for path in recipe) + "\n".join(more).encode()
    target = container_root.CACHE / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"
    container_root.CACHE.mkdir(parents=True, exist_ok=True)
    with (container_root.CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be making it
        if not target.with_suffix(".ready").exists():
            for old in container_root.CACHE.glob(f"{name}-*"):
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            print(f"making {target}, once", file=sys.stderr)
            make(target)
            target.with_suffix(".ready").touch()
    return target


def locked_version(name: str) -> str:
    """`name==version`, as uv.lock has it."""
    lock = tomllib.loads((PROJECT / "uv.lock").read_text(encoding="utf-8"))
    (found,) = {package["version"] for package in lock["package"] if package["name"] == name}
    return f"{name}=={found}"


def _make_system(target: Path) -> None:
    mirror = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
    include = f"--include={','.join(DEBIAN.split())}"
    unpack = ["mmdebstrap", "--quiet", "--variant=extract", "--arch=arm64", include, SUITE, str(target), mirror]
    subprocess.run(unpack, check=True)
    _configure(target)
    compile_python(target, ["usr/lib/python3", f"usr/lib/python{PYTHON}"])


def _configure(root: Path) -> None:
    """The few things that the packages' own scripts would have done and that are needed here."""
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / f"etc/{name}")
    for name, place in (("run", "/run"), ("lock", "/run/lock")):
        shutil.rmtree(root / "var" / name, ignore_errors=True)
        (root / "var" / name).symlink_to(place)
    (root / "etc/shadow").write_text("root:*:20000:0:99999:7:::\n", encoding="utf-8")
    (root / "etc/shadow").chmod(0o640)
    (root / "etc/sysusers.d").mkdir(exist_ok=True)
    (root / "etc/sysusers.d/dbus.conf").write_text('u messagebus - "D-Bus"\n', encoding="utf-8")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="utf-8")
    (root / "etc/locale.conf").write_text("LANG=C.UTF-8\n", encoding="utf-8")
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/Asia/Ho_Chi_Minh")
    (root / "etc/hostname").write_text("cong-1\n", encoding="utf-8")
    (root / "etc/hosts").write_text("127.0.0.1 localhost cong-1\n", encoding="utf-8")
    run_inside(root, ["/sbin/ldconfig"]).check_returncode()
    run_inside(root, ["systemd-sysusers"]).check_returncode()
    run_inside(root, ["systemctl", "enable", "-q", *ENABLED.split()]).check_returncode()


def _fetch_wheels(target: Path, pinned: list[str]) -> None:
    """aarch64 wheels, unpacked by this machine's uv."""
    uv = Path(sys.executable).parent / "uv"
    where = ["--target", str(target), "--python-platform", PLATFORM, "--python-version", PYTHON]
    fetch = [str(uv), "pip", "install", "-q", *where, "--only-binary", ":all:", "-r", "-"]
    subprocess.run(fetch, input="\n".join(pinned), text=True, check=True)


def compile_python(root: Path, folders: list[str]) -> None:
    """Bytecode, as Debian and pip make it when they install; by this machine's Python where it is of the same version."""
    command = ["-m", "compileall", "-q", "-j", "2", "-x", r"/(lib2to3|test)/"]
    if f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON:
        # -s and -p: tracebacks name the place on the device.
        native = [sys.executable, *command, "-s", str(root), "-p", "/", *(str(root / folder) for folder in folders)]
        subprocess.run(native, check=True, stdout=subprocess.DEVNULL)
    else:
        run_inside(root, [f"python{PYTHON}", *command, *(f"/{folder}" for folder in folders)]).check_returncode()


def run_inside(
    root: Path,
    command: list[str],
    environment: dict[str, str] | None = None,
    timeout_s: float = 300.0,
    binds: dict[str, Path] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run an aarch64 command in the root under user emulation. `binds`: folders of this machine, read-only, at /srv/NAME."""
    if not binds:
        return container_root.run_inside(root, command, environment, timeout_s)
    mounts = ["mount -t tmpfs tmpfs tmp"]
    for name, folder in binds.items():
        (root / "srv" / name).mkdir(parents=True, exist_ok=True)
        mounts.append(f"mount --bind -o ro {shlex.quote(str(folder))} srv/{name}")
    mounts += ["mount -t proc proc proc", "mount --rbind /dev dev", 'exec chroot . env "$@"']
    inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", f'cd "$0"; {"; ".join(mounts)}']
    variables = [f"{name}={value}" for name, value in (environment or {}).items()]
    return subprocess.run(
        [*inside, str(root), *variables, *command], capture_output=True, text=True, check=False, timeout=timeout_s
    )
