"""Which ledger a centre's `--database` means, and one way to ask either of them."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mqtt.centre.ingest.ledger import BUSY_TIMEOUT_S, Ledger, LedgerError, SqliteLedger

Query = Callable[..., list[dict[str, Any]]]
"""A query with `?` for its values; rows by column. Statements that write are committed at the end."""

POSTGRES_SCHEMES = ("postgresql://", "postgres://")


def open_ledger(database: str) -> Ledger:
    """A file's path, or postgresql://user@host/name. Raises LedgerTrouble."""
    if not database.startswith(POSTGRES_SCHEMES):
        return SqliteLedger(Path(database))
    try:
        from mqtt.centre.ingest.postgres import PostgresLedger  # noqa: PLC0415 - an extra: most centres are one file
    except ImportError as error:
        raise LedgerError("psycopg is missing: pip install 'entrance-kiosk[postgres]'") from error
    return PostgresLedger(database)


@contextmanager
def open_query(database: str) -> Iterator[Query]:
    """Ask beside a running centre, all in one transaction. Raises LedgerTrouble."""
    if database.startswith(POSTGRES_SCHEMES):
        with _open_postgres_query(database) as ask:
            yield ask
        return
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN")

            def ask(query: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
                return [dict(row) for row in connection.execute(query, list(values)).fetchall()]

            yield ask
            connection.commit()
    except sqlite3.Error as error:
        raise LedgerError(f"{database}: cannot be read as the centre's database: {error}") from error


@contextmanager
def _open_postgres_query(address: str) -> Iterator[Query]:
    import psycopg  # noqa: PLC0415 - an extra
    from psycopg.rows import dict_row  # noqa: PLC0415

    try:
        with psycopg.connect(address, row_factory=dict_row, application_name="entrance centre query") as connection:

            def ask(query: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
                cursor = connection.execute(query.replace("?", "%s"), list(values))
                return cursor.fetchall() if cursor.description else []

            yield ask
    except psycopg.Error as error:
        raise LedgerError(f"the centre's PostgreSQL cannot be read: {str(error).strip()}") from error
