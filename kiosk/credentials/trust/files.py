"""Reads and writes files of keys and lists: limited size, atomic writes."""

from pathlib import Path

from kiosk.core.ports import KioskError

MAX_LIST_BYTES = 16 * 1024 * 1024
"""A denylist of a million passes has 10 MB."""


class ListError(KioskError):
    """A list or its key cannot be used. The message says why and what to do."""


def read_list_file(path: Path) -> bytes:
    """The content of a file, at most one byte more than allowed. Raises ListError."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_LIST_BYTES + 1)
    except OSError as error:
        raise ListError(f"{path} cannot be read: {error.strerror}.") from error
