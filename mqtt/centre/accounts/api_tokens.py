"""Tokens with which programs read at the centre what an account may see. The database has their hashes only."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mqtt.centre.accounts.accounts import hash_token
from mqtt.centre.ingest.database import Query

PREFIX = "entrance_"
"""So that a scanner for secrets recognises a token that stands in a file."""
MAX_DAYS = 400
MAX_LABEL_LENGTH = 60
MAX_TOKENS = 20
"""Of one account."""
_USED_RESOLUTION = timedelta(minutes=1)
"""How often the last use is written."""


class ApiTokenError(ValueError):
    """The token was not made. The text says why."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One token, without its secret."""

    number: int
    account: str
    label: str
    """What it is for."""
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


def create_token(query: Query, account: str, label: str, days: int, now: datetime) -> str:
    """A new token of an account. It is returned once, and never again. Raises ApiTokenError."""
    label = " ".join(label.split())[:MAX_LABEL_LENGTH]
    if not label or not 1 <= days <= MAX_DAYS:
        raise ApiTokenError(f"a token has a label, and 1 to {MAX_DAYS} days")
    if not query("SELECT 1 FROM account WHERE name = ?", [account]):
        raise ApiTokenError(f"there is no account {account}")
    query("DELETE FROM api_token WHERE expires_at <= ?", [_text(now)])
    if len(read_tokens(query, account)) >= MAX_TOKENS:
        raise ApiTokenError(f"the account has {MAX_TOKENS} tokens already")
    token = PREFIX + secrets.token_urlsafe(32)
    query(
        "INSERT INTO api_token (token_hash, account, label, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
        [hash_token(token), account, label, _text(now), _text(now + timedelta(days=days))],
    )
    return token


def find_token(query: Query, token: str, now: datetime) -> ApiToken | None:
    """The token, if it is valid and its account is open. Its last use is written."""
    if not token.startswith(PREFIX):
        return None
    rows = query(
        "SELECT api_token.*, until FROM api_token JOIN account ON name = account WHERE token_hash = ?",
        [hash_token(token)],
    )
    if not rows:
        return None
    found, until = _token(rows[0]), rows[0]["until"]
    if now >= found.expires_at or (until is not None and now.date().isoformat() >= until):
        return None
    if found.used_at is None or now - found.used_at > _USED_RESOLUTION:
        query("UPDATE api_token SET used_at = ? WHERE number = ?", [_text(now), found.number])
    return found


def read_tokens(query: Query, account: str) -> list[ApiToken]:
    """Those of an account, newest first, also expired ones."""
    return [_token(row) for row in query("SELECT * FROM api_token WHERE account = ? ORDER BY number DESC", [account])]


def revoke_token(query: Query, account: str, number: int) -> bool:
    """Delete one token of an account. Returns whether there was one."""
    return bool(query("DELETE FROM api_token WHERE account = ? AND number = ? RETURNING number", [account, number]))


def revoke_tokens(query: Query, account: str) -> int:
    """Delete all tokens of an account. Returns how many there were."""
    return len(query("DELETE FROM api_token WHERE account = ? RETURNING number", [account]))


def _token(row: Mapping[str, Any]) -> ApiToken:
    created_at, expires_at = (datetime.fromisoformat(row[name]) for name in ("created_at", "expires_at"))
    used_at = datetime.fromisoformat(row["used_at"]) if row["used_at"] else None
    return ApiToken(int(row["number"]), row["account"], row["label"], created_at, expires_at, used_at)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
