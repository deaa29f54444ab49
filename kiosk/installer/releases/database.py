"""Checks the schema of the event database and copies the database before an upgrade changes the schema."""

import os
import shutil
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

from kiosk.installer.errors import InstallError, print_message
from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases.release import Build
from kiosk.system import atomic_files

# Repeated from kiosk/storage/schema.py, because the installer runs before the product and its libraries are installed. A test
# compares the two.
SCHEMA_BITS = 16
MIN_FREE_BYTES = 100_000_000


def database_path(layout: InstallLayout) -> Path:
    """Path of the database by the configuration. The default path if the configuration is unreadable."""
    default = layout.data_dir / "events.db"
    if not layout.config_file.is_file():
        return default
    try:
        tree = tomllib.loads(layout.config_file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return default
    storage = tree.get("storage", {})
    named = storage.get("path") if isinstance(storage, dict) else None
    return layout.config_file.parent / named if isinstance(named, str) else default


def read_schema_version(path: Path) -> int:
    """Schema number of a database. 0 if the file does not exist. Raises sqlite3.Error."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0]) & ((1 << SCHEMA_BITS) - 1)


def require_rollback_possible(new: Build, old: Build) -> None:
    """Raises InstallError if one version could not write to the database after the other (docs/decisions/0039)."""
    if new.oldest_writer > old.schema:
        raise InstallError("no-rollback-possible", new=new.version, old=old.version)
    if old.oldest_writer > new.schema:
        raise InstallError("version-too-old", new=new.version, old=old.version)


def back_up_database(path: Path, new: Build, old: Build) -> Path | None:
    """Copy the database if the new version will change its schema, else return None. The daemon may run meanwhile.

    Raises InstallError if the disk has not enough space.
    """
    present = read_schema_version(path)
    if not path.exists() or present >= new.schema:
        return None
    size_bytes = path.stat().st_size
    if shutil.disk_usage(path.parent).free < size_bytes + MIN_FREE_BYTES:
        raise InstallError("no-space-for-database-copy", bytes=size_bytes)
    copy = path.with_name(f"{path.name}.backup-{new.version}")
    draft = copy.with_name(f"{copy.name}.new")
    draft.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(draft)) as target,
    ):
        source.backup(target)
    owner = path.stat()
    os.chown(draft, owner.st_uid, owner.st_gid)
    draft.chmod(0o600)
    for older in path.parent.glob(f"{path.name}.backup-*"):
        if older != draft:
            older.unlink()
    atomic_files.replace_file(draft, copy)
    print_message("database-copied", version=old.version, path=copy)
    return copy


def remove_copies(layout: InstallLayout) -> None:
    """Delete copies of the database: they hold what retention has to delete, and the version that made them proved itself."""
    path = database_path(layout)
    for copy in path.parent.glob(f"{path.name}.backup-*"):
        atomic_files.remove_file(copy)
