"""Builds releases under /opt from a bundle, finds them and removes old ones. A release is complete or absent."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from kiosk.installer.bundle.content import MANIFEST, Bundle
from kiosk.installer.errors import InstallError, print_message
from kiosk.installer.launcher import write_launcher
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine.device import Machine
from kiosk.system import atomic_files

COMPLETE_MARKER = "complete"
RELEASE_PARTS = ("installer", "system", "install.sh", "kiosk.example.toml", "sbom.cdx.json")
"""Files and folders of a bundle that a release keeps. Only files of the manifest are copied, with modes of our own."""
UNPACKED_SIZE_FACTOR = 4
"""Size of a release divided by the size of its wheels, with precompiled files (measured: 3.8)."""
MIN_FREE_BYTES = 200_000_000
"""Left free for events, which are on the same disk."""
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


def is_complete(folder: Path) -> bool:
    """True if a release was built to its end."""
    return (folder / COMPLETE_MARKER).is_file()


def linked_release_name(link: Path) -> str | None:
    """Name of the complete release that a link (`current`, `previous`) points to, or None."""
    if not link.is_symlink() or not is_complete(link):
        return None
    return link.resolve().name


def read_manifest(folder: Path) -> Bundle:
    """Manifest of the bundle from which a release was built."""
    found = atomic_files.read_json(folder / MANIFEST) or {}
    wanted = ("version", "digest", "schema", "oldest_writer")
    return Bundle(folder=folder, files={}, **{name: found[name] for name in wanted})


def build_release(bundle: Bundle, layout: InstallLayout, machine: Machine) -> Path:
    """Build the folder of the release unless it exists. The running version is not changed.

    Raises InstallError if the bundle is not for this machine, or if the installed packages cannot be imported.
    """
    folder = layout.releases_dir / bundle.release_name
    if is_complete(folder):
        return folder
    requirements = bundle.folder / f"requirements-{machine.uname_machine}-cp{machine.python}.txt"
    if not requirements.is_file():
        raise InstallError("bundle-for-another-machine", machine=machine.uname_machine, python=machine.python)
    remove_incomplete_releases(layout)
    require_free_space(bundle, requirements, layout)
    print_message("preparing", version=bundle.version)
    try:
        copy_parts(folder, bundle)
        _build_venv(folder / "venv", bundle.folder / "wheels", requirements)
        write_launcher(folder / "venv")
        verify_imports(folder)
    except BaseException:
        atomic_files.remove_tree(folder)
        raise
    atomic_files.sync_file_system(folder)
    atomic_files.update_file(folder / COMPLETE_MARKER, b"")
    atomic_files.sync_folder(layout.releases_dir)
    return folder


def require_free_space(bundle: Bundle, requirements: Path, layout: InstallLayout) -> None:
    """Raises InstallError if the release does not fit on the disk with MIN_FREE_BYTES to spare."""
    chosen = requirements.read_text(encoding="ascii")
    wheels = (bundle.folder / name for name, digest in bundle.files.items() if digest in chosen)
    size_bytes = sum(path.stat().st_size for path in wheels)
    layout.releases_dir.mkdir(parents=True, exist_ok=True)
    lack_bytes = size_bytes * UNPACKED_SIZE_FACTOR + MIN_FREE_BYTES - shutil.disk_usage(layout.releases_dir).free
    if lack_bytes > 0:
        raise InstallError("disk-space-missing", megabytes=lack_bytes // 1_000_000 + 1)


def copy_parts(folder: Path, bundle: Bundle) -> None:
    """Copy what a release keeps of its bundle. Modes of a stick would let other users change what root runs at power-on."""
    wanted = [name for name in bundle.files if name.split("/")[0] in RELEASE_PARTS]
    for name in (MANIFEST, *wanted):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle.folder / name, target, follow_symlinks=False)
        target.chmod(0o755 if name == "install.sh" else 0o644)


def _build_venv(venv: Path, wheels: Path, requirements: Path) -> None:
    """The venv sees system packages, because the libcamera binding is one of them. All PyPI packages are in the venv.

    --ignore-installed: packages of apt are not used, because an apt upgrade could change them. The .pyc files are unchecked:
    files of a release never change, and a clock in 1970 cannot make them stale.
    """
    _run("/usr/bin/python3", "-I", "-m", "venv", "--without-pip", "--system-site-packages", str(venv))
    python = str(venv / "bin/python")
    (pip,) = wheels.glob("pip-*.whl")
    quiet = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-cache-dir",
        "--root-user-action=ignore",
        "--no-warn-script-location",
    ]
    offline = [
        "--no-index",
        "--no-deps",
        "--ignore-installed",
        "--no-compile",
        "--find-links",
        str(wheels),
        "--require-hashes",
    ]
    _run(
        "env",
        "PIP_CONFIG_FILE=/dev/null",
        python,
        "-I",
        f"{pip}/pip",
        "install",
        *quiet,
        *offline,
        "-r",
        str(requirements),
    )
    _run(python, "-I", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", str(venv / "lib"))


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


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        output = (done.stderr or done.stdout).strip()
        raise InstallError("command-failed", output=output, command=" ".join(command[:4]))


def remove_incomplete_releases(layout: InstallLayout) -> None:
    """Remove releases that were not built to their end, for example because of a power cut."""
    _remove_releases(layout, lambda folder: not is_complete(folder))


def prune_releases(layout: InstallLayout) -> None:
    """Remove all releases except the running one and the previous one."""
    kept = {linked_release_name(layout.current_link), linked_release_name(layout.previous_link)}
    _remove_releases(layout, lambda folder: folder.name not in kept)


def _remove_releases(layout: InstallLayout, unwanted: Callable[[Path], bool]) -> None:
    for folder in layout.releases_dir.iterdir() if layout.releases_dir.is_dir() else []:
        if unwanted(folder):
            atomic_files.remove_file(folder / COMPLETE_MARKER)
            atomic_files.remove_tree(folder)
