"""The tables of desired settings, of their history, and of what devices said about their configuration."""

from mqtt.centre.remote.schema import prepare_remote
from mqtt.centre.schema_parts import prepare_part

PART = "configuration"
STEPS = (
    """
    CREATE TABLE config_value (
        scope TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, changed_by TEXT NOT NULL, changed_at TEXT NOT NULL,
        reason TEXT NOT NULL, PRIMARY KEY (scope, name)
    );
    CREATE TABLE config_change (
        number {identity}, scope TEXT NOT NULL, name TEXT NOT NULL, old_value TEXT, new_value TEXT,
        changed_by TEXT NOT NULL, changed_at TEXT NOT NULL, reason TEXT NOT NULL
    );
    CREATE TABLE config_device (
        device TEXT PRIMARY KEY, sha256 TEXT NOT NULL, counter BIGINT NOT NULL, tried_sha256 TEXT NOT NULL,
        state TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL, local TEXT NOT NULL, reported_at TEXT NOT NULL,
        behind INTEGER NOT NULL, again_sha256 TEXT NOT NULL
    );
    CREATE INDEX config_device_behind ON config_device (device) WHERE behind = 1
    """,
)


def prepare_configuration(database: str) -> None:
    """Make these tables, and those of commands, where they are missing. Raises LedgerError."""
    prepare_remote(database)
    prepare_part(database, PART, STEPS)
