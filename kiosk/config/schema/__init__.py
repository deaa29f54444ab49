"""The schema of the configuration: every setting with its type, default, limits and unit.

docs/reference/configuration.md and files/kiosk.example.toml are generated from here. Settings never hold secrets. They name files.
"""

from pathlib import Path

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
from kiosk.config.schema.sources import CameraSettings, DecodingSettings
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

    @property
    def is_enrolled(self) -> bool:
        """Whether this device has a name: by the file or by enrolment."""
        return self.site.site != file_names.NOT_ENROLLED

    @property
    def uses_enrolment(self) -> bool:
        """Whether the enrolment in `enrolment.folder` is in force, and not files that the configuration names."""
        return self.is_enrolled and self.keys.trust_list.parent == self.enrolment.folder / file_names.ENROLMENT_CURRENT
