"""Moves a corrupt database file away at start, so that the gate can open. The file is kept, and a notice reports it."""

import logging
import secrets
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from kiosk.core.ports import StoreError
from kiosk.storage.recovery.schema_check import repair_header

log = logging.getLogger(__name__)

SQLITE_HEADER = b"SQLite format 3\0"
HEADER_BYTES = 100  # https://sqlite.org/fileformat2.html section 1.3
APPLICATION_ID_SLICE = slice(68, 72)
CHECKED, CHECKED_VALID_S = b"checked", 86_400.0
CHECK_TIMEOUT_S = 10.0
"""A longer check is cancelled and the file used: opening the gate has priority."""


def is_corruption(error: BaseException | None) -> bool:
    """SQLITE_CORRUPT and SQLITE_NOTADB are plain DatabaseErrors. Full, locked and read-only are OperationalErrors.

    A message of SQLite that quotes a damaged text ends as a UnicodeDecodeError.
    """
    return type(error) is sqlite3.DatabaseError or isinstance(error, UnicodeDecodeError)


def corruption_marker(path: Path) -> Path:
    """The file that exists where corruption was found while the daemon ran. CHECKED: the check after that found nothing."""
    return path.with_name(path.name + ".corruption-suspected")


def quarantine_file_if_corrupt(path: Path, application_id: int, known_corruption: str = "") -> Path | None:
    """Check a database that was not closed cleanly. Rename it and its WAL where it is corrupt, and return its new path.

    `known_corruption`: what opening it found. Then it is not checked again.

    A file of another program is not touched (None), because that is a mistake in the configuration. Raises StoreError where
    the file cannot be read or renamed.
    """
    try:
        if not path.exists() or not has_application_id(path, application_id):
            return None
        repair_header(path)
        corruption = known_corruption or _find_corruption(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}; check its owner, mode and disk") from error
    if not corruption:
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    suffix = secrets.token_hex(2)  # with an unset clock, a time repeats
    corrupt_file = path.with_name(f"{path.name}.corrupt-{stamp}-{suffix}")
    try:
        for part in ("-wal", "-shm", ""):
            file = path.with_name(path.name + part)
            if file.exists():
                file.rename(corrupt_file.with_name(corrupt_file.name + part))
    except OSError as error:
        raise StoreError(f"{path}: is corrupt ({corruption}), and cannot be moved: {error.strerror}") from error
    corruption_marker(path).unlink(missing_ok=True)
    log.critical("%s is corrupt (%s). It was moved to %s. A new database was started", path, corruption, corrupt_file)
    return corrupt_file


def _find_corruption(path: Path) -> str:
    """What is corrupt in a database that was not closed cleanly, or an empty string. Raises OSError."""
    wal = path.with_name(path.name + "-wal")
    if not wal.exists() and not corruption_marker(path).exists():
        return ""
    corruption = _quick_check(path)
    if not corruption and corruption_marker(path).exists():
        return _corruption_at_second_error(corruption_marker(path))
    return corruption


def _corruption_at_second_error(marker: Path) -> str:
    """The check does not find everything. What SQLite calls corrupt twice within a day is corrupt."""
    if marker.read_bytes() == CHECKED and time.time() - marker.stat().st_mtime < CHECKED_VALID_S:
        return "SQLite found it corrupt again"
    marker.write_bytes(CHECKED)
    return ""


def has_application_id(path: Path, application_id: int) -> bool:
    """Whether the header is of our database, or all zeros: that is what a power cut leaves of it. Raises OSError."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) == HEADER_BYTES and not any(header):
        return True
    ours = SQLITE_HEADER + application_id.to_bytes(4, "big")
    there = header[: len(SQLITE_HEADER)] + header[APPLICATION_ID_SLICE]
    return len(there) == len(ours) and sum(a != b for a, b in zip(there, ours, strict=True)) <= 1  # a damaged byte


def _quick_check(path: Path) -> str:
    """What SQLite finds, or an empty string."""
    ends_s = monotonic() + CHECK_TIMEOUT_S
    try:
        with closing(sqlite3.connect(path)) as database:
            database.set_progress_handler(lambda: int(monotonic() > ends_s), 100_000)
            found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            log.warning("%s: the integrity check was cancelled after %.0f s; the file is used", path, CHECK_TIMEOUT_S)
        return ""  # locked, read-only or full is not corruption, and opening it reports that
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # a message may quote a damaged text
        return str(error)
    if found != "ok":
        return str(found).splitlines()[0]
    return "" if tables else "its tables are missing"
