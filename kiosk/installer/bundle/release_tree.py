"""Builds the files of a release: a finished virtual environment with bytecode, at the place where dpkg will put it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from kiosk.installer.bundle.launcher import write_launcher
from kiosk.installer.bundle.suites import DEBIAN_ARCHITECTURES, Suite, fetch
from kiosk.installer.bundle.wheels import uv

RELEASES = "opt/entrance-kiosk/releases"
BUILD_FILE = "build.json"
HOST_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
GLIBC = "manylinux_2_36"
"""Of Debian 12, as uv names it."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a release is built for."""

    suite: Suite
    machine: str
    """As `uname -m` says it."""
    cache: Path
    """Folder of packages with bytecode, and of interpreters."""


def build_release(root: Path, version: str, target: Target, own: Path, wheels: list[Path]) -> Path:
    """Put the release below `root`. Returns its folder there.

    The virtual environment sees the packages of apt (docs/decisions/0037). The packages of PyPI and their bytecode are the same for
    every version with these wheels, and are kept in the cache.
    """
    suite, machine, cache = target.suite, target.machine, target.cache
    folder = root / RELEASES / version
    venv = folder / "venv"
    packages = venv / f"lib/python{suite.dotted_python}/site-packages"
    packages.parent.mkdir(parents=True)
    subprocess.run(["cp", "-a", "--reflink=auto", _dependencies(suite, machine, wheels, cache), packages], check=True)
    _install([own], packages, suite, machine)
    final = Path("/") / packages.relative_to(root)
    for name in ("kiosk", "mqtt", "web_ui"):
        compile_folder(packages / name, final / name, suite, cache, is_ours=True)
    (venv / "bin").mkdir()
    (venv / "bin/python").symlink_to(f"/usr/bin/python{suite.dotted_python}")
    (venv / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {suite.dotted_python}\n", encoding="ascii"
    )
    write_launcher(venv, Path("/") / venv.relative_to(root))
    return folder


def write_build(folder: Path, version: str, suite: Suite, schema: tuple[int, int], project: Path) -> None:
    """Write what the switch needs to know of a release, and the units that belong to it."""
    build = {"version": version, "python": suite.dotted_python, "schema": schema[0], "oldest_writer": schema[1]}
    (folder / BUILD_FILE).write_text(json.dumps(build, indent=1) + "\n", encoding="ascii")
    (folder / "systemd").mkdir()
    for unit in sorted((project / "systemd").glob("kiosk*.*")):
        if unit.is_file():
            shutil.copyfile(unit, folder / "systemd" / unit.name)
    shutil.copyfile(project / "docs/reference/files/kiosk.example.toml", folder / "kiosk.example.toml")


def _dependencies(suite: Suite, machine: str, wheels: list[Path], cache: Path) -> Path:
    """A folder with all packages of PyPI, with their bytecode."""
    locked = (wheels[0].parent / "locked.txt").read_bytes()
    name = f"packages-{machine}-cp{suite.python}-{hashlib.sha256(locked).hexdigest()[:12]}"
    target = cache / name
    if not target.is_dir():
        for old in cache.glob(f"packages-{machine}-cp{suite.python}-*"):
            shutil.rmtree(old)
        draft = cache / f"{name}.{os.getpid()}.new"
        draft.mkdir(parents=True)
        _install(wheels, draft, suite, machine)
        shutil.rmtree(draft / "bin", ignore_errors=True)  # commands with the path of this machine in their first line
        final = Path("/") / RELEASES / "packages"
        compile_folder(draft, final, suite, cache, is_ours=False)
        draft.rename(target)
    return target


def _install(wheels: list[Path], target: Path, suite: Suite, machine: str) -> None:
    platform = ["--python-version", suite.dotted_python, "--python-platform", f"{machine}-{GLIBC}"]
    offline = ["--no-deps", "--no-index", "--no-cache", "--link-mode", "copy", "--no-compile-bytecode"]
    subprocess.run([uv(), "pip", "install", "-q", *platform, *offline, "--target", target, *wheels], check=True)
    shutil.rmtree(target / "bin", ignore_errors=True)
    for left in (".lock", *(path.name for path in target.glob("*.dist-info/direct_url.json"))):
        (target / left).unlink(missing_ok=True)
    for url in target.glob("*.dist-info/direct_url.json"):  # names a folder of this machine
        url.unlink()


def compile_folder(folder: Path, final: Path, suite: Suite, cache: Path, *, is_ours: bool) -> None:
    """Compile a folder with the Python of the suite. `final`: where it will be, for tracebacks.

    The .pyc files are unchecked: files of a release never change, and a clock in 1970 cannot make them stale.
    """
    command, environment = interpreter(suite, cache)
    options = ["-q", "-j", "1", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", str(final)]
    done = subprocess.run(
        [*command, "-S", "-s", "-P", "-m", "compileall", *options, folder],
        env={**os.environ, **environment}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode == 0:
        return
    if done.returncode == 1 and not is_ours:  # some packages ship a template that is no Python
        print(done.stdout.strip().splitlines()[-1:], file=sys.stderr)  # noqa: T201
        return
    raise SystemExit(f"make bundle: {folder} cannot be compiled\n{done.stdout}{done.stderr}")


def interpreter(suite: Suite, cache: Path) -> tuple[list[str], dict[str, str]]:
    """Command and environment of the suite's Python: that of this machine, or else of Debian's packages, unpacked in the cache."""
    if sys.version_info[:2] == (3, int(suite.python[1:])):
        return [sys.executable], {}
    present = shutil.which(f"python{suite.dotted_python}")
    if present and _is_python(present, suite):
        return [present], {}
    root = cache / f"python-{suite.name}"
    if not root.is_dir():
        _unpack_python(suite, root, cache)
    (loader,) = root.glob("usr/lib/*/ld-linux-*.so.*")
    program = [str(loader), "--library-path", str(loader.parent), f"{root}/usr/bin/python{suite.dotted_python}"]
    return program, {"PYTHONHOME": str(root / "usr")}


def _is_python(command: str, suite: Suite) -> bool:
    """A command of that name may be a shim of pyenv for a Python that is not there."""
    check = f"import sys; sys.exit('{suite.dotted_python}' != '%d.%d' % sys.version_info[:2])"
    return subprocess.run([command, "-I", "-S", "-c", check], check=False, capture_output=True).returncode == 0


def _unpack_python(suite: Suite, root: Path, cache: Path) -> None:
    python = suite.dotted_python
    needed = (
        f"python{python}-minimal",
        f"libpython{python}-minimal",
        f"libpython{python}-stdlib",
        "libc6",
        "zlib1g",
        "libexpat1",
    )
    architecture = HOST_ARCHITECTURES[os.uname().machine]
    assert architecture in DEBIAN_ARCHITECTURES.values()
    draft = root.with_name(f"{root.name}.{os.getpid()}.new")
    (draft / "usr/lib").mkdir(parents=True)
    (draft / "lib").symlink_to("usr/lib")
    (draft / "lib64").symlink_to("usr/lib")
    for deb in fetch(suite, architecture, needed, cache / f"python-debs-{suite.name}-{architecture}"):
        subprocess.run(["dpkg-deb", "--extract", deb, draft], check=True)
    draft.rename(root)
