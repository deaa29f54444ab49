"""The effective settings of the running daemon, with the source of each value, as a file in its run directory.

The configuration file may have changed since the daemon read it. No secrets: settings name the files that hold them.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from kiosk.config.schema import Section, Settings
from kiosk.system import atomic_files

SETTINGS_FILE = "settings.json"
MAX_FILE_BYTES = 512 * 1024
FILE, DEFAULT, COMMAND = "file", "default", "command"
_NO_SOURCES: Mapping[str, str] = MappingProxyType({})


class EffectiveSetting(NamedTuple):
    """One value that the daemon uses."""

    name: str
    """Dotted, as in `camera.width`."""
    value: str
    """Empty where it is not set."""
    source: str
    """`file`, `default`, `command` (an option of `kiosk run`), `centre`, or `device` (changed on this device)."""


def effective_settings(
    settings: Settings, overridden: Collection[str] = (), sources: Mapping[str, str] = _NO_SOURCES
) -> Iterator[EffectiveSetting]:
    """Every setting with its source. `overridden`: those of the command line. `sources`: by name, of those over the file."""
    for name, value, is_set in _walk(settings):
        source = COMMAND if name in overridden else sources.get(name) or (FILE if is_set else DEFAULT)
        yield EffectiveSetting(name, "" if value is None else _format_value(value), source)


def toml_lines(settings: Settings) -> Iterator[str]:
    """Every setting that has a value as a line of TOML, with its dotted name."""
    for name, value, _ in _walk(settings):
        if value is not None:
            text = _format_value(value)
            yield f"{name} = {json.dumps(text, ensure_ascii=False) if isinstance(value, str | Path) else text}"


def _walk(section: Section, prefix: str = "") -> Iterator[tuple[str, object, bool]]:
    """Every setting below a section: its dotted name, its value, and whether the file names it."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _walk(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, name in section.model_fields_set


def _format_value(value: object) -> str:
    """As in TOML, but a text has no quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | tuple) else str(value)


def publish_effective_settings(
    settings: Settings,
    run_dir: Path,
    overridden: Collection[str] = (),
    sources: Mapping[str, str] = _NO_SOURCES,
) -> None:
    """Write them for the web UI. No fsync, because the file is in memory. Raises OSError."""
    content = json.dumps(list(effective_settings(settings, overridden, sources)), ensure_ascii=False).encode()
    atomic_files.write_file(run_dir / SETTINGS_FILE, content, durable=False)


def remove_effective_settings(run_dir: Path) -> None:
    """Delete the file at a clean stop."""
    (run_dir / SETTINGS_FILE).unlink(missing_ok=True)


def read_effective_settings(run_dir: Path) -> tuple[EffectiveSetting, ...] | None:
    """What the daemon published, or None where there is no valid file. Never raises."""
    try:
        with (run_dir / SETTINGS_FILE).open("rb") as file:
            found = json.loads(file.read(MAX_FILE_BYTES))
        settings = tuple(EffectiveSetting(*each) for each in found)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return settings if all(isinstance(text, str) for each in settings for text in each) else None
