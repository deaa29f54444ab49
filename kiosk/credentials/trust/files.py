"""Files of keys and lists: read with a cap, written whole or not at all."""

from pathlib import Path

from kiosk.core.ports import KioskError

MAX_LIST_BYTES = 8 * 1024 * 1024


class ListTrouble(KioskError):
    """A list or its key cannot be used; the message says why, and what to do."""


def read_list_file(path: Path) -> bytes:
    """The bytes of a file, at most one more than allowed. Raises ListTrouble."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_LIST_BYTES + 1)
    except OSError as trouble:
        raise ListTrouble(f"{path} cannot be read: {trouble.strerror}.") from trouble
