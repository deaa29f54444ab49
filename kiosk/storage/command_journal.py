"""The centre's commands to this device in its database: the highest counter, and who ordered what with which result."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kiosk.core.ports import StoreError
from kiosk.storage.database import connect

MAX_ENTRIES = 1_000
STARTED = "started"
"""Result of a command that has none yet, or that a restart or a power cut interrupted."""


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """One command that this device obeyed."""

    counter: int
    id: str
    at: datetime
    """When it came, by this device's clock."""
    name: str
    requested_by: str
    reason: str
    result: str
    """`started`, `done` or `failed`."""


class CommandJournal:
    """One thread. It opens a connection for each call, because commands are rare."""

    def __init__(self, path: Path) -> None:
        """`path` is a database with the present schema."""
        self._path = path

    def highest_counter(self) -> int:
        """Of all commands so far. 0: there was none. Raises StoreError."""
        try:
            with closing(connect(self._path, durable=True)) as database:
                return int(database.execute("SELECT ifnull(max(counter), 0) FROM remote_command").fetchone()[0])
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise StoreError(f"{self._path}: the commands of the centre cannot be read: {error}") from error

    def begin(self, entry: CommandEntry) -> None:
        """Write a command to disk before it is done. Raises StoreError. Then nothing was written, and it must not be done."""
        values = [entry.counter, entry.id, _text(entry.at), entry.name, entry.requested_by, entry.reason, entry.result]
        try:
            with closing(connect(self._path, durable=True)) as database, database.transaction():
                database.execute("INSERT INTO remote_command VALUES (?, ?, ?, ?, ?, ?, ?)", values)
                database.execute(
                    "DELETE FROM remote_command WHERE counter <= "
                    "(SELECT counter FROM remote_command ORDER BY counter DESC LIMIT 1 OFFSET ?)",
                    [MAX_ENTRIES],
                )
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: a command of the centre cannot be written: {error}") from error

    def finish(self, counter: int, result: str) -> None:
        """Write the result of a command. Raises StoreError."""
        try:
            with closing(connect(self._path, durable=True)) as database, database.transaction():
                database.execute("UPDATE remote_command SET result = ? WHERE counter = ?", [result, counter])
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: the result of a command cannot be written: {error}") from error


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
