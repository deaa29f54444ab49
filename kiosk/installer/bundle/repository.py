"""Writes a signed apt repository: a folder with pool and index, for a stick or any web server."""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from email.utils import formatdate
from pathlib import Path

KEY_FILE = "entrance-kiosk.gpg"
_NEW_KEY = "--quick-generate-key"
_SOCKETS = shutil.ignore_patterns("S.*", "*.lock", ".#lk*")
ORIGIN = "entrance-kiosk"
UPDATES_FIELD = "Entrance-Security-Updates"
"""Field of a Release file. `kiosk os-updates` reads it where there is no network (kiosk/cli/maintenance/os_updates.py)."""


def add_to_pool(folder: Path, debs: Iterable[Path]) -> list[Path]:
    """Copy packages into the pool. Packages of two suites may have one file name: they get the suite's folder by `place`."""
    pool = folder / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    copies = []
    for deb in debs:
        target = pool / deb.name
        shutil.copyfile(deb, target)
        target.chmod(0o644)
        copies.append(target)
    return copies


def write_suite(
    folder: Path,
    suite: str,
    debs: dict[str, list[Path]],
    *,
    date_s: float,
    signing_home: Path,
    has_security_updates: bool = False,
) -> None:
    """Write dists/SUITE for packages that are in `folder`. `debs`: Debian architecture -> its packages, `all` among them.

    `has_security_updates`: those of Debian, as they were known at `date_s`.
    """
    top = folder / "dists" / suite
    shutil.rmtree(top, ignore_errors=True)
    for architecture, paths in debs.items():
        index = top / f"main/binary-{architecture}"
        index.mkdir(parents=True)
        text = "\n".join(_stanza(path, folder) for path in sorted(paths)).encode()
        (index / "Packages").write_bytes(text)
        (index / "Packages.gz").write_bytes(gzip.compress(text, 9, mtime=0))
    release = _release_text(top, suite, sorted(debs), date_s)
    if has_security_updates:
        release = f"{UPDATES_FIELD}: yes\n{release}"
    (top / "Release").write_text(release, encoding="utf-8")
    _sign(top, signing_home)


def _stanza(deb: Path, folder: Path) -> str:
    control = subprocess.run(["dpkg-deb", "--field", deb], check=True, capture_output=True, text=True).stdout.rstrip()
    content = deb.read_bytes()
    fields = {
        "Filename": deb.relative_to(folder),
        "Size": len(content),
        "SHA256": hashlib.sha256(content).hexdigest(),
    }
    before, _, description = control.partition("\nDescription:")
    lines = "".join(f"\n{name}: {value}" for name, value in fields.items())
    return f"{before}{lines}\nDescription:{description}\n"


def _release_text(top: Path, suite: str, architectures: list[str], date_s: float) -> str:
    files = sorted(path for path in top.rglob("Packages*"))
    sums = "".join(
        f"\n {hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_size} {path.relative_to(top)}"
        for path in files
    )
    fields = {
        "Origin": ORIGIN, "Label": ORIGIN, "Suite": suite, "Codename": suite, "Date": formatdate(date_s, usegmt=True),
        "Architectures": " ".join(architectures), "Components": "main", "Description": "Packages of the entrance kiosk",
        "Acquire-By-Hash": "no",
    }  # fmt: skip
    return "".join(f"{name}: {value}\n" for name, value in fields.items()) + f"SHA256:{sums}\n"


def _sign(top: Path, home: Path) -> None:
    for options, name in ((["--clearsign"], "InRelease"), (["--detach-sign", "--armor"], "Release.gpg")):
        gpg(home, *options, "--digest-algo", "SHA512", "--output", str(top / name), str(top / "Release"))


def gpg(home: Path, *arguments: str) -> str:
    """Run gpg with the keys of a folder. Raises CalledProcessError, with gpg's words as a note.

    gpg works on a copy: the socket of its agent needs a path below 108 bytes, and two builds must not end each other's agent.
    A new key is copied back.
    """
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:
        copy = Path(folder, "home")
        shutil.copytree(home, copy, ignore=_SOCKETS)
        copy.chmod(0o700)
        environment = {**os.environ, "GNUPGHOME": str(copy)}
        command = ["gpg", "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", "--yes"]
        try:
            done = subprocess.run([*command, *arguments], env=environment, check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            error.add_note(error.stderr)
            raise
        finally:
            subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=environment, check=False, capture_output=True)
        if _NEW_KEY in arguments:
            shutil.copytree(copy, home, ignore=_SOCKETS, dirs_exist_ok=True)
    return done.stdout


def make_signing_key(home: Path) -> None:
    """Make the key that signs the index, unless there is one. Raises CalledProcessError."""
    if "sec:" in _list_keys(home):
        return
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    gpg(home, _NEW_KEY, "Packages of the entrance kiosk", "ed25519", "sign", "never")


def _list_keys(home: Path) -> str:
    return gpg(home, "--list-secret-keys", "--with-colons") if home.is_dir() else ""


def fingerprint(home: Path) -> str:
    """Fingerprint of the signing key, in groups of four as on paper."""
    found = re.search(r"^fpr:+([0-9A-F]{40}):", _list_keys(home), re.MULTILINE)
    assert found, f"no key in {home}"
    return " ".join(re.findall("....", found[1]))


def export_key(home: Path, folder: Path) -> Path:
    """Write the public key beside the index."""
    target = folder / KEY_FILE
    gpg(home, "--export-options", "export-minimal", "--output", str(target), "--export")
    target.chmod(0o644)
    return target
