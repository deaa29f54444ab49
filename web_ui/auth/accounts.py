"""Who may do more than look: the administrator's password, the guard's PIN, the set-up code; argon2 hashes in one file.

There is no default password. Until an administrator is set up, the only way in is the set-up code, which only somebody
knows who reads the journal or runs `kiosk web setup` on the machine.
"""

import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kiosk.core.ports import KioskError

ACCOUNTS_FILE = "accounts.json"
MIN_PASSWORD = 10
PIN = re.compile(r"[0-9]{6,12}")
MAX_SECRET = 256
CODE_S = 3600.0
"""How long a set-up code is good for."""

_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that is mistaken for something else
# OWASP's smallest equivalent of its first choice (7 MiB, 5 passes, 1 lane): a Pi has little memory, and the page a budget.
_HASHER = PasswordHasher(time_cost=5, memory_cost=7168, parallelism=1)


class Role(StrEnum):
    """What somebody may do."""

    GUARD = "guard"
    ADMIN = "admin"


class AccountTrouble(KioskError):
    """The accounts cannot be kept."""


@dataclass(frozen=True, slots=True)
class _Kept:
    admin: str = ""
    guard: str = ""
    code: str = ""
    code_until: float = 0.0
    """Unix time."""


class Accounts:
    """One file of hashes in `folder`, which must exist; any thread. Read afresh each time: `kiosk web setup` writes it as well."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._path = folder / ACCOUNTS_FILE
        self._now = now
        self._busy = threading.Lock()  # one hash at a time: each takes 7 MiB

    @property
    def has_admin(self) -> bool:
        """Somebody set the administrator's password."""
        return bool(self._load().admin)

    @property
    def has_guard(self) -> bool:
        """Somebody set the guard's PIN."""
        return bool(self._load().guard)

    def check(self, role: Role, secret: str) -> bool:
        """Is this the role's password or PIN?"""
        kept = self._load()
        return self._matches(kept.admin if role is Role.ADMIN else kept.guard, secret)

    def make_code(self) -> str:
        """A new set-up code, for one use within the hour; the one before it is void. Raises AccountTrouble."""
        code = "-".join("".join(secrets.choice(_CODE_LETTERS) for _ in range(4)) for _ in range(3))
        with self._busy:
            hashed = _HASHER.hash(code)
        self._keep(replace(self._load(), code=hashed, code_until=self._now() + CODE_S))
        return code

    def set_up(self, code: str, password: str) -> bool:
        """Set the administrator's password with a set-up code, which is used up. Raises AccountTrouble."""
        kept = self._load()
        if self._now() > kept.code_until or not self._matches(kept.code, code.strip().upper()):
            return False
        with self._busy:
            hashed = _HASHER.hash(password)
        self._keep(replace(kept, admin=hashed, code="", code_until=0.0))
        return True

    def set_pin(self, pin: str) -> None:
        """Set the guard's PIN. Raises AccountTrouble."""
        with self._busy:
            hashed = _HASHER.hash(pin)
        self._keep(replace(self._load(), guard=hashed))

    def _matches(self, hashed: str, secret: str) -> bool:
        if not hashed or len(secret) > MAX_SECRET:
            return False
        with self._busy:
            try:
                return _HASHER.verify(hashed, secret)
            except (VerificationError, InvalidHashError):
                return False

    def _load(self) -> _Kept:
        try:
            return _Kept(**json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return _Kept()
        except (OSError, ValueError, TypeError) as trouble:
            raise AccountTrouble(
                f"{self._path} cannot be read ({trouble}); delete it and run: kiosk web setup"
            ) from trouble

    def _keep(self, kept: _Kept) -> None:
        draft = self._path.with_suffix(".new")
        try:
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                if os.geteuid() == 0:  # `sudo kiosk web setup` writes for the page's own user
                    folder = self._path.parent.stat()
                    os.fchown(file.fileno(), folder.st_uid, folder.st_gid)
                json.dump(asdict(kept), file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as trouble:
            raise AccountTrouble(
                f"{self._path} cannot be written: {trouble.strerror}; check page.state_dir"
            ) from trouble


def good_password(password: str) -> bool:
    """Long enough, and not absurdly long."""
    return MIN_PASSWORD <= len(password) <= MAX_SECRET


def good_pin(pin: str) -> bool:
    """Six to twelve digits."""
    return bool(PIN.fullmatch(pin))
