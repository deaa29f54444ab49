"""Accounts by name with argon2 passwords, their roles, and the sessions of the pages. All in the centre's database."""

import hashlib
import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mqtt.centre.accounts.roles import Grant, OfficerRole
from mqtt.centre.ingest.database import Query

NAME_PATTERN = re.compile(r"[a-z][a-z0-9.-]{1,39}")
MIN_PASSWORD_LENGTH = 12
MAX_PASSWORD_LENGTH = 256
SESSION_IDLE = timedelta(minutes=30)
SESSION_MAX = timedelta(hours=12)
_USED_RESOLUTION = timedelta(minutes=1)
"""How often the last use of a session is written."""

# One of OWASP's equivalent settings (7 MiB, 5 passes, 1 lane).
_HASHER = PasswordHasher(time_cost=5, memory_cost=7168, parallelism=1)
_HASH_LOCK = threading.Lock()  # one hash at a time: each takes 7 MiB
_NO_PASSWORD = _HASHER.hash(secrets.token_urlsafe(16))
"""Compared for a name without an account, so that the time of an answer does not tell which names exist."""


class AccountChangeError(ValueError):
    """The account was not changed. The text says why."""


@dataclass(frozen=True, slots=True)
class Account:
    """One person who may sign in."""

    name: str
    display_name: str
    until: date | None
    """First day on which the account is closed."""
    grants: tuple[Grant, ...]

    def is_open(self, day: date) -> bool:
        """Whether the account may sign in on that day."""
        return self.until is None or day < self.until


@dataclass(frozen=True, slots=True)
class WebSession:
    """One login. `number` names it on a page without giving its token away."""

    number: str
    account: str
    created_at: datetime
    used_at: datetime
    address: str


def add_account(query: Query, name: str, display_name: str, password: str, now: datetime) -> None:
    """A new account without roles. Raises AccountChangeError."""
    if not NAME_PATTERN.fullmatch(name):
        raise AccountChangeError(f"{name!r} is not a name: 2 to 40 lower-case letters, digits, dots and hyphens")
    if query("SELECT 1 FROM account WHERE name = ?", [name]):
        raise AccountChangeError(f"there is an account {name} already")
    hashed = _hash_password(password)
    values = [name, display_name.strip()[:100] or name, hashed, _text(now)]
    query("INSERT INTO account VALUES (?, ?, ?, ?, NULL)", values)


def set_password(query: Query, name: str, password: str) -> None:
    """A new password. Ends all sessions of the account. Raises AccountChangeError."""
    hashed = _hash_password(password)
    if not query("UPDATE account SET argon2 = ? WHERE name = ? RETURNING name", [hashed, name]):
        raise AccountChangeError(f"there is no account {name}")
    end_sessions(query, name)


def set_roles(query: Query, name: str, grants: Sequence[Grant]) -> None:
    """Replace the roles of an account. They are in force with its next request. Raises AccountChangeError."""
    if not query("SELECT 1 FROM account WHERE name = ?", [name]):
        raise AccountChangeError(f"there is no account {name}")
    query("DELETE FROM account_role WHERE account = ?", [name])
    for grant in dict.fromkeys(grants):
        query("INSERT INTO account_role VALUES (?, ?, ?)", [name, grant.role.value, grant.area])


def close_account(query: Query, name: str, until: date | None) -> None:
    """Close an account from a day on, or open it again with None. A closed account has no sessions. Raises AccountChangeError."""
    text = until.isoformat() if until else None
    if not query("UPDATE account SET until = ? WHERE name = ? RETURNING name", [text, name]):
        raise AccountChangeError(f"there is no account {name}")
    if until is not None:
        end_sessions(query, name)


def read_accounts(query: Query, name: str | None = None) -> list[Account]:
    """All accounts by name, or one."""
    where, values = ("WHERE name = ?", [name]) if name is not None else ("", [])
    grants: dict[str, list[Grant]] = {}
    for row in query("SELECT account, role, area FROM account_role ORDER BY account, role, area"):
        if row["role"] in set(OfficerRole):
            grants.setdefault(row["account"], []).append(Grant(OfficerRole(row["role"]), row["area"]))
    return [
        Account(row["name"], row["display_name"], _day(row["until"]), tuple(grants.get(row["name"], ())))
        for row in query(f"SELECT name, display_name, until FROM account {where} ORDER BY name", values)  # noqa: S608 - constants
    ]


