"""What the page needs to know, from the configuration file or from the command line."""

from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from kiosk.config import Settings
from kiosk.core.ports import KioskError

DEFAULT_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


class WebServerError(KioskError):
    """The page cannot be served."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where to look, and where to listen."""

    run_dir: Path
    """The daemon's run directory, with its status file."""
    database: Path | None = None
    """The daemon's passages; None: the page does without."""
    language: str = "vi"
    """For a browser that asks for neither."""
    zone: tzinfo = DEFAULT_ZONE
    host: str = "127.0.0.1"
    port: int = 8080
    """0 takes a free one."""
    state_dir: Path | None = None
    """Accounts and audit log; None, or a folder that does not exist: no login, no actions."""
    certificate_path: Path | None = None
    """With it, the page is served over TLS."""
    key_path: Path | None = None
    config_path: Path | None = None
    opening_hours: tuple[str, ...] = ()
    """Opening hours, as in the configuration."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names of this machine, beside its own and loopback."""

    @classmethod
    def from_config(cls, settings: Settings, path: Path) -> "WebSettings":
        """The page's share of the whole configuration, which was read from `path`."""
        return cls(
            run_dir=settings.run_dir,
            database=settings.storage.path,
            language=settings.site.language,
            zone=ZoneInfo(settings.site.timezone),
            opening_hours=settings.access.opening_hours,
            host=settings.web.host,
            port=settings.web.port,
            allowed_hosts=settings.web.allowed_hosts,
            state_dir=settings.web.state_dir,
            certificate_path=settings.web.certificate,
            key_path=settings.web.key,
            config_path=path,
        )
