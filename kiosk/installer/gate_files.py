"""Takes the files of a gate from a stick: configuration, certificates, keys and lists. Says what became of each of them."""

import hashlib
import re
import secrets
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from kiosk.installer.errors import InstallError
from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases import release
from kiosk.system import atomic_files

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")  # as in kiosk/config/schema/
PRIVATE_KEY_MARK = b"PRIVATE KEY-----"
"""In the first line of a PEM file with a private key (RFC 7468)."""
PRIVATE_KEY_NAMES = re.compile(r".*(\.key|[-_.]key\.(pem|der))", re.IGNORECASE)
CONFIG_NAME = "kiosk.toml"
PSEUDONYM_KEY_FILE = "pseudonym.key"  # kiosk/core/file_names.py
STANDARD_NAMES = ("ca.pem", "centre-public.pem", "root.pem", "trust-list.cose", "denylist.cose", PSEUDONYM_KEY_FILE)
EXAMPLE_SITE_AND_GATE = "cho-dong-ba.gate-1"
MAX_BYTES = 1_000_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Fate(StrEnum):
    """What became of a file of the stick."""

    TAKEN = "taken"
    SAME = "same"
    REPLACED = "replaced"
    KEPT = "kept"
    """The device has another one, which stays."""
    UNKNOWN = "unknown"
    LINK = "link"
    TOO_LARGE = "too-large"


@dataclass(frozen=True, slots=True)
class KeyFileAnswer:
    """One row of the table."""

    name: str
    fate: Fate


def write_config(
    layout: InstallLayout, example: Path, answers: dict[str, str | None], ask: Callable[[str], str]
) -> bool:
    """Write the configuration from the example if there is none. True if it was written.

    `ask`: for the name of site or gate; it is asked again until the name is allowed. Raises InstallError for a wrong answer.
    """
    if layout.config_file.exists():
        return False
    site, gate = (_valid_name(name, answers.get(name), ask) for name in ("site", "gate"))
    text = example.read_text(encoding="utf-8")
    for key, value in (("site", site), ("device", gate)):
        text = re.sub(rf'(?m)^{key} = "[^"]*"', f'{key} = "{value}"', text, count=1)
    text = text.replace(f"{EXAMPLE_SITE_AND_GATE}.", f"{site}.{gate}.")  # names of certificate and key
    text = text.replace(f'pseudonym_key = "{PSEUDONYM_KEY_FILE}"', f'pseudonym_key = "private/{PSEUDONYM_KEY_FILE}"')
    layout.config_dir.mkdir(parents=True, exist_ok=True)
    release.update_history(layout, example=hashlib.sha256(text.encode()).hexdigest())
    return atomic_files.update_file(layout.config_file, text.encode(), 0o640)


def write_unnamed_config(layout: InstallLayout, example: Path) -> bool:
    """Write the configuration of a gate that an enrolment code will name, if there is none. True if it was written.

    It is the example without names, keys and certificates: every setting stays at its default.
    """
    if layout.config_file.exists():
        return False
    text = re.sub(r"(?m)^(?=[a-z_]+ = )", "# ", example.read_text(encoding="utf-8"))
    text = re.sub(r"(?m)^\[keys\]$", "# [keys]", text)
    layout.config_dir.mkdir(parents=True, exist_ok=True)
    release.update_history(layout, example=hashlib.sha256(text.encode()).hexdigest())
    return atomic_files.update_file(layout.config_file, text.encode(), 0o640)


def _valid_name(name: str, answer: str | None, ask: Callable[[str], str]) -> str:
    found = ask(name) if answer is None else answer
    if not NAME_PATTERN.fullmatch(found):
        raise InstallError("name-not-allowed", name=name)
    return found


