"""The locks of install.sh: one installation at a time, and one switch of releases at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.installer.errors import InstallError

INSTALL_LOCK = "/run/entrance-kiosk-install.lock"
SWITCH_LOCK = "/run/entrance-kiosk-switch.lock"


@contextmanager
def hold_lock(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a lock. The kernel frees it when the process dies. Raises InstallError if it is taken, unless `wait` is set."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InstallError("already-running") from None
        yield
