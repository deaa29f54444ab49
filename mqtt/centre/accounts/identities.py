"""Which account a person has who signed in by a provider. An administrator sets it. No account is made by a sign-in."""

from datetime import datetime

from mqtt.centre.accounts.accounts import AccountChangeError
from mqtt.centre.ingest.database import Query

MAX_IDENTITY_LENGTH = 255


def set_identity(query: Query, account: str, identity: str) -> None:
    """What the provider calls the owner of the account. Empty: they cannot sign in by the provider. Raises AccountChangeError."""
    identity = identity.strip()
    if len(identity) > MAX_IDENTITY_LENGTH:
        raise AccountChangeError(f"an identity has at most {MAX_IDENTITY_LENGTH} characters")
    if not query("SELECT 1 FROM account WHERE name = ?", [account]):
        raise AccountChangeError(f"there is no account {account}")
    other = query("SELECT account FROM account_identity WHERE identity = ? AND account <> ?", [identity, account])
    if other:
        raise AccountChangeError(f"{other[0]['account']} has this identity")
    query("DELETE FROM account_identity WHERE account = ?", [account])
    if identity:
        query("INSERT INTO account_identity VALUES (?, ?)", [account, identity])


def read_identity(query: Query, account: str) -> str:
    """What the provider calls the owner of the account. Empty: it is not known."""
    rows = query("SELECT identity FROM account_identity WHERE account = ?", [account])
    return str(rows[0]["identity"]) if rows else ""


def find_account(query: Query, identity: str, now: datetime) -> str:
    """The name of the open account with exactly this identity. Empty: there is none."""
    rows = query(
        "SELECT name, until FROM account JOIN account_identity ON account = name WHERE identity = ?", [identity]
    )
    if not rows or (rows[0]["until"] is not None and now.date().isoformat() >= rows[0]["until"]):
        return ""
    return str(rows[0]["name"])
