"""`make bundle`: writes one file with this version and its dependencies, for boards without a network.

Runs on the development machine. Wheels are those of uv.lock, checked by its hashes. apt fetches system packages and
checks the signature of Debian.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement

from kiosk.installer.bundle.content import MANIFEST, bundle_digest, file_sha256
from kiosk.installer.machine import system_packages

PROJECT = Path(__file__).parents[3]
CACHE = Path(os.environ.get("BUNDLE_CACHE", Path.home() / ".cache/entrance-kiosk/bundle"))
PYTHONS = ("311", "313")
# From PyPI, because the package of Bookworm is built for numpy 1.24: docs/decisions/0037.
BUILT_FOR_NUMPY_2 = ("simplejpeg",)
# There is no wheel for Python 3.13. There the distribution's python3-lgpio is used.
GPIO_PACKAGES = ("lgpio",)
INSTALLER_PARTS = (
    "__init__.py",
    "installer",
    "core/__init__.py",
    "core/pins.py",
    "locale",
    "system/__init__.py",
    "system/atomic_files.py",
    "system/translations.py",
)
"""Files and folders of kiosk/ that the installer imports."""
BUILD_ONLY = ("build.py", "sbom.py")
"""Files that the installer does not import."""
GLIBC_MINORS = range(17, 37)  # Debian 12 has glibc 2.36


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bundle and print its path."""
    parser = argparse.ArgumentParser(
        prog="make bundle", description="One file to install from, without a network.", allow_abbrev=False
    )
    parser.add_argument("--machines", nargs="+", default=["aarch64"], choices=["aarch64", "x86_64"])
    parser.add_argument("--pythons", nargs="+", default=list(PYTHONS), choices=PYTHONS)
    parser.add_argument("--out", type=Path, default=PROJECT / "dist", help="folder for the bundle [dist]")
    parser.add_argument("--project", type=Path, default=PROJECT, help="the checkout to bundle")
    parser.add_argument("--unpacked", action="store_true", help="write a folder instead of a .tar")
    options = parser.parse_args(arguments)
    targets = [(machine, python) for machine in options.machines for python in options.pythons]
    options.out.mkdir(parents=True, exist_ok=True)
    bundle = build_bundle(options.project, targets, options.out, unpacked=options.unpacked)
    print(bundle)  # noqa: T201  output of a command
    return 0


def build_bundle(project: Path, targets: Sequence[tuple[str, str]], out: Path, *, unpacked: bool = False) -> Path:
    """Build the bundle of a checkout for (machine, Python) targets: a .tar in `out`, or a folder there."""
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        wheel = _build_wheel(project, Path(scratch))
        version = wheel.name.split("-")[1]
        folder = Path(scratch) / f"entrance-kiosk-{version}"
        _copy_contents(folder, project, wheel, targets)
        finish_bundle(folder, version, _read_schema(wheel))
        return _move_folder(folder, out) if unpacked else _write_tar(folder, out)


def _build_wheel(project: Path, scratch: Path) -> Path:
    subprocess.run([_uv(), "build", "-q", "--wheel", "--out-dir", scratch / "own"], cwd=project, check=True)
    (wheel,) = (scratch / "own").glob("*.whl")
    return wheel


def _uv() -> str:
    return str(Path(sys.executable).parent / "uv")


def _read_schema(wheel: Path) -> tuple[int, int]:
    """Database schema of the code in the wheel, and the oldest schema whose release may still write to it."""
    code = "from kiosk.storage import schema as s; print(len(s.MIGRATIONS), s.OLDEST_WRITER_SCHEMA)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(wheel)},
        check=True,
        capture_output=True,
        text=True,
        cwd=wheel.parent,
    )
    schema, oldest = done.stdout.split()
    return int(schema), int(oldest)


def _copy_contents(folder: Path, project: Path, own: Path, targets: Sequence[tuple[str, str]]) -> None:
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    shutil.copy(own, wheels)
    for machine, python in targets:
        chosen = fetch_wheels(project, machine, python)
        for path in chosen:
            shutil.copy(path, wheels / path.name)
        lines = "".join(f"{_requirement_of(path)} --hash=sha256:{file_sha256(path)}\n" for path in [*chosen, own])
        (folder / f"requirements-{machine}-cp{python}.txt").write_text(lines, encoding="ascii")
    for machine in sorted({machine for machine, _ in targets}):
        for suite in system_packages.SUITE_PACKAGES:
            system_packages.fetch_packages(suite, machine, CACHE, folder / "debs")
    for name in ("systemd", "firmware_config"):
        shutil.copytree(project / name, folder / "system" / name)
    _compile_overlay(folder / "system/firmware_config")
    copy_installer(project, folder / "installer")
    shutil.copy(project / "docs/reference/files/kiosk.example.toml", folder)
    shutil.copy(project / "install.sh", folder)


def copy_installer(project: Path, target: Path) -> None:
    """Copy all files that `python3 -m kiosk.installer` imports. It runs with PYTHONPATH=`target` and the standard library."""
    for name in INSTALLER_PARTS:
        source, copy = project / "kiosk" / name, target / "kiosk" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", *BUILD_ONLY))
        else:
            shutil.copy(source, copy)


def _requirement_of(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name.replace('_', '-')}=={version}"


def fetch_wheels(project: Path, machine: str, python: str) -> list[Path]:
    """Wheels of uv.lock for a target, from the cache or from PyPI, checked by the hashes of uv.lock."""
    folder = CACHE / f"{machine}-cp{python}"
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
    export = [_uv(), "export", "-q", "--locked", "--no-emit-project", "--no-dev", "--no-annotate", "--no-header"]
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


def _compile_overlay(firmware_config: Path) -> None:
    """Compile the overlay of the relay if there is a compiler. A Pi usually has no `dtc`."""
    dtc = shutil.which("dtc")
    if dtc is None:
        print("no dtc (package device-tree-compiler): the bundle has no kiosk-relay.dtbo", file=sys.stderr)  # noqa: T201
        return
    source = firmware_config / "overlays/kiosk-relay.dts"
    subprocess.run([dtc, "-@", "-q", "-I", "dts", "-O", "dtb", "-o", source.with_suffix(".dtbo"), source], check=True)


def finish_bundle(folder: Path, version: str, schema: tuple[int, int]) -> None:
    """Write the bill of materials and, over all files, the manifest."""
    from kiosk.installer.bundle import sbom  # noqa: PLC0415  its library is needed for this step only

    sbom.write_sbom(folder, version)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {str(path.relative_to(folder)): file_sha256(path) for path in paths}
    manifest = {
        "version": version,
        "digest": bundle_digest(files),
        "schema": schema[0],
        "oldest_writer": schema[1],
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="ascii")


def _move_folder(folder: Path, out: Path) -> Path:
    target = out / folder.name
    shutil.rmtree(target, ignore_errors=True)
    return folder.rename(target)


def _write_tar(folder: Path, out: Path) -> Path:
    """Write an uncompressed .tar: wheels and debs are compressed already (xz takes a minute for 1 %)."""
    target = out / f"{folder.name}.tar"
    draft = target.with_suffix(".tar.new")
    with tarfile.open(draft, "w") as tar:
        tar.add(folder, arcname=folder.name, filter=_normalised)
    return draft.replace(target)


def _normalised(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Owner and modes do not depend on who builds."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.isdir() or entry.name.endswith("/install.sh") else 0o644
    return entry


if __name__ == "__main__":
    sys.exit(main())
