"""Writes the first configuration and keys of a new device. Existing files are never changed."""

import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from kiosk.installer.errors import InstallError, print_message
from kiosk.installer.layout import InstallLayout
from kiosk.system import atomic_files

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")  # as in kiosk/config/schema.py
PRIVATE_KEY_NAMES = re.compile(r".*(\.key|[-_.]key\.(pem|der))", re.IGNORECASE)
"""Sticks with FAT may show names in capitals."""
PRIVATE_KEY_MARK = b"PRIVATE KEY-----"
"""In the first line of a PEM file with a private key (RFC 7468)."""
PSEUDONYM_KEY_FILE = "pseudonym.key"  # kiosk/core/file_names.py
EXAMPLE_SITE_AND_GATE = "cho-dong-ba.gate-1"


def write_config(
    layout: InstallLayout, example: Path, answers: dict[str, str | None], prompt: Callable[[str], str]
) -> bool:
    """Write the configuration if there is none. True if it was written. Raises InstallError without a valid answer."""
    if layout.config_file.exists():
        return False
    site = _read_answer("site", answers, prompt)
    gate = _read_answer("gate", answers, prompt)
    text = example.read_text(encoding="utf-8")
    for key, value in (("site", site), ("device", gate)):
        text = re.sub(rf'(?m)^{key} = "[^"]*"', f'{key} = "{value}"', text, count=1)
    text = text.replace(f"{EXAMPLE_SITE_AND_GATE}.", f"{site}.{gate}.")  # names of certificate and key
    text = text.replace(f'pseudonym_key = "{PSEUDONYM_KEY_FILE}"', f'pseudonym_key = "private/{PSEUDONYM_KEY_FILE}"')
    layout.config_dir.mkdir(parents=True, exist_ok=True)
    return atomic_files.update_file(layout.config_file, text.encode(), 0o640)


def _read_answer(name: str, answers: dict[str, str | None], prompt: Callable[[str], str]) -> str:
    answer = answers.get(name)
    if answer is None:
        print_message(f"ask-{name}")
        answer = prompt(name)
    if not NAME_PATTERN.fullmatch(answer):
        raise InstallError("name-not-allowed", name=name)
    return answer


def prompt_on_terminal(name: str) -> str:
    """Read one line from the terminal. Raises InstallError if there is no terminal."""
    if not sys.stdin.isatty():
        raise InstallError("name-missing-no-terminal", name=name)
    return sys.stdin.readline().strip()


def install_keys(layout: InstallLayout, folder: Path | None) -> list[str]:
    """Copy the files from the centre (PEM, keys, lists, kiosk.toml) to the configuration folder. Never overwrites a file.

    Private keys, by their name or their content, go into a folder that only root can read. Links are not followed.
    Makes a pseudonym key if there is none. Returns the names of the new files. Raises InstallError.
    """
    private = layout.config_dir / "private"
    private.mkdir(parents=True, exist_ok=True, mode=0o700)
    private.chmod(0o700)  # a folder that exists keeps its mode in mkdir
    installed: list[str] = []
    for source in _files_of_stick(folder) if folder else []:
        content = source.read_bytes()
        secret = PRIVATE_KEY_NAMES.fullmatch(source.name) is not None or PRIVATE_KEY_MARK in content
        target = (private if secret else layout.config_dir) / source.name
        if not target.exists() and not target.is_symlink():
            atomic_files.update_file(target, content, 0o400 if secret else 0o640)
            installed.append(source.name)
    if not (private / PSEUDONYM_KEY_FILE).exists() and not _has_pseudonym_key_in_config_dir(layout):
        atomic_files.update_file(private / PSEUDONYM_KEY_FILE, secrets.token_bytes(32), 0o400)
        installed.append(PSEUDONYM_KEY_FILE)
    return installed


def _files_of_stick(folder: Path) -> Iterator[Path]:
    """Plain files only: a link could name any file of the system, and root would copy it."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise InstallError("folder-not-readable", folder=folder, error=error.strerror) from error
    for path in paths:
        if path.is_symlink():
            print_message("link-not-copied", path=path)
        elif path.is_file():
            yield path


def _has_pseudonym_key_in_config_dir(layout: InstallLayout) -> bool:
    return (layout.config_dir / PSEUDONYM_KEY_FILE).exists()


def set_group_access(layout: InstallLayout, group: str = "entrance-kiosk") -> None:
    """Let daemon and web UI read the configuration but not the private keys. The data folder belongs to the daemon."""
    for path in (layout.config_dir, *layout.config_dir.iterdir()):
        if path.name != "private" and not path.is_symlink() and path.group() != group:
            shutil.chown(path, "root", group)
    if not layout.data_dir.exists():  # the unit creates it too, but `kiosk check-config` needs it earlier
        layout.data_dir.mkdir(parents=True, mode=0o750)
        shutil.chown(layout.data_dir, group, group)
    if layout.config_dir.stat().st_mode & 0o777 != 0o750:
        layout.config_dir.chmod(0o750)
