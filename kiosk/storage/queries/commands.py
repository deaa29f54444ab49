"""The newest commands of the centre to this device, for the administrator."""

from datetime import datetime
from pathlib import Path

from kiosk.storage.command_journal import CommandEntry
from kiosk.storage.queries.read_only import UNKNOWN_TIME, open_read_only


def newest_commands(path: Path | None, count: int) -> tuple[CommandEntry, ...]:
    """Newest first. Raises StoreError."""
    with open_read_only(path) as database:
        rows = database.execute(
            "SELECT counter, id, at, name, requested_by, reason, result FROM remote_command ORDER BY counter DESC LIMIT ?",
            [count],
        ).fetchall()
    return tuple(CommandEntry(row[0], row[1], _time(row[2]), *row[3:]) for row in rows)


def _time(text: str) -> datetime:
    """A damaged time is 1970."""
    try:
        at = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return UNKNOWN_TIME
    return at if at.tzinfo else UNKNOWN_TIME
