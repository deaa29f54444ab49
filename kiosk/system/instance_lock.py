"""Allows one kiosk per database: sequence numbers and epochs depend on a single writer."""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from kiosk.core.ports import KioskError


def acquire_instance_lock(database: Path, exit_stack: ExitStack) -> None:
    """Hold the lock beside the database until `exit_stack` closes. The kernel frees it when the process dies. Raises KioskError."""
    path = database.with_name(f"{database.name}.lock")
    try:
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise KioskError(f"{path} cannot be created: {error.strerror}. `storage.path` names the database.") from error
    exit_stack.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise KioskError(f"Another kiosk uses {database}. Stop it first:  systemctl stop kiosk") from None
