"""The administrator's password and the set-up code, as argon2 hashes in one file. The guards are in guards.py.

There is no default password. Until an administrator is set up, only the set-up code opens the pages. It is in the journal, and
`kiosk web setup` on the machine prints a new one.
"""

import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import TypeAdapter, ValidationError

from kiosk.core.ports import KioskError
from kiosk.system import atomic_files

ACCOUNTS_FILE = "accounts.json"
MIN_PASSWORD_LENGTH = 10
MAX_SECRET_LENGTH = 256
SETUP_CODE_VALID_S = 3600.0
"""How long a set-up code is valid."""

_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no characters that look alike
# The smallest of OWASP's equivalent settings (7 MiB, 5 passes, 1 lane), because a Pi has little memory.
_HASHER = PasswordHasher(time_cost=5, memory_cost=7168, parallelism=1)


class Role(StrEnum):
    """What a logged-in person may do."""

    GUARD = "guard"
    ADMIN = "admin"


class AccountError(KioskError):
    """The accounts cannot be read or written."""

    def __init__(self, message: str, errno: int | None = None) -> None:
        """`errno`: of the system's error, if there was one."""
        super().__init__(message)
        self.errno = errno


@dataclass(frozen=True, slots=True)
class _StoredAccounts:
    admin_hash: str = ""
    guard_hash: str = ""
    """One PIN for all guards, as files had it once. It opens nothing."""
    setup_code_hash: str = ""
    setup_code_expires_at: float = 0.0
    """Unix time."""


_STORED_ADAPTER = TypeAdapter(_StoredAccounts)


class Accounts:
    """One file of hashes in `folder`, which must exist. Any thread. Read each time, because `kiosk web setup` also writes it."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._path = folder / ACCOUNTS_FILE
        self._now = now
        self._hash_lock = threading.Lock()  # one hash at a time: each takes 7 MiB

    @property
    def has_admin(self) -> bool:
        """Whether the administrator's password is set."""
        return bool(self._load().admin_hash)

    def verify_password(self, secret: str) -> bool:
        """Whether this is the administrator's password. Raises AccountError."""
        stored = self._load()
        with self._hash_lock:
            return _matches(stored.admin_hash, secret)

    def make_setup_code(self) -> str:
        """A new set-up code, for one use within one hour. An earlier code becomes invalid. Raises AccountError."""
        code = "-".join("".join(secrets.choice(_CODE_LETTERS) for _ in range(4)) for _ in range(3))
        expires_at = self._now() + SETUP_CODE_VALID_S
        with self._exclusive() as stored:
            self._save(replace(stored, setup_code_hash=_HASHER.hash(code), setup_code_expires_at=expires_at))
        return code

    def set_admin_password(self, setup_code: str, password: str) -> bool:
        """Set the administrator's password. Uses the set-up code up. False if the code is wrong. Raises AccountError.

        Of several calls with one code, also of several processes, one at most returns True.
        """
        with self._exclusive() as stored:
            valid = self._now() <= stored.setup_code_expires_at
            if not valid or not _matches(stored.setup_code_hash, setup_code.strip().upper()):
                return False
            hashed = _HASHER.hash(password)
            self._save(replace(stored, admin_hash=hashed, setup_code_hash="", setup_code_expires_at=0.0))
        return True

    @contextmanager
    def _exclusive(self) -> Iterator[_StoredAccounts]:
        """The accounts, while no other thread or process changes them. The lock is on the folder, which may be read-only."""
        with self._hash_lock:
            try:
                folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                raise AccountError(f"{self._path.parent} cannot be opened: {error.strerror}", error.errno) from error
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                yield self._load()
            finally:
                os.close(folder)

    def _load(self) -> _StoredAccounts:
        try:
            return _STORED_ADAPTER.validate_json(self._path.read_bytes(), strict=True, extra="forbid")
        except FileNotFoundError:
            return _StoredAccounts()
        except OSError as error:
            raise AccountError(f"{self._path} cannot be read: {error.strerror}", error.errno) from error
        except ValidationError as error:
            raise AccountError(f"{self._path} is damaged; delete it and run: kiosk web setup") from error

    def _save(self, accounts: _StoredAccounts) -> None:
        content = json.dumps(asdict(accounts)).encode()
        try:  # `sudo kiosk web setup` writes for the user of the web UI
            atomic_files.write_file(self._path, content, mode=0o600, owner_of_folder=True)
        except OSError as error:
            raise AccountError(
                f"{self._path} cannot be written: {error.strerror}; check web.state_dir", error.errno
            ) from error


def _matches(hashed: str, secret: str) -> bool:
    """Whether the hash is that of the secret. Takes 7 MiB: the caller holds the lock."""
    if not hashed or len(secret) > MAX_SECRET_LENGTH:
        return False
    try:
        return _HASHER.verify(hashed, secret)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):  # a lone surrogate is no secret of ours
        return False


def is_valid_password(password: str) -> bool:
    """Whether the length is allowed."""
    return MIN_PASSWORD_LENGTH <= len(password) <= MAX_SECRET_LENGTH
