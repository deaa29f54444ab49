"""The guards of a gate: names, each with a PIN of their own, as hashes in one file.

The PIN alone says who it is, so that a guard types six digits and nothing else, and the login shows no names. All hashes have
one salt, so that one calculation compares a PIN with all of them.
"""

import fcntl
import hmac
import json
import os
import re
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw
from pydantic import TypeAdapter, ValidationError

from kiosk.system import atomic_files
from web_ui.auth.accounts import AccountError

GUARDS_FILE = "guards.json"
PIN_PATTERN = re.compile(r"[0-9]{6,12}")
MAX_GUARDS = 24
MAX_NAME_LENGTH = 40
_SALT_BYTES = 16
_KEYPAD_PATHS = ("147258369", "789456123", "159357", "159753", "147896325", "2580")


class GuardError(ValueError):
    """A name or PIN is not taken. `code` completes the message id `guards.refused.CODE`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class _StoredGuard:
    name: str
    pin_hash: str
    """Hex."""


@dataclass(frozen=True, slots=True)
class _StoredGuards:
    salt: str
    """Hex."""
    guards: tuple[_StoredGuard, ...] = ()


_ADAPTER = TypeAdapter(_StoredGuards)


class Guards:
    """One file in `folder`, which must exist. Any thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / GUARDS_FILE
        self._hash_lock = threading.Lock()  # one hash at a time: each takes 7 MiB

    def names(self) -> tuple[str, ...]:
        """All guards, in the order in which they were added. Raises AccountError."""
        return tuple(guard.name for guard in self._load().guards)

    def identify(self, pin: str) -> str | None:
        """The name of the guard with this PIN. None: it belongs to no guard. Raises AccountError."""
        if not PIN_PATTERN.fullmatch(pin):
            return None
        stored = self._load()
        with self._hash_lock:
            return _owner(stored, _hash(stored, pin))

    def set_pin(self, name: str, pin: str) -> str:
        """Add a guard, or give one a new PIN. Returns the name as it is kept. Raises GuardError and AccountError."""
        kept = clean_name(name)
        if not PIN_PATTERN.fullmatch(pin):
            raise GuardError("form")
        if is_weak_pin(pin):
            raise GuardError("weak")
        with self._exclusive() as stored:
            pin_hash = _hash(stored, pin)
            if _owner(stored, pin_hash) not in {None, kept}:
                raise GuardError("taken")
            others = tuple(guard for guard in stored.guards if guard.name != kept)
            if len(others) >= MAX_GUARDS:
                raise GuardError("too-many")
            self._save(replace(stored, guards=(*others, _StoredGuard(kept, pin_hash))))
        return kept

    def remove(self, name: str) -> bool:
        """Take the PIN of a guard away. False: there is no such guard. Raises AccountError."""
        with self._exclusive() as stored:
            kept = tuple(guard for guard in stored.guards if guard.name != name)
            if len(kept) == len(stored.guards):
                return False
            self._save(replace(stored, guards=kept))
        return True

    @contextmanager
    def _exclusive(self) -> Iterator[_StoredGuards]:
        """The guards, while no other thread or process changes them."""
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

    def _load(self) -> _StoredGuards:
        try:
            return _ADAPTER.validate_json(self._path.read_bytes(), extra="forbid")
        except FileNotFoundError:
            return _StoredGuards(secrets.token_hex(_SALT_BYTES))
        except OSError as error:
            raise AccountError(f"{self._path} cannot be read: {error.strerror}", error.errno) from error
        except ValidationError as error:
            raise AccountError(f"{self._path} is damaged; delete it and give the guards new PINs") from error

    def _save(self, guards: _StoredGuards) -> None:
        content = json.dumps(asdict(guards), ensure_ascii=False).encode()
        try:
            atomic_files.write_file(self._path, content, mode=0o600, owner_of_folder=True)
        except OSError as error:
            raise AccountError(
                f"{self._path} cannot be written: {error.strerror}; check web.state_dir", error.errno
            ) from error


def clean_name(name: str) -> str:
    """The name in one spelling. Raises GuardError."""
    kept = unicodedata.normalize("NFC", " ".join(name.split()))
    if not kept or len(kept) > MAX_NAME_LENGTH or not kept.isprintable():
        raise GuardError("name")
    return kept


def is_weak_pin(pin: str) -> bool:
    """Whether people choose such a PIN so often that it is among the first guesses: few digits, rows, repeats, dates."""
    steps = {(int(second) - int(first)) % 10 for first, second in pairwise(pin)}
    is_row = len(steps) == 1
    few_digits = len(set(pin)) < 3
    repeats = any(pin == (pin[:size] * len(pin))[: len(pin)] for size in range(1, len(pin) // 2 + 1))
    is_mirrored = pin == pin[::-1]
    doubled = all(pin[place] == pin[place + 1] for place in range(0, len(pin) - 1, 2))
    on_keypad = any(pin in line or pin[::-1] in line or pin == line for line in _KEYPAD_PATHS)
    return is_row or few_digits or repeats or is_mirrored or doubled or on_keypad or _is_date(pin)


def _is_date(pin: str) -> bool:
    """`ddmmyyyy`, `yyyymmdd` or `ddmmyy` of the last hundred years, such as a birthday."""
    if len(pin) == 8:
        return _is_day(pin[4:], pin[2:4], pin[:2]) or _is_day(pin[:4], pin[4:6], pin[6:])
    return len(pin) == 6 and (_is_day(f"20{pin[4:]}", pin[2:4], pin[:2]) or _is_day(f"19{pin[4:]}", pin[2:4], pin[:2]))


def _is_day(year: str, month: str, day: str) -> bool:
    try:
        return 1920 <= date(int(year), int(month), int(day)).year <= 2035
    except ValueError:
        return False


def _hash(stored: _StoredGuards, pin: str) -> str:
    """The settings of OWASP for little memory, as for passwords (accounts.py)."""
    salt = bytes.fromhex(stored.salt)
    return hash_secret_raw(pin.encode(), salt, 5, 7168, 1, 32, Type.ID).hex()


def _owner(stored: _StoredGuards, pin_hash: str) -> str | None:
    found = [guard.name for guard in stored.guards if hmac.compare_digest(guard.pin_hash, pin_hash)]
    return found[0] if found else None
