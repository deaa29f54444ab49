"""Our packages: what is in each of them and what it needs. The texts of their control archives are in debian_packages/."""

import gzip
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from kiosk.installer.bundle.deb import Package, build_deb
from kiosk.installer.bundle.suites import DEBIAN_ARCHITECTURES, Suite

PROJECT = Path(__file__).parents[3]
TOOL_PARTS = (
    "__init__.py",
    "core/__init__.py",
    "core/pins.py",
    "installer",
    "locale",
    "system/__init__.py",
    "system/atomic_files.py",
    "system/translations.py",
)
"""Files and folders of kiosk/ that `kiosk release` imports. The standard library only."""
TOOL = "usr/lib/entrance-kiosk"
PAGE = """\
It reads codes that people show, decides without a network, records
every event before it signals, and delivers the events to a centre."""
ALL = {
    "entrance-kiosk": Package(
        "entrance-kiosk", "", "all", "entrance scanner: units, users and the command kiosk",
        "The units, the users and the command of the entrance kiosk. The program\n"
        f"is in packages named entrance-kiosk-VERSION, side by side as kernels are.\n\n{PAGE}",
        {"Depends": "python3 (>= 3.11), systemd, udev", "Recommends": "entrance-kiosk-@VERSION@"},
    ),
    "entrance-kiosk-appliance": Package(
        "entrance-kiosk-appliance", "", "all", "entrance scanner: settings of a board that does nothing else",
        "Journal in memory, hardware watchdog, fewer writes to the memory card, and\n"
        "settings of the firmware of a Raspberry Pi. For boards that are a kiosk\n"
        f"and nothing else.\n\n{PAGE}",
        {"Depends": "entrance-kiosk (>= @VERSION@)", "Recommends": "unattended-upgrades"},
    ),
    "entrance-centre": Package(
        "entrance-centre", "", "all", "entrance scanner: the centre that receives the events",
        "The service that receives the events of entrance kiosks and stores each\n"
        f"of them once.\n\n{PAGE}",
        {"Depends": "entrance-kiosk-@VERSION@", "Recommends": "entrance-broker, gpg, python3-psycopg",
         "Suggests": "apprise, postgresql"},
        section="net",
    ),
    "entrance-broker": Package(
        "entrance-broker", "", "all", "entrance scanner: mosquitto with the rules of the kiosks",
        "A mosquitto with its own unit and folder, with TLS and an access list that\n"
        f"gives each kiosk its own topics.\n\n{PAGE}",
        {"Depends": "mosquitto (>= 2.0.11)", "Suggests": "entrance-centre"},
        section="net",
    ),
}  # fmt: skip


def release_package(version: str, suite: Suite, machine: str) -> Package:
    """The package of one version of the program."""
    return Package(
        f"entrance-kiosk-{version}", f"{version}+deb{suite.number}", DEBIAN_ARCHITECTURES[machine],
        f"entrance scanner, version {version}",
        f"The program of the entrance kiosk, version {version}, with all libraries and\n"
        "their bytecode. It changes nothing outside of its own folder. The package\n"
        f"entrance-kiosk starts it.\n\n{PAGE}",
        {
            "Depends": f"python3 (>= {suite.dotted_python}), python3 (<< {suite.next_python}), libc6 (>= 2.36), {suite.zbar}",
            "Recommends": "entrance-kiosk, python3-picamera2, python3-lgpio",
        },
    )  # fmt: skip


def build_release_package(root: Path, version: str, suite: Suite, machine: str, out: Path) -> Path:
    """The package of the release tree below `root`."""
    control = PROJECT / "debian_packages/entrance-kiosk-VERSION"
    return build_deb(release_package(version, suite, machine), root, control, out)


def build_common_packages(project: Path, version: str, scratch: Path, out: Path) -> list[Path]:
    """The packages that are the same for every suite and machine."""
    built = []
    for name, package in ALL.items():
        root = scratch / name
        stage_files(project, name, version, root)
        control = project / "debian_packages" / name
        relations = {key: value.replace("@VERSION@", version) for key, value in package.relations.items()}
        built.append(build_deb(replace(package, version=version, relations=relations), root, control, out))
    return built


def stage_files(project: Path, name: str, version: str, root: Path) -> None:
    """Copy the files of a package below `root`, as its file `install` says: source, then path on the device."""
    root.mkdir(parents=True)
    for line in (project / "debian_packages" / name / "install").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            source, target = line.split()
            _copy(project / source, root / target)
    for path in root.rglob("*"):
        if path.is_file() and path.read_bytes().startswith(b"#!"):
            path.chmod(0o755)
    if name == "entrance-kiosk":
        copy_tool(project, root / TOOL)
        (root / TOOL / "release").write_text(f"{version}\n", encoding="ascii")
        _compress_manual(root / "usr/share/man/man1/kiosk.1")
    if name == "entrance-centre":
        _replace(root / "usr/lib/entrance-centre/kiosk", {"@VERSION@": version})
    if name == "entrance-broker":
        places = {"/etc/mosquitto/entrance": "/etc/entrance-broker", "/var/lib/mosquitto/": "/var/lib/entrance-broker/"}
        _replace(root / "etc/entrance-broker/mosquitto.conf", places)
    if name == "entrance-kiosk-appliance":
        _compile_overlay(project, root / "usr/share/entrance-kiosk-appliance")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _replace(path: Path, changes: dict[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes.items():
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def _compress_manual(path: Path) -> None:
    path.with_suffix(".1.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    path.unlink()


def copy_tool(project: Path, target: Path) -> None:
    """Copy all files that `kiosk release` imports. It runs with the Python of the system and the standard library."""
    left_out = shutil.ignore_patterns("__pycache__", "bundle", "*.po", "*.pot")
    for name in TOOL_PARTS:
        source, copy = project / "kiosk" / name, target / "kiosk" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=left_out)
        else:
            shutil.copyfile(source, copy)


def _compile_overlay(project: Path, target: Path) -> None:
    """Compile the overlay of the relay if there is a compiler."""
    dtc = shutil.which("dtc")
    if dtc is None:
        print("no dtc (package device-tree-compiler): no kiosk-relay.dtbo", file=sys.stderr)  # noqa: T201
        return
    target.mkdir(parents=True, exist_ok=True)
    source = project / "firmware_config/overlays/kiosk-relay.dts"
    output = target / "kiosk-relay.dtbo"
    subprocess.run([dtc, "-@", "-q", "-I", "dts", "-O", "dtb", "-o", output, source], check=True)
