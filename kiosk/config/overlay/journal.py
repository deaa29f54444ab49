"""The journal of the overlay on disk: one file that is replaced whole, and the copy before it.

The first line is the SHA-256 of the rest. A file that is damaged counts as absent, and its copy is used.
"""

import fcntl
import hashlib
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from kiosk.config.overlay.document import OverlayState
from kiosk.system import atomic_files

JOURNAL_FILE, COPY_FILE = "configuration.journal", "configuration.journal.before"
MAX_JOURNAL_BYTES = 4 * 1024 * 1024
_STATES = TypeAdapter(OverlayState)
log = logging.getLogger(__name__)

WriteFile = Callable[[Path, bytes], Any]
"""Replaces a file by one rename. It survives a power cut when this returns. Raises OSError."""


class Journal:
    """Only a process that holds the lock writes."""

    def __init__(self, folder: Path, write_file: WriteFile = atomic_files.write_file) -> None:
        """`folder`: that of the database."""
        self.path = folder / JOURNAL_FILE
        self._copy = folder / COPY_FILE
        self._write_file = write_file

    def lock(self, exit_stack: ExitStack) -> bool:
        """Hold it until `exit_stack` closes or the process ends. False: another process has it, or the disk is read-only."""
        try:
            lock = os.open(self.path.with_name(f"{JOURNAL_FILE}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        exit_stack.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def read(self) -> OverlayState:
        """The newest state that is whole. Empty where there is none."""
        found = _read(self.path)
        if found is not None:
            return found
        copy = _read(self._copy)
        if copy is None:
            return OverlayState()
        log.error("%s is missing or damaged. The copy before it is used", self.path)
        return copy

    def write(self, state: OverlayState) -> None:
        """Write a state. Raises OSError: then the state of before counts, or this one."""
        before = _read_bytes(self.path)
        if _parse(before) is not None:
            self._write_file(self._copy, before)
        self._write_file(self.path, _format(state))


def _format(state: OverlayState) -> bytes:
    content = _STATES.dump_json(state)
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def _read(path: Path) -> OverlayState | None:
    return _parse(_read_bytes(path))


def _read_bytes(path: Path) -> bytes:
    """Empty where the file cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_JOURNAL_BYTES)
    except OSError:
        return b""


def _parse(data: bytes) -> OverlayState | None:
    digest, _, content = data.partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        return None
    try:
        return _STATES.validate_json(content)
    except ValidationError:
        return None