def may_sign_in(query: Query, name: str, password: str, now: datetime) -> bool:
    """Whether this is the password of an account that is open. A hash takes about 20 ms and 7 MiB."""
    rows = query("SELECT argon2, until FROM account WHERE name = ?", [name])
    matches = _matches(rows[0]["argon2"] if rows else _NO_PASSWORD, password)
    until = _day(rows[0]["until"]) if rows else None
    return bool(rows) and matches and (until is None or now.date() < until)


def begin_session(query: Query, name: str, address: str, now: datetime) -> str:
    """A new session of an account whose owner proved who they are. Returns its token. Deletes the expired ones."""
    token = secrets.token_urlsafe(32)
    oldest = _text(now - SESSION_MAX)
    query("DELETE FROM web_session WHERE created_at < ?", [oldest])
    query("INSERT INTO web_session VALUES (?, ?, ?, ?, ?)", [hash_token(token), name, _text(now), _text(now), address])
    return token


def is_password(query: Query, name: str, password: str) -> bool:
    """Whether this is the password of the account."""
    rows = query("SELECT argon2 FROM account WHERE name = ?", [name])
    return _matches(rows[0]["argon2"] if rows else _NO_PASSWORD, password) and bool(rows)


def find_session(query: Query, token: str, now: datetime) -> WebSession | None:
    """The session of a token, prolonged. None if it ended, expired, or its account is closed."""
    hashed = hash_token(token)
    rows = query(
        "SELECT web_session.*, until FROM web_session JOIN account ON name = account WHERE token_hash = ?", [hashed]
    )
    if not rows:
        return None
    found, until = _session(rows[0]), _day(rows[0]["until"])
    if until is not None and now.date() >= until:
        return None
    if now - found.used_at > SESSION_IDLE or now - found.created_at > SESSION_MAX:
        return None
    if now - found.used_at > _USED_RESOLUTION:
        query("UPDATE web_session SET used_at = ? WHERE token_hash = ?", [_text(now), hashed])
    return found


def read_sessions(query: Query, name: str, now: datetime) -> list[WebSession]:
    """The sessions of an account that have not expired, newest first."""
    rows = query("SELECT * FROM web_session WHERE account = ? ORDER BY created_at DESC", [name])
    found = [_session(row) for row in rows]
    return [one for one in found if now - one.used_at <= SESSION_IDLE and now - one.created_at <= SESSION_MAX]


def end_session(query: Query, token: str) -> None:
    """Sign out."""
    query("DELETE FROM web_session WHERE token_hash = ?", [hash_token(token)])


def end_sessions(query: Query, name: str) -> None:
    """Sign an account out everywhere."""
    query("DELETE FROM web_session WHERE account = ?", [name])


def csrf_token(token: str) -> str:
    """What every form of a session contains. It is derived from the token, and does not give it away."""
    return hashlib.blake2b(b"csrf", key=token.encode()[:64], digest_size=24).hexdigest()


def _hash_password(password: str) -> str:
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise AccountChangeError(f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters")
    try:
        with _HASH_LOCK:
            return _HASHER.hash(password)
    except UnicodeEncodeError as error:
        raise AccountChangeError("the password contains a character that cannot be stored") from error


def _matches(hashed: str, password: str) -> bool:
    if len(password) > MAX_PASSWORD_LENGTH:
        return False
    try:
        with _HASH_LOCK:
            return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):  # a lone surrogate is in no password of ours
        return False


def hash_token(token: str) -> str:
    """What is stored of a random token."""
    return hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _session(row: Mapping[str, Any]) -> WebSession:
    created_at, used_at = datetime.fromisoformat(row["created_at"]), datetime.fromisoformat(row["used_at"])
    return WebSession(row["token_hash"][:12], row["account"], created_at, used_at, row["address"])


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
