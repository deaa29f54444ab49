"""The passage database as a file: its schema, how it is opened, and what is said when that fails."""

import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from kiosk.core.ports import StoreError
from kiosk.storage.connection import DatabaseConnection
from kiosk.system.atomic_files import sync_folder

APPLICATION_ID = 0x48554531  # "HUE1": tells our file from any other SQLite database (PRAGMA application_id)
BUSY_TIMEOUT_MS = 5_000
PAGE_BYTES = 1024  # a third less is written per passage than with SQLite's 4096 (docs/decisions/0016)

# A released step is never edited. A new step is added at the end. The lower 16 bits of PRAGMA user_version count the steps taken.
# Its upper bits hold the oldest schema whose release may write here (0: only a release of the same schema).
# There is one event table and no second full index: each further page that a commit changes costs a page of WAL
# (docs/decisions/0016). The index `event_annuls` is partial: a commit touches it only for a reversal.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE boot (number INTEGER PRIMARY KEY, boot_id TEXT NOT NULL) STRICT;
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        boot_number INTEGER NOT NULL REFERENCES boot (number),
        occurred_us INTEGER NOT NULL,
        monotonic_s REAL NOT NULL,
        clock_quality TEXT NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL,
        direction TEXT,
        kind TEXT,
        assurance TEXT,
        pseudonym BLOB NOT NULL,
        sealed BLOB NOT NULL,
        code_bytes INTEGER NOT NULL,
        annuls BLOB,
        manual_reason TEXT
    ) STRICT;
    CREATE UNIQUE INDEX event_annuls ON event (annuls) WHERE annuls IS NOT NULL;
    CREATE TABLE delivery (
        singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
        epoch TEXT NOT NULL,
        up_to_seq INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE acknowledged_range (first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL) STRICT;
    CREATE TABLE quarantine (seq INTEGER PRIMARY KEY, reason TEXT NOT NULL, at TEXT NOT NULL) STRICT;
    CREATE TABLE rejection_count (seq INTEGER PRIMARY KEY, times INTEGER NOT NULL, first_at TEXT NOT NULL) STRICT;
    CREATE TABLE notice (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        at TEXT NOT NULL,
        first_seq INTEGER,
        last_seq INTEGER,
        count INTEGER NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
    CREATE TABLE availability_log (
        number INTEGER PRIMARY KEY,
        at_us INTEGER NOT NULL,
        clock_unset INTEGER NOT NULL,
        state TEXT NOT NULL,
        lists_stale INTEGER NOT NULL,
        process_start INTEGER NOT NULL
    ) STRICT;
    CREATE VIEW outbox AS
        SELECT * FROM event
        WHERE seq > (SELECT up_to_seq FROM delivery)
        AND NOT EXISTS (SELECT 1 FROM acknowledged_range WHERE first_seq <= event.seq AND last_seq >= event.seq)
        AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.seq = event.seq);
    CREATE VIEW effective_event AS
        SELECT * FROM event
        WHERE annuls IS NULL AND NOT EXISTS (SELECT 1 FROM event AS reversal WHERE reversal.annuls = event.id);
    """,
)

# The oldest schema whose release may still record into a database of this schema, after an upgrade was rolled back
# (docs/decisions/0039). It stays the same where a step only adds tables, views and columns that may be NULL, and where nothing
# is written that the older release cannot read.
OLDEST_WRITER_SCHEMA = 1
_SCHEMA_BITS = 16


class IncompatibleDatabaseError(StoreError):
    """The file is there, and it is not a passage database that this release can use."""


def connect(path: Path, *, durable: bool) -> DatabaseConnection:
    """One connection in WAL mode. `durable` commits wait for the disk; the others survive a crash, not a power cut.

    Raises sqlite3.Error. The connection may be handed between threads; its owner sees to it that one uses it at a time.
    """
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False, isolation_level=None)
    try:
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        return DatabaseConnection(connection)
    except BaseException:
        connection.close()
        raise


def open_writer(path: Path, migrations: Sequence[str] = MIGRATIONS) -> DatabaseConnection:
    """Open or make the database and bring its schema up to date. Raises StoreTrouble with one sentence."""
    if not path.parent.is_dir():
        raise StoreError(f"{path}: its folder does not exist; make it, or correct storage.path")
    fresh = not path.exists()
    try:
        database = connect(path, durable=True)
        try:
            _check_and_migrate(database, path, migrations)
        except BaseException:
            database.close()
            raise
    except sqlite3.OperationalError as trouble:
        raise StoreError(f"{path}: cannot be used: {trouble}; check its owner, its mode and its disk") from trouble
    except sqlite3.DatabaseError as trouble:
        sentence = f"{path}: is not a passage database ({trouble}); move it away, or correct storage.path"
        raise IncompatibleDatabaseError(sentence) from trouble
    if fresh:
        sync_folder(path.parent)
    return database


def _check_and_migrate(database: DatabaseConnection, path: Path, migrations: Sequence[str]) -> None:
    said = int(database.execute("PRAGMA user_version").fetchone()[0])
    version = said & ((1 << _SCHEMA_BITS) - 1)
    oldest_writer = said >> _SCHEMA_BITS or version
    owner = int(database.execute("PRAGMA application_id").fetchone()[0])
    tables = int(database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if owner != APPLICATION_ID and tables:
        raise IncompatibleDatabaseError(
            f"{path}: is a database of another program; nothing in it was touched. Correct storage.path"
        )
    if oldest_writer > len(migrations):
        raise IncompatibleDatabaseError(
            f"{path}: was written by a newer release (schema {version}, not {len(migrations)}); update the kiosk"
        )
    if version == 0:
        database.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    database.execute("PRAGMA journal_mode = WAL")
    if version < len(migrations):
        _migrate(database, version, migrations)


def _migrate(connection: DatabaseConnection, version: int, migrations: Sequence[str]) -> None:
    """Take the steps from `version` on, each whole or not at all."""
    from sqlite_utils import Database  # noqa: PLC0415  what opens every day has nothing to grow (connection.py)

    database = Database(connection.conn, execute_plugins=False)
    for step in range(version, len(migrations)):
        with database.atomic():
            for statement in _split_statements(migrations[step]):
                database.execute(statement)
            if step == 0:
                database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                database.table("delivery").insert({"singleton": 1, "epoch": secrets.token_hex(8)})
            database.execute(f"PRAGMA user_version = {step + 1 | min(OLDEST_WRITER_SCHEMA, step + 1) << _SCHEMA_BITS}")


def _split_statements(script: str) -> list[str]:
    """The statements of a script, one by one: executescript() would commit the transaction that it stands in."""
    return [statement for statement in script.split(";") if statement.strip()]
