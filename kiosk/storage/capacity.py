"""Whether one more event may be stored: events that wait are limited, and some space of the disk is kept free."""

from pathlib import Path

from kiosk.core.ports import StoreError
from kiosk.storage.deletion.retention import RetentionLimits, free_disk_bytes


def require_room(path: Path, limits: RetentionLimits, waiting: int) -> None:
    """Raise StoreError if more events would wait than allowed. Pending events are never deleted for new ones.

    `waiting`: how many events wait for the centre, with the new ones. The gate is out of order instead.
    """
    if waiting > limits.max_rows:
        raise StoreError(
            f"{path}: {limits.max_rows} events wait for the centre, and storage.max_rows allows no more; "
            "restore the connection to the centre, or raise storage.max_rows"
        )


def require_free_space(path: Path, limits: RetentionLimits) -> None:
    """Raise StoreError if the disk of the database does not respond, or has less free space than is kept for receipts."""
    try:
        free = free_disk_bytes(path)
    except OSError as error:
        raise StoreError(f"{path}: its disk does not respond: {error.strerror}") from error
    if free < limits.min_free_bytes:
        raise StoreError(
            f"{path}: the event could not be committed: {free // 1_000_000} MB are free on its disk, and "
            f"{limits.min_free_bytes // 1_000_000} MB are kept free for receipts; delete other files"
        )
