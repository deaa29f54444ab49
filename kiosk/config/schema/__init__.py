"""The schema of the configuration: every setting with its type, default, limits and unit.

docs/reference/configuration.md and files/kiosk.example.toml are generated from here. Settings never hold secrets. They name files.
"""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from kiosk.config.schema.section import Section
from kiosk.config.schema.services import (
    EnrolmentSettings,
    KeySettings,
    MqttSettings,
    StorageSettings,
    WebServerSettings,
)
from kiosk.config.schema.signals import PATTERN_NAMES, GpioSettings, PatternSettings, SpeechSettings
from kiosk.config.schema.site import AccessSettings, SiteSettings, VisitSettings
from kiosk.config.schema.sources import CameraSettings, DecodingSettings, ScannerSettings
from kiosk.core import file_names

__all__ = [
    "PATTERN_NAMES",
    "AccessSettings",
    "CameraSettings",
    "DecodingSettings",
    "EnrolmentSettings",
    "GpioSettings",
    "KeySettings",
    "MqttSettings",
    "PatternSettings",
    "ScannerSettings",
    "Section",
    "Settings",
    "SiteSettings",
    "SpeechSettings",
    "StorageSettings",
    "VisitSettings",
    "WebServerSettings",
]


class Settings(Section):
    """The whole file."""

    site: SiteSettings
    camera: CameraSettings = CameraSettings()
    scanner: ScannerSettings = ScannerSettings()
    decoding: DecodingSettings = DecodingSettings()
    gpio: GpioSettings = GpioSettings()
    visit: VisitSettings = VisitSettings()
    access: AccessSettings = AccessSettings()
    storage: StorageSettings = StorageSettings()
    mqtt: MqttSettings = MqttSettings()
    keys: KeySettings
    web: WebServerSettings = WebServerSettings()
    speech: SpeechSettings = SpeechSettings()
    enrolment: EnrolmentSettings = EnrolmentSettings()
    run_dir: Path = Path("/run/entrance-kiosk")
    """Folder in memory for the status file and the control socket."""
    sysfs: Path = Path("/sys")
    """Folder of the kernel's values for temperature and supply. Tests use another one."""

    @model_validator(mode="after")
    def _check_one_scanner(self) -> Self:
        if self.scanner.source is not None and self.has_scanner_only:
            raise ValueError("camera.source and scanner.source both name a scanner. Leave scanner.source out")
        return self

    @property
    def has_scanner_only(self) -> bool:
        """Whether this device has a scanner in place of a camera."""
        return self.camera.source.startswith("scanner:")

    @property
    def scanner_source(self) -> str | None:
        """The scanner of this device, `scanner:PATH`. None: it has a camera only."""
        return self.camera.source if self.has_scanner_only else self.scanner.source

    @property
    def is_enrolled(self) -> bool:
        """Whether this device has a name: by the file or by enrolment."""
        return self.site.site != file_names.NOT_ENROLLED

    @property
    def uses_enrolment(self) -> bool:
        """Whether the enrolment in `enrolment.folder` is in force, and not files that the configuration names."""
        return self.is_enrolled and self.keys.trust_list.parent == self.enrolment.folder / file_names.ENROLMENT_CURRENT
