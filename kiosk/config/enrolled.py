"""Completes a configuration file that names no device: with what the enrolment brought, or as that of a kiosk without a name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kiosk.config.toml_file import parse_toml
from kiosk.core import file_names
from kiosk.system import atomic_files


def is_unnamed(tree: Mapping[str, Any]) -> bool:
    """Whether the file leaves site, device and keys to the enrolment."""
    site = tree.get("site", {})
    return "keys" not in tree and isinstance(site, Mapping) and not {"site", "device"} & site.keys()


def complete_tree(tree: Mapping[str, Any], current: Path) -> dict[str, Any]:
    """The tree of a file for which `is_unnamed` holds, with site, device, addresses, keys and lists.

    `current`: folder of the enrolment. Values of the file count before those of the centre. Without an enrolment the names are
    `NOT_ENROLLED`. Raises TomlError for values that are no TOML.
    """
    found = read_enrolled(current) or {}
    values = found.get("values_toml")
    base = parse_toml(values.encode()) if isinstance(values, str) else {}
    return _merged(_merged(base, tree), _identity(found, current))


def enrolment_folder(tree: Mapping[str, Any], config_folder: Path) -> Path:
    """The folder that the file names, or the usual one."""
    section = tree.get("enrolment", {})
    given = section.get("folder") if isinstance(section, Mapping) else None
    return config_folder / given if isinstance(given, str) and given else Path(file_names.ENROLMENT_FOLDER)


def read_enrolled(current: Path) -> dict[str, Any] | None:
    """What the enrolment wrote. None: this kiosk is not enrolled, or the file cannot be read."""
    try:
        return atomic_files.read_json(current / file_names.ENROLMENT_SETTINGS)
    except OSError:
        return None


def _identity(found: Mapping[str, Any], current: Path) -> dict[str, Any]:
    keys = {
        "sealing_public_key": str(current / file_names.SEALING_PUBLIC_KEY),
        "pseudonym_key": str(current / file_names.PSEUDONYM_KEY),
        "trust_list": str(current / file_names.TRUST_LIST),
        "root_public_key": str(current / file_names.ROOT_PUBLIC_KEY),
    }
    if (current / file_names.DENYLIST).exists():
        keys["denylist"] = str(current / file_names.DENYLIST)
    if (current / file_names.FLEET_PUBLIC_KEY).exists():
        keys["fleet_public_key"] = str(current / file_names.FLEET_PUBLIC_KEY)
    if not found:
        nowhere = {"site": file_names.NOT_ENROLLED, "device": file_names.NOT_ENROLLED}
        return {"site": nowhere, "keys": keys}
    mqtt = {
        "tls": True,
        "ca": str(current / file_names.CA_CERTIFICATE),
        "certificate": str(current / file_names.ENROLLED_CERTIFICATE),
        "key": str(current / file_names.ENROLLED_KEY),
        "brokers": found.get("brokers", []),
    }
    return {"site": {"site": found.get("site"), "device": found.get("device")}, "mqtt": mqtt, "keys": keys}


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Section by section: the keys of `over` count before those of `under`."""
    made = dict(under)
    for name, value in over.items():
        below = made.get(name)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        made[name] = _merged(below, value) if both else value  # type: ignore[arg-type]  # `both` says so
    return made
