"""The settings that the daemon runs with, told to the page: a file in its run directory, with the source of every value.

The configuration file may have been changed since the daemon read it; this says what is in force. No secrets: settings name
the files that hold them.
"""

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from kiosk.config import Section, Settings

SETTINGS_FILE = "settings.json"
MAX_FILE_BYTES = 512 * 1024
FILE, DEFAULT, COMMAND = "file", "default", "command"


class Setting(NamedTuple):
    """One value in force."""

    name: str
    """Dotted, as in `camera.width`."""
    value: str
    """Empty where it is left out."""
    source: str
    """`file`, `default`, or `command` (of the line with which the daemon was started)."""


def told(section: Section, overridden: Collection[str] = (), prefix: str = "") -> Iterator[Setting]:
    """Every setting with its source; `commanded` names those that came from the command line."""
    for name in type(section).model_fields:
        value, full = getattr(section, name), f"{prefix}{name}"
        if isinstance(value, Section):
            yield from told(value, overridden, f"{full}.")
            continue
        source = COMMAND if full in overridden else FILE if name in section.model_fields_set else DEFAULT
        yield Setting(full, "" if value is None else _spelled(value), source)


def _spelled(value: object) -> str:
    """As TOML spells it, without the quotes of a plain text."""
    if isinstance(value, bool | tuple):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def publish(settings: Settings, run_dir: Path, overridden: Collection[str] = ()) -> None:
    """Write them for the page; no fsync, it lives in memory. Raises OSError."""
    target = run_dir / SETTINGS_FILE
    draft = run_dir / f".{SETTINGS_FILE}.{os.getpid()}"
    draft.write_text(json.dumps(list(told(settings, overridden)), ensure_ascii=False), encoding="utf-8")
    draft.replace(target)


def withdraw(run_dir: Path) -> None:
    """Take them away at a clean stop."""
    (run_dir / SETTINGS_FILE).unlink(missing_ok=True)


def read(run_dir: Path) -> tuple[Setting, ...] | None:
    """What a daemon published there; None where there is nothing, or not that. Never raises."""
    try:
        with (run_dir / SETTINGS_FILE).open("rb") as file:
            found = json.loads(file.read(MAX_FILE_BYTES))
        settings = tuple(Setting(*each) for each in found)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return settings if all(isinstance(text, str) for each in settings for text in each) else None
