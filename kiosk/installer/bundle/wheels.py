"""The wheels of uv.lock for a machine and a Python, from the cache or from PyPI, and the wheel of this checkout."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

# From PyPI, because the package of Bookworm is built for numpy 1.24: docs/decisions/0037.
BUILT_FOR_NUMPY_2 = ("simplejpeg",)
# There is no wheel for Python 3.13. There the distribution's python3-lgpio is used.
GPIO_PACKAGES = ("lgpio",)
GLIBC_MINORS = range(17, 37)  # Debian 12 has glibc 2.36


def uv() -> str:
    """The command uv beside this Python."""
    return str(Path(sys.executable).parent / "uv")


def build_wheel(project: Path, scratch: Path) -> Path:
    """Build the wheel of a checkout into a folder of `scratch`."""
    subprocess.run([uv(), "build", "-q", "--wheel", "--out-dir", scratch / "own"], cwd=project, check=True)
    (wheel,) = (scratch / "own").glob("*.whl")
    return wheel


def fetch_wheels(project: Path, machine: str, python: str, cache: Path) -> list[Path]:
    """Wheels of uv.lock for a target, from the cache or from PyPI, checked by the hashes of uv.lock.

    `python`: such as `311`. The folder of the wheels also has `locked.txt`, their requirements with hashes.
    """
    folder = cache / f"{machine}-cp{python}"
    folder.mkdir(parents=True, exist_ok=True)
    requirements = folder / "locked.txt"
    text = "\n".join(locked_requirements(project, python)) + "\n"
    if not requirements.exists() or requirements.read_text(encoding="utf-8") != text:
        for old in folder.glob("*.whl"):
            old.unlink()
        draft = folder / "wanted.txt"
        draft.write_text(text, encoding="utf-8")
        platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS] + [f"manylinux2014_{machine}"]
        tags = [option for each in platforms for option in ("--platform", each)]
        abis = [option for each in (f"cp{python}", "abi3", "none") for option in ("--abi", each)]
        pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
        only = ["--require-hashes", "--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
        subprocess.run([*pip, *only, *tags, *abis, "-r", draft, "-d", folder], check=True)
        draft.replace(requirements)
    return sorted(folder.glob("*.whl"))


def locked_requirements(project: Path, python: str) -> Iterator[str]:
    """Requirement lines with hashes, markers resolved for a Python on Linux.

    pip evaluates markers with the Python that runs it and ignores --python-version. So they are resolved here.
    """
    export = [uv(), "export", "-q", "--locked", "--no-emit-project", "--no-dev", "--no-annotate", "--no-header"]
    plain = _export_requirements(export, project, python)
    extra = _export_requirements([*export, "--extra", "pi"], project, python)
    yield from plain.values()
    for name in (*BUILT_FOR_NUMPY_2, *(GPIO_PACKAGES if int(python) < 313 else ())):
        if name not in plain:
            yield extra[name]


def _export_requirements(command: list[str], project: Path, python: str) -> dict[str, str]:
    text = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True).stdout
    found: dict[str, str] = {}
    full = f"{python[0]}.{python[1:]}"
    environment = {"python_version": full, "python_full_version": f"{full}.0", "sys_platform": "linux"}
    for entry in text.replace("\\\n", " ").splitlines():
        written, *hashes = entry.split("--hash=")
        requirement = Requirement(written.strip())
        if requirement.marker is None or requirement.marker.evaluate(environment):
            pins = " ".join(f"--hash={each.strip()}" for each in hashes)
            found[requirement.name] = f"{requirement.name}{requirement.specifier} {pins}"
    return found
