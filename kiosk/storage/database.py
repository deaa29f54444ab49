"""The passage database as a file: its schema, how it is opened, and what is said when that fails."""

import os
import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from kiosk.core.ports import StoreTrouble
from kiosk.storage.connection import Connection

APPLICATION_ID = 0x48554531  # "HUE1": tells our file from any other SQLite database (PRAGMA application_id)
BUSY_TIMEOUT_MS = 5_000
PAGE_BYTES = 1024  # a third less is written per passage than with SQLite's 4096 (docs/decisions/0016)

# A released step is never edited: a new one is added at the end, and PRAGMA user_version counts the steps taken in its lower
# 16 bits. Its upper bits say OLDEST_WRITER (0: only a release of the same schema).
# One table and no second index on it: every further page that a commit dirties costs a page of WAL (docs/decisions/0016).
# (Step 2's is partial: a commit touches it only where it annuls.)
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE boot (number INTEGER PRIMARY KEY, boot_id TEXT NOT NULL) STRICT;
    CREATE TABLE passage (
        seq INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        boot INTEGER NOT NULL REFERENCES boot (number),
        occurred_us INTEGER NOT NULL,
        occurred_s REAL NOT NULL,
        clock TEXT NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL,
        direction TEXT,
        kind TEXT,
        assurance TEXT,
        pseudonym BLOB NOT NULL,
        sealed BLOB NOT NULL,
        code_bytes INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE delivery (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        epoch TEXT NOT NULL,
        up_to_seq INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE confirmed (first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL) STRICT;
    CREATE TABLE quarantine (
        seq INTEGER PRIMARY KEY,
        reason TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE notice (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        at TEXT NOT NULL,
        first_seq INTEGER,
        last_seq INTEGER,
        count INTEGER NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
    CREATE VIEW outbox AS
        SELECT * FROM passage
        WHERE seq > (SELECT up_to_seq FROM delivery)
        AND NOT EXISTS (SELECT 1 FROM confirmed WHERE first_seq <= passage.seq AND last_seq >= passage.seq)
        AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.seq = passage.seq);
    """,
    """
    ALTER TABLE passage ADD COLUMN annuls BLOB;
    ALTER TABLE passage ADD COLUMN grounds TEXT;
    CREATE UNIQUE INDEX annulling ON passage (annuls) WHERE annuls IS NOT NULL;
    CREATE VIEW counted AS
        SELECT * FROM passage
        WHERE annuls IS NULL AND NOT EXISTS (SELECT 1 FROM passage AS undo WHERE undo.annuls = passage.id);
    """,
    """
    CREATE TABLE refused (seq INTEGER PRIMARY KEY, times INTEGER NOT NULL, first_at TEXT NOT NULL) STRICT;
    INSERT INTO refused SELECT seq, 1, at FROM quarantine;
    """,
    """
    CREATE TABLE diary (
        number INTEGER PRIMARY KEY,
        at_us INTEGER NOT NULL,
        unset INTEGER NOT NULL,
        condition TEXT NOT NULL,
        stale INTEGER NOT NULL,
        first INTEGER NOT NULL
    ) STRICT;
    """,
)

# The oldest schema whose release may go on recording into a database of this one, after an upgrade that was taken back
# (docs/decisions/0039). It stays where a step only adds tables, views and columns that may be NULL, and where no word is written
# that the older release cannot read. Step 2 brought words: annulments.
OLDEST_WRITER = 2
_SCHEMA_BITS = 16


class NotADatabase(StoreTrouble):
    """The file is there, and it is not a passage database that this release can use."""


def connect(path: Path, *, durable: bool) -> Connection:
    """One connection in WAL mode. `durable` commits wait for the disk; the others survive a crash, not a power cut.

    Raises sqlite3.Error. The connection may be handed between threads; its owner sees to it that one uses it at a time.
    """
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False, isolation_level=None)
    try:
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        return Connection(connection)
    except BaseException:
        connection.close()
        raise


def open_writer(path: Path, migrations: Sequence[str] = MIGRATIONS) -> Connection:
    """Open or make the database and bring its schema up to date. Raises StoreTrouble with one sentence."""
    if not path.parent.is_dir():
        raise StoreTrouble(f"{path}: its folder does not exist; make it, or correct records.path")
    fresh = not path.exists()
    try:
        database = connect(path, durable=True)
        try:
            _prepare(database, path, migrations)
        except BaseException:
            database.close()
            raise
    except sqlite3.OperationalError as trouble:
        raise StoreTrouble(f"{path}: cannot be used: {trouble}; check its owner, its mode and its disk") from trouble
    except sqlite3.DatabaseError as trouble:
        sentence = f"{path}: is not a passage database ({trouble}); move it away, or correct records.path"
        raise NotADatabase(sentence) from trouble
    if fresh:
        _sync_folder(path.parent)
    return database


def _prepare(database: Connection, path: Path, migrations: Sequence[str]) -> None:
    said = int(database.execute("PRAGMA user_version").fetchone()[0])
    version = said & ((1 << _SCHEMA_BITS) - 1)
    oldest_writer = said >> _SCHEMA_BITS or version
    owner = int(database.execute("PRAGMA application_id").fetchone()[0])
    tables = int(database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if owner != APPLICATION_ID and tables:
        raise NotADatabase(f"{path}: is a database of another program; nothing in it was touched. Correct records.path")
    if oldest_writer > len(migrations):
        raise NotADatabase(
            f"{path}: was written by a newer release (schema {version}, not {len(migrations)}); update the kiosk"
        )
    if version == 0:
        database.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    database.execute("PRAGMA journal_mode = WAL")
    if version < len(migrations):
        _grow(database, version, migrations)


def _grow(connection: Connection, version: int, migrations: Sequence[str]) -> None:
    """Take the steps from `version` on, each whole or not at all."""
    from sqlite_utils import Database  # noqa: PLC0415  what opens every day has nothing to grow (connection.py)

    database = Database(connection.conn, execute_plugins=False)
    for step in range(version, len(migrations)):
        with database.atomic():
            for statement in _statements(migrations[step]):
                database.execute(statement)
            if step == 0:
                database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                database.table("delivery").insert({"only": 1, "epoch": secrets.token_hex(8)})
            database.execute(f"PRAGMA user_version = {step + 1 | min(OLDEST_WRITER, step + 1) << _SCHEMA_BITS}")


def _statements(script: str) -> list[str]:
    """The statements of a script, one by one: executescript() would commit the transaction that it stands in."""
    return [statement for statement in script.split(";") if statement.strip()]


def _sync_folder(folder: Path) -> None:
    """Make the new file's name survive a power cut: fsync of a file says nothing about its folder (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
