"""Waits for readiness with a line every 10 s: a person at a silent terminal would switch the power off."""

from kiosk.installer.errors import print_message, state_label
from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases import readiness
from kiosk.installer.releases.readiness import Before, Readiness
from kiosk.installer.releases.upgrade import WaitUntilReady
from kiosk.installer.settings import read_settings
from kiosk.installer.systemd import Systemd

PROGRESS_INTERVAL_S = 10.0


class Progress:
    """Prints the state every 10 s."""

    def __init__(self) -> None:
        self._told_s = 0.0

    def __call__(self, state: str, seconds: float) -> None:
        """`seconds`: since the start."""
        if seconds - self._told_s >= PROGRESS_INTERVAL_S:
            self._told_s = seconds
            print_message("waiting", state=state_label(state), seconds=f"{seconds:.0f}")


def waiter(layout: InstallLayout, systemd: Systemd) -> WaitUntilReady:
    """Waits as long as the settings say."""

    def wait(before: Before) -> Readiness:
        timeout_s = read_settings(layout).ready_timeout_s
        return readiness.wait_until_ready(layout, systemd, before, timeout_s=timeout_s, report=Progress())

    return wait
