"""One kiosk at a time works with a database: the single writer is a promise that numbers and epochs rest on."""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from kiosk.core.ports import KioskError


def acquire_instance_lock(database: Path, exit_stack: ExitStack) -> None:
    """Hold the lock beside the database until `house` closes; the kernel frees it when a process dies. Raises KioskError."""
    path = database.with_name(f"{database.name}.lock")
    try:
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as trouble:
        raise KioskError(f"{path} cannot be made: {trouble.strerror}. `storage.path` names the database.") from trouble
    exit_stack.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise KioskError(f"Another kiosk works with {database}. Stop it first:  systemctl stop kiosk") from None
