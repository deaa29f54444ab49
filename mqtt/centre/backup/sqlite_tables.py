"""The tables of a centre in a SQLite file."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from mqtt.centre.backup.records import CopyError, Row, TableSum, row_line
from mqtt.centre.backup.tables import LEFT_OUT, SINGLETONS, CopiedTable, in_order, prepare_all
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.sqlite.schema import MIGRATIONS

_SELECT_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
_ENDINGS = ("", "-wal", "-shm", "-journal", "-reserve")


class SqliteTables:
    """Reads in one transaction, and writes into a file that nothing else has open. One thread."""

    kind = "sqlite"
    schema = len(MIGRATIONS)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.parts: Mapping[str, int] = dict(connection.execute("SELECT part, version FROM schema_part").fetchall())

    def tables(self) -> Sequence[CopiedTable]:
        """The tables, referenced ones first."""
        names = {str(name) for (name,) in self._connection.execute(_SELECT_TABLES)} - LEFT_OUT
        references = {name: self._references(name) for name in names}
        return [CopiedTable(name, self._columns(name)) for name in in_order(references)]

    def _references(self, name: str) -> frozenset[str]:
        return frozenset(str(row[2]) for row in self._connection.execute(f"PRAGMA foreign_key_list({name})"))

    def _columns(self, name: str) -> tuple[str, ...]:
        return tuple(str(row[1]) for row in self._connection.execute(f"PRAGMA table_info({name})"))

    def count(self, table: CopiedTable) -> int:
        """Its number of rows."""
        return self.number(f"SELECT count(*) FROM {table.name}")  # noqa: S608  a name from the catalogue

    def rows(self, table: CopiedTable) -> Iterator[Row]:
        """Its rows, in the order of the file."""
        yield from self._connection.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")  # noqa: S608

    def number(self, statement: str) -> int:
        """The number that a statement gives."""
        return int(self._connection.execute(statement).fetchone()[0])

    def text(self, statement: str) -> str:
        """The text that a statement gives."""
        return str(self._connection.execute(statement).fetchone()[0])

    def write(self, table: CopiedTable, rows: Iterable[Row]) -> TableSum:
        """Write all rows of a table."""
        found = TableSum()
        self._connection.execute(f"DELETE FROM {table.name}")  # noqa: S608

        def counted() -> Iterator[Row]:
            for row in rows:
                found.add(row_line(row))
                yield row

        marks = ", ".join("?" * len(table.columns))
        statement = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})"  # noqa: S608
        self._connection.executemany(statement, counted())
        return found


@contextmanager
def read_sqlite(database: str) -> Iterator[SqliteTables]:
    """All tables at one moment. Raises LedgerError."""
    if not Path(database).exists():
        raise LedgerError(f"{database}: there is no such file")
    prepare_all(database)
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            yield SqliteTables(connection)
    except sqlite3.Error as error:
        raise LedgerError(f"{database}: cannot be read as the centre's database: {error}") from error


@contextmanager
def locked_sqlite(database: str) -> Iterator[SqliteTables]:
    """Read, while no other process has the file open. Raises LedgerError where one has."""
    prepare_all(database)
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=2)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")  # in WAL mode it fails while another connection is open
            yield SqliteTables(connection)
            connection.rollback()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise LedgerError(f"{database}: {error}") from error
        raise LedgerError(
            f"{database} is in use. Stop the centre and its pages: "
            "systemctl stop entrance-centre entrance-centre-web entrance-centre-alerts"
        ) from error


@contextmanager
def write_sqlite(database: str) -> Iterator[SqliteTables]:
    """Into a file that is not there, or has no rows. It appears under its name only when everything is in it.

    Raises LedgerError and CopyError.
    """
    path = Path(database)
    _require_empty(path)
    draft = path.with_name(f".{path.name}.restoring")
    _delete(draft)
    try:
        prepare_all(str(draft))
        with closing(sqlite3.connect(draft)) as connection:
            # The draft is worth nothing before its end: no journal, and one flush.
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -200000", "foreign_keys = OFF"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN EXCLUSIVE")
            yield SqliteTables(connection)
            connection.commit()
            connection.execute("PRAGMA journal_mode = WAL")
        _sync(draft)
        _give_to_owner_of_folder(draft)
        _delete(path)
        draft.replace(path)
        _sync(path.parent)
    except sqlite3.Error as error:
        raise LedgerError(f"{database}: cannot be written: {error}") from error
    except OSError as error:
        raise LedgerError(f"{error.filename or database}: cannot be written: {error.strerror}") from error
    finally:
        _delete(draft)


def _require_empty(path: Path) -> None:
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            names = {str(name) for (name,) in connection.execute(_SELECT_TABLES)} - LEFT_OUT - SINGLETONS
            full = [
                name
                for name in sorted(names)
                if connection.execute(f"SELECT EXISTS (SELECT 1 FROM {name})").fetchone()[0]  # noqa: S608
            ]
    except sqlite3.Error as error:
        raise LedgerError(f"{path}: {error}") from error
    if full:
        raise CopyError(f"{path} is not empty: it has rows in {', '.join(full)}. Nothing was changed.")


def _give_to_owner_of_folder(path: Path) -> None:
    """Root restores, and the centre writes. The services of the centre share it through their group."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)
        path.chmod(0o660)


def _delete(path: Path) -> None:
    for ending in _ENDINGS:
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
