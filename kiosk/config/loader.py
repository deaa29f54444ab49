"""Loads the configuration file: TOML into settings, all mistakes reported at once.

kiosk/config/schema/ defines the settings. Relative paths start at the folder of the configuration file.
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kiosk.config import enrolled, renamed_keys
from kiosk.config.overlay import reading
from kiosk.config.schema import CameraSettings, Section, Settings
from kiosk.config.toml_file import TomlError, parse_toml
from kiosk.config.unknown_keys import unknown_key_message
from kiosk.core import file_names, signal_patterns
from kiosk.core.ports import KioskError

log = logging.getLogger(__name__)

MAX_CONFIG_BYTES = 256 * 1024
DEFAULT_PATH = Path("/etc/entrance-kiosk/kiosk.toml")


class ConfigError(KioskError):
    """The configuration is invalid. `errors` has one sentence for each mistake."""

    def __init__(self, path: Path, errors: list[str]) -> None:
        self.path = path
        self.errors = errors
        super().__init__("\n".join([f"{path}: {len(errors)} mistake{'s' if len(errors) > 1 else ''}", *errors]))


def load_settings(path: Path, enrolment: Path | None = None, *, with_overlay: bool = True) -> Settings:
    """Read and check a configuration file. Raises ConfigError with all its mistakes.

    A file without site, device and keys is completed by what the enrolment brought (kiosk/config/enrolled.py). `enrolment`:
    another folder of it than the one in force. What the centre or the page changed counts over the file (kiosk/config/overlay),
    unless it does not fit the file. `with_overlay` False: the file alone.
    """
    tree, folder = read_tree(path, enrolment), path.absolute().parent
    values = reading.effective_overlay(tree, folder).values if with_overlay and enrolment is None else {}
    if values:
        try:
            return settings_of_tree(reading.merge(tree, values), path)
        except ConfigError as error:
            log.error("settings of the centre or of the page do not fit the file, which counts alone: %s", error)
    return settings_of_tree(tree, path)


def read_tree(path: Path, enrolment: Path | None = None) -> dict[str, Any]:
    """The parsed file, completed by the enrolment and not checked. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    if len(raw) > MAX_CONFIG_BYTES:
        raise ConfigError(path, [f"is larger than {MAX_CONFIG_BYTES} bytes; this cannot be a configuration"])
    try:
        tree = parse_toml(raw)
        if enrolled.is_unnamed(tree):
            current = enrolled.enrolment_folder(tree, path.absolute().parent) / file_names.ENROLMENT_CURRENT
            tree = enrolled.complete_tree(tree, enrolment or current)
    except TomlError as error:
        raise ConfigError(path, [f"{error}."]) from error
    return tree


def settings_of_tree(tree: Mapping[str, Any], path: Path) -> Settings:
    """Check a tree, and make its paths start at the folder of the file. Raises ConfigError."""
    return resolve_paths(parse_settings(tree, path), path.absolute().parent)


def parse_settings(tree: Mapping[str, Any], path: Path) -> Settings:
    """Check a parsed file. `path` is for the messages only. Raises ConfigError."""
    current, messages = renamed_keys.translate(tree)
    try:
        settings = Settings.model_validate(current)
    except ValidationError as error:
        raise ConfigError(path, [*messages, *_error_messages(error)]) from None
    if messages:
        raise ConfigError(path, messages)
    return settings


def camera_with_source(source: str, base: CameraSettings) -> CameraSettings:
    """The camera settings with the source given on a command line. Raises ConfigError."""
    try:
        return CameraSettings.model_validate(base.model_dump(exclude_unset=True) | {"source": source})
    except ValidationError as error:
        raise ConfigError(Path("--camera"), list(_error_messages(error))) from None


FORMS = {
    "camera.source": "picamera2, webcam:NUMBER, replay:FOLDER, synthetic, synthetic:SOCKET, or scanner:/dev/... without a camera",
    "scanner.source": "scanner: and the path of the device, as in scanner:/dev/ttyACM0",
    "gpio.relay_led": "letters, digits, colons, hyphens and underscores only, at most 63",
    "access.daily_reset_at": "a time of the day from 00:00 to 23:59",
}
"""Settings with a pattern that are no names, in words."""


def _error_messages(validation_error: ValidationError) -> Iterator[str]:
    """A sentence for each mistake found by pydantic or by our own validators."""
    for error in validation_error.errors(include_url=False):
        ours = error.get("ctx", {}).get("error")
        if isinstance(ours, signal_patterns.SignalPatternError):
            yield from ours.errors
        else:
            yield _error_message(error)


def _error_message(error: Any) -> str:
    """One pydantic error as a sentence: the key, the mistake and, where possible, a suggestion."""
    place = ".".join(str(step) for step in error["loc"])
    if error["type"] == "extra_forbidden":
        known = list(_known_keys(error["loc"][:-1]))
        return f"{place}: {unknown_key_message(str(error['loc'][-1]), known)}"
    if error["type"] == "missing":
        return f"{place}: missing; it has no default."
    if error["type"] == "value_error":
        text = str(error["ctx"]["error"])
        full_stop = "" if text.endswith(("?", ".")) else "."
        return f"{text}{full_stop}" if place in text else f"{place}: {text}{full_stop}"
    if error["type"] == "tuple_type":
        return f'{place}: a list in square brackets is needed, as in [1, 2] or ["a", "b"]; found {_truncated(error["input"])}.'
    if error["type"] == "string_pattern_mismatch":
        form = FORMS.get(place, "small letters, digits and hyphens only, at most 63")
        return f"{place}: {form}; found {_truncated(error['input'])}."
    return f"{place}: {error['msg']}; found {_truncated(error['input'])}."


def _truncated(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _known_keys(location: tuple[int | str, ...]) -> Iterator[str]:
    model: Any = Settings
    for step in location:
        model = model.model_fields[str(step)].annotation
    yield from model.model_fields


def resolve_paths(settings: Settings, folder: Path) -> Settings:
    """Make every relative path start at the configuration file's folder."""

    def anchor(section: Section) -> Section:
        changed: dict[str, Any] = {}
        for name in type(section).model_fields:
            value = getattr(section, name)
            if (
                isinstance(value, Path) and not value.is_absolute()
            ):  # absolute defaults stay, so that they do not count as set
                changed[name] = folder / value
            elif isinstance(value, Section):
                changed[name] = anchor(value)
        return section.model_copy(update=changed)

    found = anchor(settings)
    assert isinstance(found, Settings)
    return found
