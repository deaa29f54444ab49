"""The tables of a centre in SQLite, and how a newer release migrates them."""

import sqlite3
from collections.abc import Sequence

APPLICATION_ID = 0x48554543  # "HUEC": tells a centre's file from any other SQLite database (PRAGMA application_id)

# A released step is never edited. A new step is added at the end. PRAGMA user_version counts the steps taken.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE device (
        number INTEGER PRIMARY KEY,
        topic_prefix TEXT NOT NULL, site TEXT NOT NULL, device TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT '', state_reason TEXT NOT NULL DEFAULT '', state_at TEXT,
        last_seen_at TEXT NOT NULL, software_version TEXT NOT NULL DEFAULT '',
        UNIQUE (topic_prefix, site, device)
    ) STRICT;
    CREATE TABLE stream (
        number INTEGER PRIMARY KEY,
        device INTEGER NOT NULL REFERENCES device (number),
        epoch TEXT NOT NULL,
        duplicates INTEGER NOT NULL DEFAULT 0,
        conflicts INTEGER NOT NULL DEFAULT 0,
        newest_seq INTEGER NOT NULL DEFAULT 0,
        UNIQUE (device, epoch)
    ) STRICT;
    CREATE TABLE seq_range (
        stream INTEGER NOT NULL REFERENCES stream (number),
        first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
        PRIMARY KEY (stream, first_seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE event (
        device INTEGER NOT NULL REFERENCES device (number),
        id BLOB NOT NULL,
        stream INTEGER NOT NULL REFERENCES stream (number),
        seq INTEGER NOT NULL,
        occurred_at TEXT NOT NULL, monotonic_s REAL NOT NULL, boot_id TEXT NOT NULL, clock_quality TEXT NOT NULL,
        outcome TEXT NOT NULL, reason TEXT NOT NULL, direction TEXT, kind TEXT, assurance TEXT,
        pseudonym TEXT NOT NULL, sealed BLOB NOT NULL, code_bytes INTEGER NOT NULL,
        received_at TEXT NOT NULL,
        annuls BLOB, manual_reason TEXT,
        PRIMARY KEY (device, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX event_annuls ON event (device, annuls) WHERE annuls IS NOT NULL;
    CREATE TABLE boot_clock (
        device INTEGER NOT NULL REFERENCES device (number),
        boot_id TEXT NOT NULL,
        offset_s REAL NOT NULL,
        PRIMARY KEY (device, boot_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE rejected (
        device INTEGER NOT NULL REFERENCES device (number),
        id TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (device, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE invalid_message (reason TEXT PRIMARY KEY, times INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE notice (
        device INTEGER NOT NULL REFERENCES device (number),
        epoch TEXT NOT NULL,
        number INTEGER NOT NULL,
        kind TEXT NOT NULL, at TEXT NOT NULL, first_seq INTEGER, last_seq INTEGER,
        count INTEGER NOT NULL, detail TEXT NOT NULL,
        PRIMARY KEY (device, epoch, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE unsealing (
        number INTEGER PRIMARY KEY,
        at TEXT NOT NULL, requested_by TEXT NOT NULL, reason TEXT NOT NULL, query TEXT NOT NULL, events INTEGER NOT NULL
    ) STRICT;
    CREATE VIEW event_with_corrected_time AS
        SELECT event.*, CASE
            WHEN clock_quality = 'synchronised' THEN occurred_at
            WHEN offset_s IS NOT NULL
                THEN strftime('%Y-%m-%dT%H:%M:%f', monotonic_s + offset_s, 'unixepoch') || '+00:00'
            WHEN clock_quality = 'free-running' THEN occurred_at
            END AS corrected_at
        FROM event LEFT JOIN boot_clock USING (device, boot_id);
    CREATE VIEW effective_event AS
        SELECT * FROM event_with_corrected_time AS timed WHERE annuls IS NULL AND NOT EXISTS (
            SELECT 1 FROM event AS reversal WHERE reversal.device = timed.device AND reversal.annuls = timed.id);
    """,
    """
    CREATE TABLE device_limit (
        device INTEGER NOT NULL REFERENCES device (number),
        reason TEXT NOT NULL, times INTEGER NOT NULL,
        PRIMARY KEY (device, reason)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE operator_action (
        number INTEGER PRIMARY KEY,
        at TEXT NOT NULL, action TEXT NOT NULL, requested_by TEXT NOT NULL, reason TEXT NOT NULL,
        site TEXT NOT NULL, device TEXT NOT NULL, details TEXT NOT NULL
    ) STRICT;
    CREATE TABLE acknowledged_gap (
        stream INTEGER NOT NULL REFERENCES stream (number),
        first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
        PRIMARY KEY (stream, first_seq)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE device ADD COLUMN retired_at TEXT;
    DROP VIEW effective_event;
    DROP VIEW event_with_corrected_time;
    CREATE VIEW event_with_corrected_time AS
        SELECT event.*, CASE
            WHEN occurred_at NOT BETWEEN '1970-01-01' AND '2200-01-01' THEN NULL
            WHEN clock_quality = 'synchronised' THEN occurred_at
            WHEN offset_s IS NOT NULL AND monotonic_s + offset_s BETWEEN 0 AND 7258118400
                THEN strftime('%Y-%m-%dT%H:%M:%f', monotonic_s + offset_s, 'unixepoch') || '+00:00'
            WHEN clock_quality = 'free-running' THEN occurred_at
            END AS corrected_at
        FROM event LEFT JOIN boot_clock USING (device, boot_id);
    CREATE VIEW effective_event AS
        SELECT * FROM event_with_corrected_time AS timed WHERE annuls IS NULL AND NOT EXISTS (
            SELECT 1 FROM event AS reversal WHERE reversal.device = timed.device AND reversal.annuls = timed.id);
    """,
    """
    ALTER TABLE device ADD COLUMN last_health_at TEXT;
    ALTER TABLE device ADD COLUMN clock_quality TEXT NOT NULL DEFAULT '';
    ALTER TABLE device ADD COLUMN epoch TEXT NOT NULL DEFAULT '';
    ALTER TABLE device ADD COLUMN reported_seq INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE device ADD COLUMN backlog INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE device ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE annulment (
        device INTEGER NOT NULL, id BLOB NOT NULL, is_pending INTEGER NOT NULL,
        PRIMARY KEY (device, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX annulment_pending ON annulment (device) WHERE is_pending;
    INSERT INTO annulment
        SELECT DISTINCT device, annuls, NOT EXISTS (
            SELECT 1 FROM event AS target WHERE target.device = event.device AND target.id = event.annuls)
        FROM event WHERE annuls IS NOT NULL;
    CREATE TABLE hourly (
        device INTEGER NOT NULL, hour TEXT NOT NULL, direction TEXT NOT NULL, result TEXT NOT NULL,
        reason TEXT NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL,
        PRIMARY KEY (device, hour, direction, result, reason, kind)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX hourly_hour ON hourly (hour);
    CREATE INDEX event_occurred ON event (device, occurred_at);
    CREATE INDEX event_undated ON event (device, boot_id) WHERE clock_quality <> 'synchronised'
        OR occurred_at NOT BETWEEN '1970-01-01' AND '2200-01-01';
    DROP VIEW effective_event;
    CREATE VIEW effective_event AS
        SELECT * FROM event_with_corrected_time AS timed WHERE annuls IS NULL AND NOT EXISTS (
            SELECT 1 FROM annulment WHERE annulment.device = timed.device AND annulment.id = timed.id);
    CREATE VIEW undated_event AS
        SELECT * FROM effective_event WHERE clock_quality <> 'synchronised'
        OR occurred_at NOT BETWEEN '1970-01-01' AND '2200-01-01';
    CREATE VIEW dated_event AS
        SELECT *, substr(occurred_at, 1, 10) AS day FROM effective_event WHERE NOT (clock_quality <> 'synchronised'
        OR occurred_at NOT BETWEEN '1970-01-01' AND '2200-01-01');
    INSERT INTO hourly
        SELECT device, strftime('%Y-%m-%dT%H:00:00.000+00:00', coalesce(corrected_at, received_at)), coalesce(direction, ''),
            outcome, reason, coalesce(kind, ''), count(*)
        FROM effective_event GROUP BY 1, 2, 3, 4, 5, 6;
    """,
    "ALTER TABLE device ADD COLUMN findings TEXT NOT NULL DEFAULT '[]'",
)


class IncompatibleLedgerError(sqlite3.DatabaseError):
    """The file exists, but this release cannot use it. The text says why."""


def migrate(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Take the missing steps in one transaction. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        steps_taken = _steps_taken(connection, len(migrations))
        for step in migrations[steps_taken:]:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
        if steps_taken < len(migrations):  # a start on a full disk writes nothing
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _steps_taken(connection: sqlite3.Connection, known_steps: int) -> int:
    """How many steps this file has taken. Raises IncompatibleLedgerError."""
    version, owner, tables = (
        int(connection.execute(query).fetchone()[0])
        for query in ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_schema")
    )
    if owner != APPLICATION_ID and tables:
        raise IncompatibleLedgerError("it is a database of another program; nothing in it was changed")
    if version > known_steps:
        raise IncompatibleLedgerError(
            f"it was written by a newer release (schema {version}, not {known_steps}); update the centre"
        )
    return version
