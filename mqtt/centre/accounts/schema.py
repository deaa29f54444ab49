"""The tables of accounts, roles, second factors, sessions, tokens and the audit."""

from mqtt.centre.registry.store import prepare_registry
from mqtt.centre.schema_parts import prepare_part

PART = "accounts"
STEPS = (
    """
    CREATE TABLE account (
        name TEXT PRIMARY KEY, display_name TEXT NOT NULL, argon2 TEXT NOT NULL, created_at TEXT NOT NULL, until TEXT
    );
    CREATE TABLE account_role (
        account TEXT NOT NULL REFERENCES account (name), role TEXT NOT NULL, area INTEGER NOT NULL,
        PRIMARY KEY (account, role, area)
    );
    CREATE TABLE web_session (
        token_hash TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (name), created_at TEXT NOT NULL,
        used_at TEXT NOT NULL, address TEXT NOT NULL
    );
    CREATE INDEX web_session_account ON web_session (account);
    CREATE TABLE audit (
        number INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, about TEXT NOT NULL,
        area INTEGER NOT NULL, why TEXT NOT NULL, previous_hash TEXT NOT NULL, hash TEXT NOT NULL
    );
    CREATE TABLE audit_head (singleton INTEGER PRIMARY KEY, number INTEGER NOT NULL, hash TEXT NOT NULL);
    INSERT INTO audit_head VALUES (1, 0, '')
    """,
    """
    CREATE TABLE account_totp (
        account TEXT PRIMARY KEY REFERENCES account (name), secret TEXT NOT NULL, confirmed_at TEXT, used_step BIGINT NOT NULL
    );
    CREATE TABLE sign_in_step (
        token_hash TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (name), created_at TEXT NOT NULL,
        attempts INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE api_token (
        number {identity}, token_hash TEXT NOT NULL UNIQUE, account TEXT NOT NULL REFERENCES account (name), label TEXT NOT NULL,
        created_at TEXT NOT NULL, expires_at TEXT NOT NULL, used_at TEXT
    );
    CREATE INDEX api_token_account ON api_token (account)
    """,
    """
    CREATE TABLE account_identity (account TEXT PRIMARY KEY REFERENCES account (name), identity TEXT NOT NULL UNIQUE)
    """,
)


def prepare_accounts(database: str) -> None:
    """Make these tables and those of the registry where they are missing. Raises LedgerError."""
    prepare_registry(database)
    prepare_part(database, PART, STEPS)
