"""The second factor of an account: codes of an authenticator app (TOTP, RFC 6238), and the sign-in that waits for one."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyotp

from mqtt.centre.accounts.accounts import hash_token
from mqtt.centre.accounts.audit import take_turn
from mqtt.centre.ingest.database import Query

STEP_S = 30
DIGITS = 6
ALLOWED_STEPS = (-1, 0, 1)
"""The clock of a telephone may differ by half a minute (RFC 6238, 5.2)."""
SIGN_IN_TIMEOUT = timedelta(minutes=5)
MAX_ATTEMPTS = 5
"""Codes that are compared for one password. Then it is asked for again."""


@dataclass(frozen=True, slots=True)
class WaitingSignIn:
    """A person who gave the right password, and not yet the code."""

    account: str
    attempts_left: int


def has_second_factor(query: Query, account: str) -> bool:
    """Whether a sign-in of this account needs a code."""
    return bool(query("SELECT 1 FROM account_totp WHERE account = ? AND confirmed_at IS NOT NULL", [account]))


def begin_second_factor(query: Query, account: str) -> str:
    """A new secret in base32, which counts once `confirm_second_factor` got a code of it. A confirmed one is never replaced."""
    secret = pyotp.random_base32()
    rows = query(
        "INSERT INTO account_totp VALUES (?, ?, NULL, 0) ON CONFLICT (account) DO UPDATE SET secret = excluded.secret "
        "WHERE account_totp.confirmed_at IS NULL RETURNING secret",
        [account, secret],
    )
    if not rows:
        raise SecondFactorError("there is a second factor already")
    return secret


class SecondFactorError(ValueError):
    """The second factor was not changed."""


def pending_secret(query: Query, account: str) -> str | None:
    """The secret that waits for its first code."""
    rows = query("SELECT secret FROM account_totp WHERE account = ? AND confirmed_at IS NULL", [account])
    return str(rows[0]["secret"]) if rows else None


def setup_address(secret: str, account: str, issuer: str) -> str:
    """What the QR code for an authenticator app says: `otpauth://totp/...`."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S).provisioning_uri(name=account, issuer_name=issuer)


def confirm_second_factor(query: Query, account: str, code: str, now: datetime) -> bool:
    """Switch the second factor on if the code is one of its secret."""
    if pending_secret(query, account) is None or not check_code(query, account, code, now):
        return False
    query("UPDATE account_totp SET confirmed_at = ? WHERE account = ?", [_text(now), account])
    return True


def remove_second_factor(query: Query, account: str) -> bool:
    """Switch it off. Returns whether there was one, confirmed or not."""
    query("DELETE FROM sign_in_step WHERE account = ?", [account])
    return bool(query("DELETE FROM account_totp WHERE account = ? RETURNING account", [account]))


def check_code(query: Query, account: str, code: str, now: datetime) -> bool:
    """Whether this is a code of the account that was never accepted before. It is then used up, and so are all older ones."""
    take_turn(query)
    rows = query("SELECT secret, used_step FROM account_totp WHERE account = ?", [account])
    given = "".join(code.split())
    if not rows or len(given) != DIGITS or not (given.isascii() and given.isdigit()):
        return False
    totp, present = pyotp.TOTP(rows[0]["secret"], digits=DIGITS, interval=STEP_S), int(now.timestamp()) // STEP_S
    matching = [
        present + shift
        for shift in ALLOWED_STEPS
        if hmac.compare_digest(totp.generate_otp(present + shift), given) and present + shift > rows[0]["used_step"]
    ]
    if not matching:
        return False
    query("UPDATE account_totp SET used_step = ? WHERE account = ?", [max(matching), account])
    return True


def begin_waiting(query: Query, account: str, now: datetime) -> str:
    """Remember that the password was right. Returns the token of the browser. Deletes those that expired."""
    token = secrets.token_urlsafe(32)
    query("DELETE FROM sign_in_step WHERE created_at < ?", [_text(now - SIGN_IN_TIMEOUT)])
    query("INSERT INTO sign_in_step VALUES (?, ?, ?, 0)", [hash_token(token), account, _text(now)])
    return token


def find_waiting(query: Query, token: str, now: datetime) -> WaitingSignIn | None:
    """Who waits with this token. None: it expired, was used, or had too many attempts."""
    rows = query("SELECT account, created_at, attempts FROM sign_in_step WHERE token_hash = ?", [hash_token(token)])
    if not rows or now - datetime.fromisoformat(rows[0]["created_at"]) > SIGN_IN_TIMEOUT:
        return None
    left = MAX_ATTEMPTS - int(rows[0]["attempts"])
    return WaitingSignIn(rows[0]["account"], left) if left > 0 else None


def count_attempt(query: Query, token: str) -> bool:
    """Before the code is compared, and committed before it. False: there were too many, also of several at once."""
    return bool(
        query(
            "UPDATE sign_in_step SET attempts = attempts + 1 WHERE token_hash = ? AND attempts < ? RETURNING account",
            [hash_token(token), MAX_ATTEMPTS],
        )
    )


def end_waiting(query: Query, token: str) -> None:
    """The code was right."""
    query("DELETE FROM sign_in_step WHERE token_hash = ?", [hash_token(token)])


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
