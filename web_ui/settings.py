"""Settings of the web server, from the configuration file or the command line."""

from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from kiosk.config.schema import Settings
from kiosk.core.ports import KioskError

DEFAULT_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


class WebServerError(KioskError):
    """The pages cannot be served."""


@dataclass(frozen=True, slots=True)
class PlaceNames:
    """Names for people. Each may be empty."""

    site: str = ""
    gate: str = ""
    help_contact: str = ""
    help_phone: str = ""

    @property
    def help(self) -> str:
        """Who helps, with their number. Empty if neither is known."""
        return " ".join(filter(None, (self.help_contact, self.help_phone)))


UNNAMED = PlaceNames()


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where to read, and where to listen."""

    run_dir: Path
    """The daemon's run directory, with its status file."""
    database: Path | None = None
    """The database of events. None: pages without it."""
    language: str = "vi"
    """For a browser that accepts no language with a catalogue."""
    zone: tzinfo = DEFAULT_ZONE
    host: str = "127.0.0.1"
    port: int = 8080
    """0: any free port."""
    state_dir: Path | None = None
    """Accounts and audit log. None, or a folder that does not exist: no login and no actions."""
    certificate_path: Path | None = None
    """With it, the pages are served over TLS."""
    key_path: Path | None = None
    config_path: Path | None = None
    opening_hours: tuple[str, ...] = ()
    """Opening hours, as in the configuration."""
    place: PlaceNames = UNNAMED
    retention_days: int | None = None
    """After how many days delivered events are deleted on this device. None: not known here."""
    encrypted_delivery: bool = False
    """Events go to the centre over TLS."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names of this machine, besides its own and loopback."""

    @classmethod
    def from_config(cls, settings: Settings, path: Path) -> "WebSettings":
        """The settings of the web server in a configuration that was read from `path`."""
        return cls(
            run_dir=settings.run_dir,
            database=settings.storage.path,
            language=settings.site.language,
            zone=ZoneInfo(settings.site.timezone),
            opening_hours=settings.access.opening_hours,
            place=PlaceNames(
                settings.site.title, settings.site.gate_title, settings.site.help_contact, settings.site.help_phone
            ),
            retention_days=settings.storage.retention_days,
            encrypted_delivery=settings.mqtt.tls,
            host=settings.web.host,
            port=settings.web.port,
            allowed_hosts=settings.web.allowed_hosts,
            state_dir=settings.web.state_dir,
            certificate_path=settings.web.certificate,
            key_path=settings.web.key,
            config_path=path,
        )
