"""Output files of the issuing commands: written whole or not at all, and never over files of an earlier run."""

import os
from itertools import count
from pathlib import Path

from kiosk.core.ports import KioskError
from kiosk.system.atomic_files import write_file


class OutputError(KioskError):
    """A file cannot be written. The message names it and the reason."""


def write_output(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a file by one rename. Raises OutputError."""
    try:
        write_file(path, content, mode=mode)
    except OSError as error:
        raise output_error(path, error) from error


def write_new_file(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read. Raises FileExistsError if it exists, OutputError if it cannot be written."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise output_error(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise output_error(path, error) from error
        raise


def output_error(path: Path, error: OSError) -> OutputError:
    """The error with its file and, for a full disk, what to do."""
    return OutputError(f"{path} cannot be written: {error.strerror}. Nothing was left half written.")


def unused_path(folder: Path, stem: str, suffix: str) -> Path:
    """`stem` with a number that no file in the folder has yet: cards.pdf, cards-2.pdf, cards-3.pdf."""
    names = (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}" for number in count(1))
    return next(folder / name for name in names if not (folder / name).exists())
