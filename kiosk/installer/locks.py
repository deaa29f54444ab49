"""Locks: one switch of releases at a time, and no look at the releases while dpkg works."""

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.installer.errors import InstallError

SWITCH_LOCK = "/run/entrance-kiosk-switch.lock"
DPKG_LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock")
POLL_INTERVAL_S = 0.3
_tick = threading.Event()


@contextmanager
def hold_lock(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a lock. The kernel frees it when the process dies. Raises InstallError if it is taken, unless `wait` is set."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InstallError("already-running") from None
        yield


def wait_for_dpkg(root: Path, pause: Callable[[float], object] = _tick.wait) -> None:
    """Wait until no program installs packages. dpkg and apt hold these locks from their first change to their last."""
    while any(_is_taken(root / path.lstrip("/")) for path in DPKG_LOCKS):
        pause(POLL_INTERVAL_S)


def _is_taken(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("r+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        fcntl.lockf(file, fcntl.LOCK_UN)
        return False
