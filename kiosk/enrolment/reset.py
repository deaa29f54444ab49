"""Makes a device forget its enrolment. Its events are kept: under another name they would count for another gate."""

import contextlib
import logging
import re
import sqlite3
from pathlib import Path

from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.system import atomic_files

SIDE_FILES = ("-wal", "-shm")
"""Of SQLite. They hold events that were not written to the main file yet."""
log = logging.getLogger(__name__)


def forget_enrolment(folder: Path, database: Path, site: str, device: str) -> Path | None:
    """Put the database aside, then forget certificate, keys and lists. Returns the file that is kept, if there is one.

    The caller holds no connection to the database. After a power cut the next call goes on. Raises OSError.
    """
    enrolment = EnrolmentFolder(folder)
    kept = None
    if enrolment.is_enrolled and database.exists():
        kept = kept_path(database, site, device)
        move_database(database, kept)
        log.warning("the events of %s/%s are kept in %s", site, device, kept)
    enrolment.forget()
    log.warning("this device has forgotten its enrolment as %s/%s", site, device)
    return kept


def kept_path(database: Path, site: str, device: str) -> Path:
    """Where the events of a device are kept: `events-SITE.DEVICE.db`, with a number if that name is taken."""
    stem, number = f"{database.stem}-{site}.{device}", 1
    path = database.with_name(f"{stem}{database.suffix}")
    while path.exists():
        number += 1
        path = database.with_name(f"{stem}.{number}{database.suffix}")
    return path


def kept_databases(database: Path) -> dict[str, list[Path]]:
    """The kept databases by SITE/DEVICE, oldest first."""
    pattern = re.compile(
        rf"{re.escape(database.stem)}-([a-z0-9-]+)\.([a-z0-9-]+)(?:\.\d+)?{re.escape(database.suffix)}"
    )
    found: dict[str, list[Path]] = {}
    paths = [path for path in database.parent.glob(f"{database.stem}-*{database.suffix}") if path.is_file()]
    for path in sorted(paths, key=lambda each: each.stat().st_mtime):
        if name := pattern.fullmatch(path.name):
            found.setdefault(f"{name[1]}/{name[2]}", []).append(path)
    return found


def count_undelivered(path: Path) -> int | None:
    """Events of a kept database without a receipt. None: it cannot be read. Changes nothing."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM outbox").fetchone()[0])
    except sqlite3.Error:
        return None


def adopt_database(database: Path, site: str, device: str) -> Path | None:
    """Take back the newest kept database of this name, if there is no database yet. So its events are delivered.

    Returns the file that was taken. Raises OSError.
    """
    found = kept_databases(database).get(f"{site}/{device}", [])
    if database.exists() or not found:
        return None
    move_database(found[-1], database)
    log.info("the events of %s are taken back", found[-1].name)
    return found[-1]


def move_database(source: Path, target: Path) -> None:
    """Rename a database with its side files, these first: a database without them would lose events, they alone lose nothing."""
    for suffix in SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            source.with_name(source.name + suffix).replace(target.with_name(target.name + suffix))
    source.replace(target)
    atomic_files.sync_folder(target.parent)
