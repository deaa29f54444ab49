"""Writes the files of a new centre: all of them, or none."""

import grp
import os
import pwd
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kiosk.cli.centre.setup.places import PlannedFile
from kiosk.system import atomic_files


class WritingError(Exception):
    """Nothing was left behind. The text says what failed."""


def write_files(files: Sequence[PlannedFile]) -> list[Path]:
    """Write all files. Returns the folders that were made for them. Raises WritingError."""
    written: list[Path] = []
    made: list[Path] = []
    try:
        for file in files:
            made += _make_folders(file)
            written.append(file.path)
            _write(file)
    except OSError as error:
        remove(written, made)
        raise WritingError(
            f"{error.filename or files[len(written) - 1].path} cannot be written: {error.strerror}."
        ) from error
    return made


def remove(paths: Sequence[Path], folders: Sequence[Path]) -> None:
    """Take back what `write_files` wrote. A folder that has other files stays."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()


def _make_folders(file: PlannedFile) -> list[Path]:
    missing = []
    folder = file.path.parent
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o750)
        _own(folder, file.user, file.group)
    return list(reversed(missing))


def _write(file: PlannedFile) -> None:
    """Its mode from the first byte on. The folder of a stick with FAT keeps no modes, and refuses none at creation."""
    draft = file.path.with_name(f".{file.path.name}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(file.content)
        _own(draft, file.user, file.group)
        if file.mode != 0o600:
            draft.chmod(file.mode)
        atomic_files.replace_file(draft, file.path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _own(path: Path, user: str, group: str) -> None:
    """Where the accounts are known. Files of another machine's folder, as in a test, stay with the caller."""
    if os.geteuid() != 0 or (user, group) == ("root", "root"):
        return
    if is_known(user, group):
        shutil.chown(path, user, group)


def is_known(user: str, group: str) -> bool:
    """Whether this machine has the user and the group."""
    try:
        pwd.getpwnam(user)
        grp.getgrnam(group)
    except KeyError:
        return False
    return True
