"""A damaged database steps aside at start, so that the gate can open; it is kept, and said so."""

import logging
import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from kiosk.core.ports import StoreError

log = logging.getLogger(__name__)

SQLITE_HEADER = b"SQLite format 3\0"
HEADER_BYTES = 100  # https://sqlite.org/fileformat2.html section 1.3
APPLICATION_ID_SLICE = slice(68, 72)
CHECK_TIMEOUT_S = 10.0
"""A check that takes longer is given up: a gate that opens is worth more than the last page's proof."""


def corruption_marker(path: Path) -> Path:
    """The file whose presence says that the database was found damaged while running."""
    return path.with_name(path.name + ".corruption-suspected")


def quarantine_file_if_corrupt(path: Path, application_id: int) -> Path | None:
    """Check a database that did not end cleanly; where it is damaged, rename it and what belongs to it, and say to what.

    A file that never was ours is not touched (None): that is a mistake in the configuration. Raises StoreTrouble where it
    cannot be renamed.
    """
    try:
        if not path.exists() or not has_application_id(path, application_id):
            return None
        trouble = _find_corruption(path)
    except OSError as refused:
        raise StoreError(f"{path}: cannot be read: {refused.strerror}; check its owner, mode and disk") from refused
    if not trouble:
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = path.with_name(f"{path.name}.corrupt-{stamp}-{secrets.token_hex(2)}")  # a clock in 1970 repeats itself
    try:
        for suffix in ("-wal", "-shm", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(kept.with_name(kept.name + suffix))
    except OSError as refused:
        raise StoreError(f"{path}: is damaged ({trouble}), and cannot be set aside: {refused.strerror}") from refused
    corruption_marker(path).unlink(missing_ok=True)
    log.critical("%s was damaged (%s). It is kept as %s; recording goes on in a new one", path, trouble, kept)
    return kept


def _find_corruption(path: Path) -> str:
    """What is wrong with a database that did not end cleanly, or an empty string. Raises OSError."""
    wal = path.with_name(path.name + "-wal")
    if not wal.exists() and not corruption_marker(path).exists():
        return ""
    trouble = _quick_check(path)
    if not trouble and corruption_marker(path).exists():
        corruption_marker(path).unlink()
    return trouble


def has_application_id(path: Path, application_id: int) -> bool:
    """Whether this was a passage database, by its header alone; a first page of zeros is what a power cut leaves of one."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) == HEADER_BYTES and not any(header):
        return True
    return header.startswith(SQLITE_HEADER) and header[APPLICATION_ID_SLICE] == application_id.to_bytes(4, "big")


def _quick_check(path: Path) -> str:
    """What is wrong with it, or an empty string."""
    ends_s = monotonic() + CHECK_TIMEOUT_S
    try:
        with closing(sqlite3.connect(path)) as database:
            database.set_progress_handler(lambda: int(monotonic() > ends_s), 100_000)
            found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    except sqlite3.OperationalError as trouble:
        if "interrupted" in str(trouble):
            log.warning("%s is too large to be checked in %.0f s; it is taken for sound", path, CHECK_TIMEOUT_S)
            return ""
        return ""  # locked, read-only, full: no damage; opening it will tell
    except sqlite3.DatabaseError as trouble:
        return str(trouble)
    if found != "ok":
        return str(found).splitlines()[0]
    return "" if tables else "its tables are gone"
