"""Allows one kiosk per database: sequence numbers and epochs depend on a single writer."""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from kiosk.core.ports import KioskError, StoreError


class InstanceLockedError(KioskError):
    """Another kiosk runs here."""


def acquire_run_dir_lock(run_dir: Path, exit_stack: ExitStack) -> None:
    """Hold the folder of status and control socket until `exit_stack` closes. Raises InstanceLockedError and OSError."""
    folder = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    exit_stack.callback(os.close, folder)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InstanceLockedError(
            f"Another kiosk uses run_dir {run_dir}. Stop it first, or give each kiosk its own run_dir."
        ) from None


def acquire_instance_lock(database: Path, exit_stack: ExitStack) -> None:
    """Hold the lock beside the database until `exit_stack` closes. The kernel frees it when the process dies.

    Raises StoreError, and InstanceLockedError where another kiosk holds it.
    """
    path = database.with_name(f"{database.name}.lock")
    try:
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except FileNotFoundError as error:
        raise KioskError(f"{path} cannot be created: {error.strerror}. `storage.path` names the database.") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be created: {error.strerror}. `storage.path` names the database.") from error
    exit_stack.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InstanceLockedError(f"Another kiosk uses {database}. Stop it first:  systemctl stop kiosk") from None
