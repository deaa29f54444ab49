"""Settings of the centre's pages, from the command line."""

from dataclasses import dataclass
from pathlib import Path

from web_ui.centre.oidc.settings import OidcSettings


@dataclass(frozen=True, slots=True)
class CentreWebSettings:
    """What to read, and where to listen."""

    database: str
    """A file, or postgresql://user@host/name."""
    host: str = "127.0.0.1"
    port: int = 8090
    """0: any free port."""
    certificate_path: Path | None = None
    """With it, the pages are served over TLS."""
    key_path: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    """Host names of this machine, besides its own and loopback."""
    language: str = "vi"
    """For a browser that accepts no language with a catalogue."""
    metrics_token: str = ""
    """What a machine must know to read /metrics. Empty: the page does not exist."""
    organisation: str = ""
    """Letterhead of printed pages."""
    oidc: OidcSettings | None = None
    """A provider that people may sign in with, besides the passwords."""
    case_keys: Path = Path("case-keys")
    """Folder with the keys of the cases of tracing."""
