"""Files and links that are, after a power cut, either as before or as wanted."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any


def sync_folder(folder: Path) -> None:
    """Make names in a folder survive a power cut: fsync of a file says nothing about its folder (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: Path, content: bytes, mode: int = 0o644) -> bool:
    """Put `content` at `path` by one rename; False where it stood there already. The folder is made where it is missing."""
    if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)
    sync_folder(path.parent)
    return True


def write_json(path: Path, value: Any) -> None:
    """`write` of a JSON value."""
    write(path, json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def link(path: Path, target: str) -> bool:
    """Make `path` a link to `target` by one rename; False where it was one already."""
    if path.is_symlink() and os.readlink(path) == target:  # noqa: PTH115  as text, as it stands there
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(path)
    sync_folder(path.parent)
    return True


def remove(path: Path) -> bool:
    """Delete a file or link for good; False where there was none."""
    if not path.is_symlink() and not path.exists():
        return False
    path.unlink()
    sync_folder(path.parent)
    return True


def remove_tree(folder: Path) -> None:
    """Delete a folder with everything in it, where it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def sync_file_system(folder: Path) -> None:
    """Everything on the file system of `folder` is on the disk: once for thousands of files is cheaper than an fsync each.

    By coreutils, because Python has no syncfs(2); sync(2) would wait for every other disk as well.
    """
    subprocess.run(["sync", "--file-system", str(folder)], check=True)
