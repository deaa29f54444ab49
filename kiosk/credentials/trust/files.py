"""Files of keys and lists: read with a cap, written whole or not at all."""

import os
from pathlib import Path

from kiosk.core.ports import KioskError

MAX_BYTES = 8 * 1024 * 1024


class ListTrouble(KioskError):
    """A list or its key cannot be used; the message says why, and what to do."""


def read(path: Path) -> bytes:
    """The bytes of a file, at most one more than allowed. Raises ListTrouble."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as trouble:
        raise ListTrouble(f"{path} cannot be read: {trouble.strerror}.") from trouble


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the file, fsync, then take its place: a reader or a power cut finds the old one or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
