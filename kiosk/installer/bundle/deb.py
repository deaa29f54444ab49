"""Builds one Debian package from a folder of files and the texts of its control archive, with dpkg-deb."""

import gzip
import hashlib
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

EPOCH = 1_700_000_000
"""Time of all files, if SOURCE_DATE_EPOCH is not set: the same files give the same package."""
SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")


@dataclass(frozen=True, slots=True)
class Package:
    """What dpkg must know of a package beside its files."""

    name: str
    version: str
    architecture: str
    """Debian name, or `all`."""
    summary: str
    description: str
    """Paragraphs, without the indentation of a control file."""
    relations: dict[str, str] = field(default_factory=dict)
    """`Depends` and the like, as in a control file."""
    section: str = "misc"


def build_deb(package: Package, root: Path, control: Path | None, out: Path) -> Path:
    """Write the package with the files below `root`. `control`: folder with maintainer scripts, triggers and conffiles."""
    _write_documents(package, root, control)
    meta = root / "DEBIAN"
    meta.mkdir()
    for name in (*SCRIPTS, "triggers", "conffiles"):
        if control and (control / name).is_file():
            text = (control / name).read_text(encoding="utf-8")
            (meta / name).write_text(text.replace("@VERSION@", package.version.partition("+")[0]), encoding="utf-8")
            (meta / name).chmod(0o755 if name in SCRIPTS else 0o644)
    _normalise(root)
    files = sorted(
        path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and meta not in path.parents
    )
    sums = "".join(f"{_md5(path)}  {path.relative_to(root)}\n" for path in files)
    (meta / "md5sums").write_text(sums, encoding="utf-8")
    size_kib = sum(path.lstat().st_size for path in files) // 1024 + 1
    (meta / "control").write_text(_control(package, size_kib), encoding="utf-8")
    for path in (meta, *meta.iterdir()):
        os.utime(path, (_epoch(), _epoch()))
    target = out / f"{package.name}_{package.version}_{package.architecture}.deb"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(_epoch())}
    # zstd unpacks the release five times as fast as xz. The other packages are small.
    compression = ["-Zxz"] if package.architecture == "all" else ["-Zzstd", "-z3"]
    command: list[str | Path] = ["dpkg-deb", "--root-owner-group", *compression, "--build", root, target]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return target


def _control(package: Package, size_kib: int) -> str:
    fields = {
        "Package": package.name,
        "Source": "entrance-kiosk" if package.name != "entrance-kiosk" else None,
        "Version": package.version,
        "Architecture": package.architecture,
        "Maintainer": "The entrance-kiosk maintainers <maintainers@entrance-kiosk.example>",
        "Installed-Size": size_kib,
        **package.relations,
        "Section": package.section,
        "Priority": "optional",
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    described = [f" {line}" if line else " ." for line in package.description.strip().splitlines()]
    return "\n".join([*lines, f"Description: {package.summary}", *described]) + "\n"


def _write_documents(package: Package, root: Path, control: Path | None) -> None:
    documents = root / "usr/share/doc" / package.name
    documents.mkdir(parents=True, exist_ok=True)
    entry = f"entrance-kiosk ({package.version}) stable; urgency=medium\n\n  * See CHANGELOG.md of the project.\n\n"
    entry += f" -- The entrance-kiosk maintainers <maintainers@entrance-kiosk.example>  {_rfc_date()}\n"
    name = "changelog.gz"
    (documents / name).write_bytes(gzip.compress(entry.encode(), 9, mtime=0))
    copyright_file = Path(__file__).parents[3] / "debian_packages/copyright"
    (documents / "copyright").write_bytes(copyright_file.read_bytes())
    if control and (control / "lintian-overrides").is_file():
        overrides = root / "usr/share/lintian/overrides"
        overrides.mkdir(parents=True, exist_ok=True)
        text = (control / "lintian-overrides").read_text(encoding="utf-8")
        (overrides / package.name).write_text(text, encoding="utf-8")


def _normalise(root: Path) -> None:
    """Modes and times do not depend on who builds."""
    for path in (root, *sorted(root.rglob("*"), reverse=True)):
        if not path.is_symlink():
            program = path.stat().st_mode & 0o100 and ".so" not in path.suffixes
            path.chmod(0o755 if path.is_dir() or program else 0o644)
        os.utime(path, (_epoch(), _epoch()), follow_symlinks=False)


def _epoch() -> int:
    return int(os.environ.get("SOURCE_DATE_EPOCH", EPOCH))


def _rfc_date() -> str:
    from email.utils import formatdate  # noqa: PLC0415  used once

    return formatdate(_epoch())


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
