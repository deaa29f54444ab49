"""The configuration of a device: its schema, and the loader that reports all mistakes of a file at once."""

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
    GpioSettings,
    KeySettings,
    MqttSettings,
    PatternSettings,
    Section,
    Settings,
    SiteSettings,
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
    "GpioSettings",
    "KeySettings",
    "MqttSettings",
    "PatternSettings",
    "Section",
    "Settings",
    "SiteSettings",
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
