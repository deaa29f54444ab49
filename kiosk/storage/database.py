"""Opens the device's database: connections, schema check, migration, and replacement of a corrupt file."""

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from kiosk.core.ports import StoreError
from kiosk.storage.connection import DatabaseConnection
from kiosk.storage.recovery.corruption import has_application_id, is_corruption, quarantine_file_if_corrupt
from kiosk.storage.recovery.schema_check import repair_schema
from kiosk.storage.schema import APPLICATION_ID, MIGRATIONS, OLDEST_WRITER_SCHEMA, SCHEMA_BITS
from kiosk.system.atomic_files import sync_folder

BUSY_TIMEOUT_MS = 5_000
PAGE_BYTES = 1024  # a commit writes a third less than with SQLite's default of 4096 (docs/decisions/0016)


class IncompatibleDatabaseError(StoreError):
    """The file exists, but this release cannot use it."""


def connect(path: Path, *, durable: bool) -> DatabaseConnection:
    """One connection in WAL mode. `durable` commits wait for the disk. Others survive a crash, but not a power cut.

    Any thread may use the connection. The owner makes sure that only one uses it at a time. Raises sqlite3.Error.
    """
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False, isolation_level=None)
    try:
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        return DatabaseConnection(connection)
    except BaseException:
        connection.close()
        raise


def open_or_replace(path: Path, open_file: Callable[[Path | None], None]) -> None:
    """Move a corrupt file away, then call `open_file` with its new path (None: the file was sound).

    Where `open_file` finds corruption, the file is moved away and `open_file` is called again. Raises StoreError.
    """
    corrupt_file = quarantine_file_if_corrupt(path, APPLICATION_ID)
    try:
        open_file(corrupt_file)
    except StoreError as error:
        if not (is_corruption(error.__cause__) and has_application_id(path, APPLICATION_ID)):
            raise
        corrupt_file = quarantine_file_if_corrupt(path, APPLICATION_ID, str(error.__cause__))
        if corrupt_file is None:
            raise
        open_file(corrupt_file)


def open_writer(path: Path, migrations: Sequence[str] = MIGRATIONS) -> DatabaseConnection:
    """Open or create the database and migrate its schema. Raises StoreError."""
    if not path.parent.is_dir():
        raise StoreError(f"{path}: its folder does not exist; create it, or correct storage.path")
    is_new = not path.exists()
    try:
        database = connect(path, durable=True)
        try:
            _check_and_migrate(database, path, migrations)
        except BaseException:
            database.close()
            raise
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path}: cannot be used: {error}; check its owner, mode and disk") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        message = f"{path}: is not a database of this program ({error}); move it away, or correct storage.path"
        raise IncompatibleDatabaseError(message) from error
    if is_new:
        sync_folder(path.parent)
    return database


def _check_and_migrate(database: DatabaseConnection, path: Path, migrations: Sequence[str]) -> None:
    if database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        repair_schema(database, migrations)
    user_version, owner, tables = (
        int(database.execute(query).fetchone()[0])
        for query in ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_schema")
    )
    version = user_version & ((1 << SCHEMA_BITS) - 1)
    oldest_writer = user_version >> SCHEMA_BITS or version
    if owner != APPLICATION_ID and tables:
        raise IncompatibleDatabaseError(
            f"{path}: is a database of another program; nothing in it was changed. Correct storage.path"
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
    from sqlite_utils import Database  # noqa: PLC0415  not loaded at an ordinary start (connection.py)

    database = Database(connection.conn, execute_plugins=False)
    for step in range(version, len(migrations)):
        with database.atomic():
            for statement in _split_statements(migrations[step]):
                database.execute(statement)
            if step == 0:
                database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                database.table("delivery").insert({"singleton": 1, "epoch": secrets.token_hex(8)})
            database.execute(f"PRAGMA user_version = {step + 1 | min(OLDEST_WRITER_SCHEMA, step + 1) << SCHEMA_BITS}")


def _split_statements(script: str) -> list[str]:
    """The statements of a script: executescript() would commit the surrounding transaction."""
    return [statement for statement in script.split(";") if statement.strip()]
