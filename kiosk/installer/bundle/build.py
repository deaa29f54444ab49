"""`make bundle`: writes a folder with our packages, a signed index and install.sh, for sticks and for web servers.

Runs on any Debian machine. Wheels are those of uv.lock, checked by its hashes. apt fetches packages of Debian and checks their
signature. docs/decisions/0042.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from kiosk.installer.bundle import packages, release_tree, repository, suites, wheels
from kiosk.installer.bundle.suites import DEBIAN_ARCHITECTURES, SUITES, security_updates

PROJECT = Path(__file__).parents[3]
CACHE = Path(os.environ.get("BUNDLE_CACHE", Path.home() / ".cache/entrance-kiosk/bundle"))
SIGNING_HOME = Path(os.environ.get("SIGNING_HOME", Path.home() / ".local/share/entrance-kiosk/signing"))
SuiteAndMachine = tuple[str, str]
"""Such as ("trixie", "aarch64")."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bundle and print its path and the fingerprint of its key."""
    parser = argparse.ArgumentParser(prog="make bundle", description=__doc__, allow_abbrev=False)
    parser.add_argument("--machines", nargs="+", default=["aarch64"], choices=sorted(DEBIAN_ARCHITECTURES))
    parser.add_argument("--suites", nargs="+", default=list(SUITES), choices=list(SUITES))
    parser.add_argument("--out", type=Path, default=PROJECT / "dist", help="folder for the bundle [dist]")
    parser.add_argument(
        "--signing-home", type=Path, default=SIGNING_HOME, help="folder of the signing key [%(default)s]"
    )
    parser.add_argument(
        "--os-packages",
        type=lambda path: tuple(Path(path).read_text(encoding="utf-8").split()),
        default=(),
        metavar="FILE",
        help="names of the packages of a board: their security updates go into the bundle (dpkg-query -W -f '${Package}\\n')",
    )
    options = parser.parse_args(arguments)
    targets = [(suite, machine) for suite in options.suites for machine in options.machines]
    bundle = build_bundle(PROJECT, targets, options.out, options.signing_home, os_packages=options.os_packages)
    print(f"{bundle}\nfingerprint of its key: {repository.fingerprint(options.signing_home)}")  # noqa: T201  output of a command
    return 0


def build_bundle(
    project: Path,
    targets: Sequence[SuiteAndMachine],
    out: Path,
    signing_home: Path = SIGNING_HOME,
    cache: Path = CACHE,
    *,
    os_packages: Sequence[str] = (),
) -> Path:
    """Build the bundle of a checkout into a folder of `out`. A folder of the same version is replaced.

    `os_packages`: names of the packages of a board, whose security updates go into the bundle too.
    """
    repository.make_signing_key(signing_home)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as name:
        scratch = Path(name)
        own = wheels.build_wheel(project, scratch)
        version = own.name.split("-")[1]
        folder = scratch / f"entrance-kiosk-{version}"
        common = packages.build_common_packages(project, version, scratch, _folder(scratch / "common"))
        common = repository.add_to_pool(folder, common)
        built = {target: _packages_for(project, target, own, scratch, cache) for target in targets}
        for suite in dict.fromkeys(suite for suite, _ in targets):
            debs = {}
            for machine in (machine for each, machine in targets if each == suite):
                ours, debian = built[suite, machine]
                updates = scratch / f"updates-{suite}-{machine}"
                debian = [
                    *debian,
                    *(security_updates(SUITES[suite], machine, os_packages, updates) if os_packages else []),
                ]
                place = folder / "pool" / suite
                place.mkdir(exist_ok=True)
                copies = [Path(shutil.copyfile(deb, place / deb.name)) for deb in (ours, *debian)]
                debs[DEBIAN_ARCHITECTURES[machine]] = [*common, *copies]
            repository.write_suite(
                folder,
                suite,
                debs,
                date_s=time.time(),
                signing_home=signing_home,
                has_security_updates=bool(os_packages),
            )
        repository.export_key(signing_home, folder)
        shutil.copyfile(project / "install.sh", folder / "install.sh")
        (folder / "install.sh").chmod(0o755)
        _write_sbom(folder, version, built)
        return _move(folder, out)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _packages_for(
    project: Path, target: SuiteAndMachine, own: Path, scratch: Path, cache: Path
) -> tuple[Path, list[Path]]:
    """The package of the release for a suite and a machine, and the packages of Debian that it needs."""
    suite, machine = SUITES[target[0]], target[1]
    chosen = wheels.fetch_wheels(project, machine, suite.python, cache)
    root, out = scratch / f"{suite.name}-{machine}", _folder(scratch / f"out-{suite.name}-{machine}")
    version = own.name.split("-")[1]
    folder = release_tree.build_release(root, version, release_tree.Target(suite, machine, cache), own, chosen)
    release_tree.write_build(folder, version, suite, _read_schema(own), project)
    deb = packages.build_release_package(root, version, suite, machine, out)
    shutil.rmtree(root)
    return deb, suites.system_packages(suite, machine, cache)


def _read_schema(wheel: Path) -> tuple[int, int]:
    """Database schema of the code in the wheel, and the oldest schema whose release may still write to it."""
    code = "import json; from kiosk.storage import schema as s; print(json.dumps([len(s.MIGRATIONS), s.OLDEST_WRITER_SCHEMA]))"
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=wheel.parent)
    schema, oldest = json.loads(done.stdout)
    return schema, oldest


def _write_sbom(folder: Path, version: str, built: dict[SuiteAndMachine, tuple[Path, list[Path]]]) -> None:
    from kiosk.installer.bundle import sbom  # noqa: PLC0415  its library is needed for this step only

    shipped = {path for suite, machine in built for path in wheels_of(suite, machine)}
    debian = [(suite, path) for (suite, _), (_, debs) in built.items() for path in debs]
    sbom.write_sbom(folder, version, sorted(shipped), debian)


def wheels_of(suite: str, machine: str, cache: Path = CACHE) -> list[Path]:
    """Wheels in the cache for a target."""
    return sorted((cache / f"{machine}-cp{SUITES[suite].python}").glob("*.whl"))


def _move(folder: Path, out: Path) -> Path:
    target = out / folder.name
    shutil.rmtree(target, ignore_errors=True)
    return folder.rename(target)


if __name__ == "__main__":
    sys.exit(main())
