"""The tables of a centre in SQLite, and how those of an older release grow into them."""

import sqlite3
from collections.abc import Sequence

APPLICATION_ID = 0x48554543  # "HUEC": tells a centre's file from any other SQLite database (PRAGMA application_id)

# A released step is never edited: a new one is added at the end, and PRAGMA user_version counts the steps taken.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE device (
        number INTEGER PRIMARY KEY,
        root TEXT NOT NULL, site TEXT NOT NULL, device TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT '', state_reason TEXT NOT NULL DEFAULT '', state_at TEXT,
        last_seen_at TEXT NOT NULL, software TEXT NOT NULL DEFAULT '',
        UNIQUE (root, site, device)
    ) STRICT;
    CREATE TABLE stream (
        number INTEGER PRIMARY KEY,
        device INTEGER NOT NULL REFERENCES device (number),
        epoch TEXT NOT NULL,
        doubled INTEGER NOT NULL DEFAULT 0,
        conflicting INTEGER NOT NULL DEFAULT 0,
        newest_seq INTEGER NOT NULL DEFAULT 0,
        UNIQUE (device, epoch)
    ) STRICT;
    CREATE TABLE stretch (
        stream INTEGER NOT NULL REFERENCES stream (number),
        first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
        PRIMARY KEY (stream, first_seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE passage (
        device INTEGER NOT NULL REFERENCES device (number),
        id BLOB NOT NULL,
        stream INTEGER NOT NULL REFERENCES stream (number),
        seq INTEGER NOT NULL,
        occurred_at TEXT NOT NULL, monotonic_s REAL NOT NULL, boot TEXT NOT NULL, clock TEXT NOT NULL,
        result TEXT NOT NULL, reason TEXT NOT NULL, direction TEXT, kind TEXT, assurance TEXT,
        pseudonym TEXT NOT NULL, sealed BLOB NOT NULL, code_bytes INTEGER NOT NULL,
        received_at TEXT NOT NULL,
        PRIMARY KEY (device, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE rejected (
        device INTEGER NOT NULL REFERENCES device (number),
        id TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (device, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE boot (
        device INTEGER NOT NULL REFERENCES device (number),
        boot TEXT NOT NULL,
        offset_s REAL NOT NULL,
        PRIMARY KEY (device, boot)
    ) STRICT, WITHOUT ROWID;
    CREATE VIEW corrected AS
        SELECT passage.*, CASE
            WHEN clock = 'synchronised' THEN occurred_at
            WHEN offset_s IS NOT NULL
                THEN strftime('%Y-%m-%dT%H:%M:%f', monotonic_s + offset_s, 'unixepoch') || '+00:00'
            WHEN clock = 'free-running' THEN occurred_at
            END AS corrected_at
        FROM passage LEFT JOIN boot USING (device, boot);
    CREATE TABLE opening (
        number INTEGER PRIMARY KEY,
        at TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, what TEXT NOT NULL, passages INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE unreadable (reason TEXT PRIMARY KEY, times INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    """,
    """
    ALTER TABLE passage ADD COLUMN annuls BLOB;
    ALTER TABLE passage ADD COLUMN grounds TEXT;
    CREATE INDEX annulling ON passage (device, annuls) WHERE annuls IS NOT NULL;
    CREATE VIEW counted AS
        SELECT * FROM corrected WHERE annuls IS NULL AND NOT EXISTS (
            SELECT 1 FROM passage AS undo WHERE undo.device = corrected.device AND undo.annuls = corrected.id);
    """,
    """
    CREATE TABLE notice (
        device INTEGER NOT NULL REFERENCES device (number),
        epoch TEXT NOT NULL,
        number INTEGER NOT NULL,
        kind TEXT NOT NULL, at TEXT NOT NULL, first_seq INTEGER, last_seq INTEGER,
        count INTEGER NOT NULL, detail TEXT NOT NULL,
        PRIMARY KEY (device, epoch, number)
    ) STRICT, WITHOUT ROWID;
    """,
)
MADE_BY = ("stretch", "counted")
"""What the first two steps leave behind: the releases that took them did not count yet."""


class NotALedger(sqlite3.DatabaseError):
    """The file is there, and this release cannot keep a centre's books in it; the text says why."""


def grow(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Make the tables, or bring those of an older release up to date, each step whole or not at all. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        taken = _steps_taken(connection, len(migrations))
        for step in migrations[taken:]:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _steps_taken(connection: sqlite3.Connection, known: int) -> int:
    """How many steps this file has behind it. Raises NotALedger."""
    version, owner = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("user_version", "application_id")
    )
    tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema")}
    if version > known:
        raise NotALedger(f"it was written by a newer release (schema {version}, not {known}); update the centre")
    if owner == APPLICATION_ID or not tables:
        return version
    if owner or "stretch" not in tables:
        raise NotALedger("it is a database of another program; nothing in it was touched")
    return sum(name in tables for name in MADE_BY)
