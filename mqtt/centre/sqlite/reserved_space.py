"""Space beside the SQLite ledger, so that an unsealing can still be audited on a full disk."""

import os
from pathlib import Path

RESERVED_BYTES = 2_000_000
SPACE_NEEDED = 10 * RESERVED_BYTES
"""Free bytes below which no space is reserved."""


def _reserve_path(path: Path) -> Path:
    return path.with_name(f"{path.name}-reserve")


def reserve_space(path: Path) -> None:
    """Reserve space where there is enough of it. Never raises OSError."""
    reserve = _reserve_path(path)
    try:
        if not path.exists() or (reserve.exists() and reserve.stat().st_size >= RESERVED_BYTES):
            return
        free = os.statvfs(path.parent)
        if free.f_bavail * free.f_frsize < SPACE_NEEDED:
            return
        with reserve.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVED_BYTES)
    except OSError:
        """The disk is full or read-only. The ledger says so itself."""


def release_space(path: Path) -> bool:
    """Give the reserved space back to the disk. False: there is none."""
    try:
        _reserve_path(path).unlink()
    except OSError:
        return False
    return True
