"""A connection to the device's database: autocommit, and explicit transactions.

sqlite_utils creates and migrates the schema (database.py). An ordinary start does not load it: with click, dateutil and pluggy
it was a sixth of all that a start loads on a small board (docs/decisions/0029).
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


class DatabaseConnection:
    """Owns `conn`, which is in autocommit mode: each statement outside `transaction` is its own transaction."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self.conn = conn
        """The connection of the sqlite3 module."""

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> sqlite3.Cursor:
        """Run one statement. Raises sqlite3.Error."""
        return self.conn.execute(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside take effect, or none. Not nestable. Raises sqlite3.Error after a rollback."""
        self.conn.execute("BEGIN")
        try:
            yield
            self.conn.execute("COMMIT")
        except BaseException:
            if self.conn.in_transaction:  # SQLite itself rolls back on some errors, for example a full disk
                self.conn.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection."""
        self.conn.close()
