"""Opens the ledger that `--database` names, and runs queries on either kind."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mqtt.centre.ingest.ledger_error import LedgerError, LedgerFullError

if TYPE_CHECKING:
    from mqtt.centre.ingest.ledger import Ledger

Query = Callable[..., list[dict[str, Any]]]
"""Runs a statement with `?` for its values. Returns rows by column name. Writes are committed at the end."""

_BUSY_TIMEOUT_S = 10.0
POSTGRES_SCHEMES = ("postgresql://", "postgres://")


def open_ledger(database: str) -> "Ledger":
    """`database` is a file, or postgresql://user@host/name. Raises LedgerError."""
    # A query needs neither: a ledger loads pydantic, and sqlite_utils loads NumPy where it is installed.
    if not database.startswith(POSTGRES_SCHEMES):
        from mqtt.centre.sqlite.ledger import SqliteLedger  # noqa: PLC0415

        return SqliteLedger(Path(database))
    try:
        from mqtt.centre.postgres.ledger import PostgresLedger  # noqa: PLC0415 - an extra: most centres are one file
    except ImportError as error:
        raise LedgerError("psycopg is missing: pip install 'entrance-kiosk[postgres]'") from error
    return PostgresLedger(database)


@contextmanager
def open_query(database: str) -> Iterator[Query]:
    """Queries beside a running centre, all in one transaction. Raises LedgerError."""
    if database.startswith(POSTGRES_SCHEMES):
        with _open_postgres_query(database) as query:
            yield query
        return
    try:
        with closing(_connect_sqlite(database)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN")

            def query(statement: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
                return [dict(row) for row in connection.execute(statement, list(values)).fetchall()]

            yield query
            connection.commit()
    except sqlite3.Error as error:
        text = f"{database}: cannot be read as the centre's database: {error}"
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise LedgerFullError(text) from error
        raise LedgerError(text) from error


def _connect_sqlite(database: str) -> sqlite3.Connection:
    """On a full disk SQLite cannot make its shared memory file. A connection for itself alone needs none."""
    for options in ("", "PRAGMA locking_mode = EXCLUSIVE"):
        connection = sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=_BUSY_TIMEOUT_S)
        try:
            connection.execute(options)
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error as error:
            connection.close()
            if options or not isinstance(error, sqlite3.OperationalError):
                raise
        else:
            return connection
    raise AssertionError("one of the two connections is returned, or its error is raised")


@contextmanager
def _open_postgres_query(address: str) -> Iterator[Query]:
    import psycopg  # noqa: PLC0415 - an extra
    from psycopg.rows import dict_row  # noqa: PLC0415

    from mqtt.centre.postgres.address import connection_options  # noqa: PLC0415

    try:
        options = connection_options(address, "entrance centre query")
        with psycopg.connect(**options, row_factory=dict_row) as connection:

            def query(statement: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
                cursor = connection.execute(statement.replace("?", "%s"), list(values))
                return cursor.fetchall() if cursor.description else []

            yield query
    except (psycopg.Error, OSError) as error:  # OSError: psycopg waits with a selector, which needs a file descriptor
        raise LedgerError(f"the centre's PostgreSQL cannot be read: {str(error).strip()}") from error
