"""The tables of commands, of their replies, and of what devices said when they connected."""

from mqtt.centre.accounts.schema import prepare_accounts
from mqtt.centre.schema_parts import prepare_part

PART = "remote"
STEPS = (
    """
    CREATE TABLE remote_device (
        device TEXT PRIMARY KEY, session TEXT NOT NULL, hello_at TEXT NOT NULL, software_version TEXT NOT NULL,
        commands TEXT NOT NULL, lists TEXT NOT NULL, counter BIGINT NOT NULL
    );
    CREATE TABLE remote_command (
        number {identity}, id TEXT NOT NULL UNIQUE, device TEXT NOT NULL, name TEXT NOT NULL, arguments TEXT NOT NULL,
        requested_by TEXT NOT NULL, reason TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT NOT NULL,
        state TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL, count BIGINT, parts INTEGER NOT NULL,
        sha256 TEXT NOT NULL, changed_at TEXT NOT NULL
    );
    CREATE INDEX remote_command_open ON remote_command (expires_at) WHERE state IN ('waiting', 'sent', 'accepted');
    CREATE INDEX remote_command_device ON remote_command (device, number);
    CREATE TABLE remote_content (
        command TEXT NOT NULL, part INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (command, part)
    )
    """,
    """
    ALTER TABLE remote_device ADD COLUMN list_errors TEXT NOT NULL DEFAULT '{{}}';
    ALTER TABLE remote_device ADD COLUMN tried TEXT NOT NULL DEFAULT '{{}}';
    ALTER TABLE remote_device ADD COLUMN behind INTEGER NOT NULL DEFAULT 1;
    CREATE INDEX remote_device_behind ON remote_device (device) WHERE behind = 1;
    CREATE TABLE list_version (
        kind TEXT NOT NULL, number BIGINT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, content TEXT NOT NULL,
        published_at TEXT NOT NULL, PRIMARY KEY (kind, number)
    );
    CREATE TABLE list_delta (
        kind TEXT NOT NULL, base BIGINT NOT NULL, number BIGINT NOT NULL, content TEXT NOT NULL,
        PRIMARY KEY (kind, base, number)
    )
    """,
)


def prepare_remote(database: str) -> None:
    """Make these tables, and those of accounts and registry, where they are missing. Raises LedgerError."""
    prepare_accounts(database)
    prepare_part(database, PART, STEPS)
