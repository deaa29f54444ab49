"""Which settings the centre and the page of the device may change, and the check of such values.

The same code runs on the device and at the centre. Not changeable: what this device is and whom it trusts, paths of files, and the
page that is the way in when nothing else works.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from kiosk.config.loader import ConfigError, parse_settings
from kiosk.config.overlay.reading import merge
from kiosk.config.schema import Section, Settings
from kiosk.config.toml_file import TomlError, parse_toml
from kiosk.config.unknown_keys import unknown_key_message
from mqtt.remote.configuration import MAX_VALUES_BYTES, canonical_bytes

FIXED_SECTIONS = frozenset({"keys", "web", "enrolment"})
FIXED_SETTINGS = frozenset({"site.site", "site.device", "mqtt.tls", "gpio.pin_factory"})
"""The name, the check of the broker's certificate, and the driver of the pins: mock pins would look healthy."""
_BASE = {
    "site": {"site": "site", "device": "device"},
    "keys": dict.fromkeys(("sealing_public_key", "pseudonym_key", "trust_list", "root_public_key"), "file"),
}
"""The rest of a file, for a check without a device."""


def changeable_settings() -> dict[str, FieldInfo]:
    """The fields by their dotted names, in the order of the schema."""
    return dict(_changeable(Settings))


def check_values(values: Mapping[str, Any], tree: Mapping[str, Any] | None = None) -> list[str]:
    """A sentence for each mistake of these values. `tree`: the configuration file that they count over. None: any."""
    known = changeable_settings()
    errors = [f"{name}: {_unknown(name, known)}" for name in values if name not in known]
    try:
        if len(canonical_bytes(values)) > MAX_VALUES_BYTES:
            errors.append(f"all values together have more than {MAX_VALUES_BYTES} bytes.")
    except ValueError as error:
        errors.append(f"a value cannot be sent: {error}.")
    if errors:
        return errors
    try:
        parse_settings(merge(_BASE if tree is None else tree, values), Path("values"))
    except ConfigError as error:
        return error.errors
    return []


def parse_assignment(text: str) -> tuple[str, Any]:
    """`NAME=VALUE` with the value as in the file, `null` for no value, or a text without quotes. Raises ValueError."""
    name, sign, value = (part.strip() for part in text.partition("="))
    if not sign or not name:
        raise ValueError(f"{text!r} is not NAME=VALUE.")
    return name, value_of_text(name, value)


def value_of_text(name: str, text: str) -> Any:
    """What a person typed as the value of a setting. The check comes later, and says what is wrong with it."""
    info = changeable_settings().get(name)
    kinds = (info.annotation, *get_args(info.annotation)) if info else ()
    if text == "null" or (not text and type(None) in kinds):
        return None
    is_text = info is not None and _is_text(info.annotation)
    if is_text and not (len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"):
        return text
    try:
        found = parse_toml(f"value = {text}".encode()).get("value")
    except TomlError:
        return text
    return found if isinstance(found, str | int | float | bool | list) else text


def _is_text(annotation: Any) -> bool:
    """Whether all values are texts."""
    choices = [one for one in get_args(annotation) if one is not type(None)]
    return annotation is str or (bool(choices) and all(one is str or isinstance(one, str) for one in choices))


def _unknown(name: str, known: Mapping[str, FieldInfo]) -> str:
    if name.partition(".")[0] in FIXED_SECTIONS or name in FIXED_SETTINGS or _is_setting(name):
        return "this setting is changed in the file of the device only."
    return unknown_key_message(name, list(known))


def _is_setting(name: str) -> bool:
    return any(name == found for found, _ in _all_settings(Settings))


def _changeable(section: type[Section]) -> Iterator[tuple[str, FieldInfo]]:
    for name, info in _all_settings(section):
        first, dot, _ = name.partition(".")
        if dot and first not in FIXED_SECTIONS and name not in FIXED_SETTINGS and "Path" not in str(info.annotation):
            yield name, info


def _all_settings(section: type[Section], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, info in section.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from _all_settings(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", info
