"""The tables of enrolment: settings, invitations with their requests, and certificates of devices."""

from mqtt.centre.alerts.store import prepare_alerts
from mqtt.centre.ingest.database import Query
from mqtt.centre.schema_parts import prepare_part

PART = "enrolment"
STEPS = (
    """
    CREATE TABLE enrolment_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE enrolment (
        number {identity}, site TEXT NOT NULL, device TEXT NOT NULL, token_hash TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT NOT NULL, created_by TEXT NOT NULL,
        requested_at TEXT, key_hash TEXT, public_key TEXT, hardware_serial TEXT, address TEXT,
        decided_at TEXT, decided_by TEXT, certificate_serial TEXT,
        conflicts INTEGER NOT NULL DEFAULT 0, conflict_at TEXT, conflict_address TEXT
    );
    CREATE INDEX enrolment_device ON enrolment (site, device);
    CREATE INDEX enrolment_conflict ON enrolment (conflict_at);
    CREATE TABLE device_certificate (
        serial TEXT PRIMARY KEY, site TEXT NOT NULL, device TEXT NOT NULL, key_hash TEXT NOT NULL, origin TEXT NOT NULL,
        issued_at TEXT NOT NULL, expires_at TEXT NOT NULL, pem TEXT NOT NULL,
        revoked_at TEXT, revoked_by TEXT, revoked_why TEXT
    );
    CREATE INDEX device_certificate_device ON device_certificate (site, device)
    """,
)


def prepare_enrolment(database: str) -> None:
    """Make these tables, and those of alerts, accounts and registry, where they are missing. Raises LedgerError."""
    prepare_alerts(database)
    prepare_part(database, PART, STEPS)


def wait_for_writers(query: Query) -> None:
    """Begin a transaction that reads, decides and writes. SQLite refuses a write after a read that is no longer the newest."""
    query("UPDATE audit_head SET number = number WHERE singleton = 1")
