"""What a new device is told once: its place and its name, its keys; nothing that is there already is asked or changed."""

import re
import secrets
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from kiosk.installer import atomic_files
from kiosk.installer.errors import InstallTrouble, say
from kiosk.installer.layout import Layout

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")  # as in kiosk/config/schema.py
SECRETS = ("*.key",)
PSEUDONYM = "pseudonym.key"


def settle(layout: Layout, example: Path, answers: dict[str, str | None], prompt: Callable[[str], str]) -> bool:
    """Write the configuration where there is none; True where it was written. Raises InstallTrouble without an answer."""
    if layout.config.exists():
        return False
    site = _answer(
        "site", answers, prompt, "Tên nơi đặt máy, ví dụ cho-dong-ba: ", "Name of the site, such as cho-dong-ba: "
    )
    gate = _answer("gate", answers, prompt, "Tên cổng, ví dụ cong-1: ", "Name of the gate, such as gate-1: ")
    text = example.read_text(encoding="utf-8")
    for key, value in (("site", site), ("device", gate)):
        text = re.sub(rf'(?m)^{key} = "[^"]*"', f'{key} = "{value}"', text, count=1)
    text = text.replace(f'pseudonym = "{PSEUDONYM}"', f'pseudonym = "private/{PSEUDONYM}"')
    layout.etc.mkdir(parents=True, exist_ok=True)
    return atomic_files.write(layout.config, text.encode(), 0o640)


def _answer(name: str, answers: dict[str, str | None], prompt: Callable[[str], str], vi: str, en: str) -> str:
    given = answers.get(name)
    if given is None:
        say(vi, en)
        given = prompt(name)
    if not NAME.fullmatch(given):
        raise InstallTrouble(
            f"{name}: chỉ dùng chữ thường không dấu, chữ số và dấu gạch nối, nhiều nhất 63 ký tự. Hãy thêm --{name} TÊN.",
            f"{name}: small letters, digits and hyphens only, at most 63. Say it with --{name} NAME.",
        )
    return given


def ask_at_the_terminal(name: str) -> str:
    """One line from whoever types here. Raises InstallTrouble where nobody does."""
    if not sys.stdin.isatty():
        raise InstallTrouble(
            f"Chưa biết {name}. Hãy thêm --{name} TÊN.",
            f"The {name} is not known, and nobody is here to ask: --{name} NAME.",
        )
    return sys.stdin.readline().strip()


def take_keys(layout: Layout, folder: Path | None) -> list[str]:
    """Copy what the centre gave for this gate (PEM, keys, lists; also kiosk.toml) to where it belongs; never over what is there.

    Private keys (*.key) go into the folder that is root's alone. Without a pseudonym key one is made. Returns the new names.
    """
    private = layout.etc / "private"
    private.mkdir(parents=True, exist_ok=True, mode=0o700)
    taken: list[str] = []
    for source in sorted(folder.iterdir()) if folder else []:
        secret = any(source.match(pattern) for pattern in SECRETS)
        target = (private if secret else layout.etc) / source.name
        if source.is_file() and not target.exists():
            atomic_files.write(target, source.read_bytes(), 0o400 if secret else 0o640)
            taken.append(source.name)
    if not (private / PSEUDONYM).exists() and not _pseudonym_elsewhere(layout):
        atomic_files.write(private / PSEUDONYM, secrets.token_bytes(32), 0o400)
        taken.append(PSEUDONYM)
    return taken


def _pseudonym_elsewhere(layout: Layout) -> bool:
    return (layout.etc / PSEUDONYM).exists()


def give_to_group(layout: Layout, group: str = "entrance-kiosk") -> None:
    """The daemon and the page may read the configuration, not the private keys; the records' folder is the daemon's own."""
    for path in (layout.etc, *layout.etc.iterdir()):
        if path.name != "private" and not path.is_symlink() and path.group() != group:
            shutil.chown(path, "root", group)
    if not layout.data.exists():  # the unit makes it too, but `kiosk check-config` wants it before
        layout.data.mkdir(parents=True, mode=0o750)
        shutil.chown(layout.data, group, group)
    if layout.etc.stat().st_mode & 0o777 != 0o750:
        layout.etc.chmod(0o750)
