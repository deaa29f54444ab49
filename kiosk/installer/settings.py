"""Numbers of /etc/default/entrance-kiosk."""

from dataclasses import dataclass

from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases.readiness import READY_TIMEOUT_S
from kiosk.installer.releases.trial import TRIAL_S

PATH = "/etc/default/entrance-kiosk"


@dataclass(frozen=True, slots=True)
class ReleaseSettings:
    """How long a new release is given, and how long it is on trial."""

    ready_timeout_s: float = READY_TIMEOUT_S
    trial_s: float = TRIAL_S


def read_settings(layout: InstallLayout) -> ReleaseSettings:
    """The settings of this device. A line that is not understood does not count."""
    found: dict[str, float] = {}
    path = layout.at(PATH)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []:
        name, _, value = line.strip().partition("=")
        if name in ("READY_TIMEOUT_S", "TRIAL_S") and value.replace(".", "", 1).isdecimal():
            found[name.lower()] = float(value)
    return ReleaseSettings(**found)
