"""What the page needs to know, from the configuration file or from the command line."""

from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from kiosk.config import Settings
from kiosk.core.ports import KioskError
from web_ui.i18n.formatting import Language

HUE = ZoneInfo("Asia/Ho_Chi_Minh")


class PageTrouble(KioskError):
    """The page cannot be served."""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Where to look, and where to listen."""

    run_dir: Path
    """The daemon's run directory, with its status file."""
    database: Path | None = None
    """The daemon's passages; None: the page does without."""
    language: Language = "vi"
    """For a browser that asks for neither."""
    zone: tzinfo = HUE
    host: str = "127.0.0.1"
    port: int = 8080
    """0 takes a free one."""
    state_dir: Path | None = None
    """Accounts and audit log; None, or a folder that does not exist: no login, no actions."""
    certificate: Path | None = None
    """With it, the page is served over TLS."""
    key: Path | None = None
    config_path: Path | None = None
    opens: tuple[str, ...] = ()
    """Opening hours, as in the configuration."""
    names: tuple[str, ...] = ()
    """Host names of this machine, beside its own and loopback."""

    @classmethod
    def of(cls, settings: Settings, path: Path) -> "PageSettings":
        """The page's share of the whole configuration, which was read from `path`."""
        return cls(
            run_dir=settings.run_dir,
            database=settings.records.path,
            language=settings.site.language,
            zone=ZoneInfo(settings.visit.timezone),
            opens=settings.policy.opens,
            host=settings.page.host,
            port=settings.page.port,
            names=settings.page.names,
            state_dir=settings.page.state_dir,
            certificate=settings.page.certificate,
            key=settings.page.key,
            config_path=path,
        )