def require_same_names(layout: InstallLayout, site: str | None, gate: str | None) -> None:
    """Raises InstallError if the configuration has other names than those that were given. It is not changed silently."""
    try:
        present = tomllib.loads(layout.config_file.read_text(encoding="utf-8-sig")).get("site", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return
    for name, given in (("site", site), ("device", gate)):
        if given is not None and isinstance(present, dict) and present.get(name) not in (None, given):
            raise InstallError(
                "name-differs", name=name, present=present.get(name), given=given, file=layout.config_file
            )


def take_files(layout: InstallLayout, folder: Path, *, renew: bool) -> list[KeyFileAnswer]:
    """Take the files of a gate from a folder. Returns what became of each file of the folder, by name.

    Known are the names in the configuration and the standard names, in any case of letters. Files that differ from those of the
    device stay as they are, unless `renew` is set. Raises InstallError if the folder holds no file of a gate.
    """
    paths = sorted(_entries(folder))
    known = _known_names(layout, folder)
    answers = []
    for path in paths:
        name = known.get(path.name.lower())
        if name is None or path.name.startswith("."):
            answers.append(KeyFileAnswer(path.name, Fate.UNKNOWN))
        elif path.is_symlink():  # a link could name any file of the system, and root would copy it
            answers.append(KeyFileAnswer(path.name, Fate.LINK))
        elif path.stat().st_size > MAX_BYTES:
            answers.append(KeyFileAnswer(path.name, Fate.TOO_LARGE))
        else:
            answers.append(KeyFileAnswer(path.name, _take(path, name, layout, renew=renew)))
    if all(answer.fate is Fate.UNKNOWN for answer in answers):
        raise InstallError("folder-not-of-a-gate", folder=folder)
    return answers


def _entries(folder: Path) -> Iterator[Path]:
    try:
        yield from (path for path in folder.iterdir() if path.is_symlink() or path.is_file())
    except OSError as error:
        raise InstallError("folder-not-readable", folder=folder, error=error.strerror) from error


def _known_names(layout: InstallLayout, folder: Path) -> dict[str, str]:
    """Name in small letters -> name as it is written in the configuration of stick or device."""
    names = [CONFIG_NAME, *STANDARD_NAMES]
    for config in (layout.config_file, *(path for path in _entries(folder) if path.name.lower() == CONFIG_NAME)):
        try:
            tree = tomllib.loads(config.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            continue
        names += [Path(text).name for text in _strings(tree) if Path(text).name]
        site = tree.get("site")
        if isinstance(site, dict):
            names += [f"{site.get('site')}.{site.get('device')}.{end}" for end in ("pem", "key")]
    return {name.lower(): name for name in names}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _take(path: Path, name: str, layout: InstallLayout, *, renew: bool) -> Fate:
    content = path.read_bytes()
    if name == CONFIG_NAME:
        content = content.removeprefix(BYTE_ORDER_MARK)
    secret = PRIVATE_KEY_NAMES.fullmatch(name) is not None or PRIVATE_KEY_MARK in content
    private = private_folder(layout)
    target = (private if secret else layout.config_dir) / name
    mode = 0o400 if secret else 0o640
    present = target.read_bytes() if target.is_file() else None
    if present == content:
        return Fate.SAME
    if present is None and not target.is_symlink():
        atomic_files.update_file(target, content, mode)
        return Fate.TAKEN
    untouched_example = name == CONFIG_NAME and is_untouched_example(layout)
    if name == PSEUDONYM_KEY_FILE or not (
        renew or untouched_example
    ):  # another pseudonym key would make other pseudonyms
        return Fate.KEPT
    atomic_files.update_file(target, content, mode)
    return Fate.REPLACED


def is_untouched_example(layout: InstallLayout) -> bool:
    """Whether the configuration is the example as `write_config` wrote it."""
    content = layout.config_file.read_bytes() if layout.config_file.is_file() else b""
    return hashlib.sha256(content).hexdigest() == release.read_history(layout).get("example")


def private_folder(layout: InstallLayout) -> Path:
    """The folder of private keys, which only root can read."""
    private = layout.config_dir / "private"
    private.mkdir(parents=True, exist_ok=True, mode=0o700)
    private.chmod(0o700)  # a folder that exists keeps its mode in mkdir
    return private


def make_pseudonym_key(layout: InstallLayout) -> None:
    """Make the key of this device, unless there is one."""
    target = private_folder(layout) / PSEUDONYM_KEY_FILE
    if not target.exists() and not (layout.config_dir / PSEUDONYM_KEY_FILE).exists():
        atomic_files.update_file(target, secrets.token_bytes(32), 0o400)


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
