"""Atomic changes of files: after a power cut a file has its old content or its new content, never a part of one.

Standard library only. The installer uses this module before anything is installed.
"""

import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

_DRAFT_NAME = re.compile(r"\..+\.\d+\.new")


def write_file(
    path: Path, content: bytes, *, mode: int | None = None, durable: bool = True, owner_of_folder: bool = False
) -> None:
    """Replace the content of `path` by one rename. Readers see the old content or the new content. Raises OSError.

    `mode`: the permissions, from the first byte on; None: those of the process's umask.
    `durable`: the new content survives a power cut when this returns. Files in memory do not need it.
    `owner_of_folder`: where root writes, the file gets the owner of its folder.
    """
    draft = _draft_path(path)
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            if owner_of_folder and os.geteuid() == 0:
                folder = path.parent.stat()
                os.fchown(file.fileno(), folder.st_uid, folder.st_gid)
            file.write(content)
        if durable:
            replace_file(draft, path)
        else:
            draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def replace_file(draft: Path, path: Path) -> None:
    """Rename `draft` to `path`. Its content and its name survive a power cut when this returns. Raises OSError."""
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut: fsync of a file does not cover its folder (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def update_file(path: Path, content: bytes, mode: int = 0o644) -> bool:
    """Write the file if its content differs. Makes its folder if it is missing. False if nothing changed."""
    if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content, mode=mode)
    return True


def write_json(path: Path, value: Any) -> None:
    """`update_file` with a JSON value."""
    update_file(path, json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None if there is none. Raises OSError, except for a missing file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def write_link(path: Path, target: str) -> bool:
    """Make `path` a symbolic link to `target` by one rename. False if it was that link already."""
    if path.is_symlink() and os.readlink(path) == target:  # noqa: PTH115  compared as text, without resolving it
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft_path(path)
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(path)
    sync_folder(path.parent)
    return True


def remove_file(path: Path) -> bool:
    """Delete a file or link. It stays deleted after a power cut. False if there was none."""
    if not path.is_symlink() and not path.exists():
        return False
    path.unlink()
    sync_folder(path.parent)
    return True


def remove_drafts(folder: Path, name: str = "*") -> None:
    """Delete drafts that a killed process left of files with this name. For the only process that writes them. Raises OSError."""
    for draft in folder.glob(f".{name}.*.new"):
        if _DRAFT_NAME.fullmatch(draft.name) and not draft.is_dir():
            draft.unlink(missing_ok=True)


def remove_tree(folder: Path) -> None:
    """Delete a folder with all its content, if it exists."""
    if folder.exists():
        shutil.rmtree(folder)


def sync_file_system(folder: Path) -> None:
    """Write the whole file system of `folder` to the disk. For thousands of files this is cheaper than an fsync each.

    By coreutils, because Python has no syncfs(2). sync(2) would also wait for all other disks.
    """
    subprocess.run(["sync", "--file-system", str(folder)], check=True)


def _draft_path(path: Path) -> Path:
    """In the same folder, because rename(2) needs one file system. The thread id makes the name unique."""
    return path.with_name(f".{path.name}.{threading.get_native_id()}.new")
