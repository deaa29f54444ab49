"""The root that camera and service tests run in: Debian trixie with libcamera, picamera2 and this project; made once and kept."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.paths import PROJECT

CACHE = Path(os.environ.get("SYSTEM_TESTS_CACHE", Path.home() / ".cache/entrance-kiosk/system-tests"))
VENV = "/opt/entrance-kiosk/venv"
PICAMERA2 = "picamera2==0.3.38"
SCRIPT = "tests/system/container/root.sh"
HEAP = "tests/system/camera/dma_heap.c"


def ready_root() -> Path:
    """The root, from the cache where nothing that it is made of has changed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    requirements = CACHE / "requirements.txt"
    requirements.write_text(locked() + PICAMERA2 + "\n", encoding="utf-8")
    recipe = b"".join((PROJECT / name).read_bytes() for name in (SCRIPT, HEAP))
    target = CACHE / f"trixie-{hashlib.sha256(recipe + requirements.read_bytes()).hexdigest()[:12]}"
    if not (target / ".ready").exists():
        for old in CACHE.glob("trixie-*"):
            shutil.rmtree(old)
        print(f"making {target}: two minutes, once", file=sys.stderr)
        command = ["unshare", "--mount", "sh", SCRIPT, str(target), str(requirements)]
        subprocess.run(command, cwd=PROJECT, check=True)
        (target / ".ready").touch()
    return target


def locked() -> str:
    """The runtime requirements of uv.lock, as pip reads them."""
    uv = Path(sys.executable).parent / "uv"
    command = [str(uv), "export", "-q", "--locked", "--no-emit-project", "--no-dev", "--no-hashes", "--no-annotate"]
    return subprocess.run([*command, "--no-header"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout


def install(root: Path) -> None:
    """This checkout as a wheel into the root's venv, as install does on a Pi."""
    uv = Path(sys.executable).parent / "uv"
    wheels = CACHE / "wheel"
    shutil.rmtree(wheels, ignore_errors=True)
    subprocess.run([uv, "build", "-q", "--wheel", "--out-dir", wheels], cwd=PROJECT, check=True)
    (wheel,) = wheels.glob("*.whl")
    shutil.copy(wheel, root / "tmp" / wheel.name)
    pip = [f"{VENV}/bin/pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index"]
    run_inside(root, [*pip, "--force-reinstall", f"/tmp/{wheel.name}"]).check_returncode()  # noqa: S108  inside the root
    (root / "tmp" / wheel.name).unlink()


def run_inside(
    root: Path, command: list[str], environment: dict[str, str] | None = None, timeout_s: float = 300.0
) -> subprocess.CompletedProcess[str]:
    """Run a command in the root, with /proc, /sys and /dev that vanish with it. What failed shows its stderr."""
    variables = [f"{name}={value}" for name, value in (environment or {}).items()]
    mounts = 'cd "$0"; mount -t proc proc proc; mount --rbind /sys sys; mount --rbind /dev dev; exec chroot . env "$@"'
    inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", mounts, str(root)]
    done = subprocess.run(
        [*inside, *variables, *command], capture_output=True, text=True, check=False, timeout=timeout_s
    )
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    return done
