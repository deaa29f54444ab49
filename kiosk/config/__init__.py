"""The configuration of a device: its schema, and the loader that reports all mistakes of a file at once."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiosk.config.loader import (
        DEFAULT_PATH,
        MAX_CONFIG_BYTES,
        ConfigError,
        camera_with_source,
        load_settings,
        parse_settings,
        resolve_paths,
    )
    from kiosk.config.schema import (
        PATTERN_NAMES,
        AccessSettings,
        CameraSettings,
        DecodingSettings,
        EnrolmentSettings,
        GpioSettings,
        KeySettings,
        MqttSettings,
        PatternSettings,
        Section,
        Settings,
        SiteSettings,
        SpeechSettings,
        StorageSettings,
        VisitSettings,
        WebServerSettings,
    )
    from kiosk.config.toml_file import TomlError, parse_toml

__all__ = [
    "DEFAULT_PATH",
    "MAX_CONFIG_BYTES",
    "PATTERN_NAMES",
    "AccessSettings",
    "CameraSettings",
    "ConfigError",
    "DecodingSettings",
    "EnrolmentSettings",
    "GpioSettings",
    "KeySettings",
    "MqttSettings",
    "PatternSettings",
    "Section",
    "Settings",
    "SiteSettings",
    "SpeechSettings",
    "StorageSettings",
    "TomlError",
    "VisitSettings",
    "WebServerSettings",
    "camera_with_source",
    "load_settings",
    "parse_settings",
    "parse_toml",
    "resolve_paths",
]


def __getattr__(name: str) -> object:
    """Load what is asked for. The centre reads TOML files and addresses with this package and never loads the schema."""
    if name in __all__:
        for place in ("schema", "loader", "toml_file"):
            module = importlib.import_module(f"kiosk.config.{place}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'kiosk.config' has no attribute {name!r}")
