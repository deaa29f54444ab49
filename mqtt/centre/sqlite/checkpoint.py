"""Empties the write-ahead log of an SQLite ledger, so that no file holds old copies of changed pages."""

import sqlite3
from contextlib import closing
from pathlib import Path

from mqtt.centre.ingest.ledger_error import LedgerError

BUSY_TIMEOUT_S = 10.0


def truncate_log(path: Path) -> None:
    """Copy the log into the file and empty it. It waits for readers for up to ten seconds. Raises LedgerError."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as connection:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error as error:
        raise LedgerError(f"{path}: its log could not be emptied: {error}") from error
    if busy:
        raise LedgerError(
            f"{path}: its log could not be emptied now, because it is being read. It is when the centre restarts"
        )
