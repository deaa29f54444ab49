"""Makes the OpenPGP key that signs packages (`make bundle`), with gpg."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

FOLDER = "release-signing"
"""Name of the folder of the key. `make bundle BUNDLE_ARGS="--signing-home FOLDER"` uses it."""
_USER = "Packages of the entrance kiosk"


class ReleaseKeyError(Exception):
    """The key was not made. The text says why."""


def is_possible() -> bool:
    """Whether gpg is installed."""
    return shutil.which("gpg") is not None


def make_release_key(folder: Path) -> str:
    """Make the key in a new folder. Returns its fingerprint in groups of four, as on paper. Raises ReleaseKeyError.

    gpg works in a folder of its own: its agent makes sockets, which a stick with FAT cannot hold.
    """
    with tempfile.TemporaryDirectory(prefix="gpg-") as name:
        try:
            _gpg(name, "--quick-generate-key", _USER, "ed25519", "sign", "never")
            listed = _gpg(name, "--list-secret-keys", "--with-colons")
        except subprocess.CalledProcessError as error:
            raise ReleaseKeyError(f"gpg did not make the release key: {error.stderr.strip()}") from error
        finally:
            environment = {**os.environ, "GNUPGHOME": name}
            subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=environment, check=False, capture_output=True)
        shutil.copytree(name, folder, ignore=shutil.ignore_patterns("S.*"), copy_function=_copy_private)
    digits = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
    return " ".join(digits[index : index + 4] for index in range(0, len(digits), 4))


def _copy_private(source: str, target: str) -> None:
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(Path(source).read_bytes())


def _gpg(home: str, *arguments: str) -> str:
    command = ["gpg", "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", *arguments]
    environment = {**os.environ, "GNUPGHOME": home}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
