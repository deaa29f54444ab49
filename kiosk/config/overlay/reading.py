"""Reads the overlay that belongs to a configuration file, and lays it over the file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kiosk.config.overlay.document import Overlay, OverlayState
from kiosk.config.overlay.journal import Journal
from kiosk.config.schema import StorageSettings


def journal_folder(tree: Mapping[str, Any], config_folder: Path) -> Path:
    """The folder of the database that the file names, or the usual one."""
    section = tree.get("storage", {})
    given = section.get("path") if isinstance(section, Mapping) else None
    database = config_folder / given if isinstance(given, str) and given else StorageSettings().path
    return database.parent


def device_name(tree: Mapping[str, Any]) -> str:
    """`SITE/DEVICE` of the file."""
    section = tree.get("site", {})
    section = section if isinstance(section, Mapping) else {}
    return f"{section.get('site', '')}/{section.get('device', '')}"


def own_state(state: OverlayState, device: str) -> OverlayState:
    """The state, or an empty one where it belongs to another name of this device."""
    return state if state.device in {"", device} else OverlayState(device)


def effective_overlay(tree: Mapping[str, Any], config_folder: Path) -> Overlay:
    """What counts over the file now."""
    return own_state(Journal(journal_folder(tree, config_folder)).read(), device_name(tree)).effective


def merge(tree: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The tree of a file with values by dotted name over it."""
    made = dict(tree)
    for name, value in values.items():
        section, _, rest = name.partition(".")
        below = made.get(section)
        made[section] = merge(below if isinstance(below, Mapping) else {}, {rest: value}) if rest else value
    return made
