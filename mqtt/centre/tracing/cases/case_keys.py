"""One key for each case, in a file of its own. Questions and results are encrypted with it, and end with it, also in backups.

The folder is never part of a backup: `kiosk centre backup` leaves files of this name out. A case whose key is deleted cannot be
read again, whatever copies of the database exist.
"""

import json
import os
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

NONCE_BYTES = 12


class CaseKeyError(Exception):
    """The key of a case cannot be read or written, or does not fit."""


class CaseKeys:
    """The keys of the cases in one folder, which is made with mode 0700."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def encrypt(self, case: int, what: str, content: Any) -> str:
        """JSON content for the database. `what` names its place: it is readable there only. Raises CaseKeyError."""
        nonce = os.urandom(NONCE_BYTES)
        plain = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        sealed = ChaCha20Poly1305(self._make(case)).encrypt(nonce, plain, _context(case, what))
        return b64encode(nonce + sealed).decode()

    def decrypt(self, case: int, what: str, text: str) -> Any:
        """The content that `encrypt` was given. Raises CaseKeyError."""
        try:
            data = b64decode(text)
            key = self._path(case).read_bytes()
            return json.loads(
                ChaCha20Poly1305(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _context(case, what))
            )
        except FileNotFoundError as error:
            raise CaseKeyError(f"the key of case {case} is not in {self._folder}: the case has ended") from error
        except (OSError, ValueError, InvalidTag) as error:
            raise CaseKeyError(f"what case {case} found cannot be read with its key") from error

    def delete(self, case: int) -> None:
        """Overwrite and delete the key of a case. Raises CaseKeyError."""
        path = self._path(case)
        try:
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                os.fsync(file.fileno())
            path.unlink()
            _sync_folder(self._folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise CaseKeyError(f"{path} cannot be deleted: {error.strerror}") from error

    def numbers(self) -> list[int]:
        """The cases that have a key."""
        return sorted(int(path.stem) for path in self._folder.glob("*.case-key") if path.stem.isdigit())

    def _make(self, case: int) -> bytes:
        path = self._path(case)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                return path.read_bytes()
            except FileNotFoundError:
                key = ChaCha20Poly1305.generate_key()
            temporary = path.with_name(f"{path.name}.{os.getpid()}")
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(key)
                file.flush()
                os.fsync(file.fileno())
            try:
                path.hardlink_to(temporary)  # two processes make one key
            except FileExistsError:
                key = path.read_bytes()
            temporary.unlink()
            _sync_folder(self._folder)
        except OSError as error:
            raise CaseKeyError(f"{path} cannot be written: {error.strerror}") from error
        return key

    def _path(self, case: int) -> Path:
        return self._folder / f"{case}.case-key"


def _context(case: int, what: str) -> bytes:
    return f"entrance-kiosk/case/{case}/{what}".encode()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
