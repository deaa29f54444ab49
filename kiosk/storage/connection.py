"""A connection to the device's database: autocommit, and transactions that say where they begin and end.

sqlite_utils makes and migrates the schema (database.py). A daemon that finds its schema in force does not load it: with click,
dateutil and pluggy it was a sixth of all that a start loads on a small board (docs/decisions/0029).
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


class DatabaseConnection:
    """Owns `conn`, which is in autocommit (isolation_level None): every statement outside `atomic` is its own transaction."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self.conn = conn
        """sqlite3's own, for what is not here."""

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> sqlite3.Cursor:
        """Run one statement. Raises sqlite3.Error."""
        return self.conn.execute(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements within, or none. Not to be nested. Raises sqlite3.Error, and then everything is rolled back."""
        self.conn.execute("BEGIN")
        try:
            yield
            self.conn.execute("COMMIT")
        except BaseException:
            if self.conn.in_transaction:  # SQLite itself rolls back on some errors, a full disk among them
                self.conn.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Let the file go."""
        self.conn.close()
