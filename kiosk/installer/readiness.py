"""Is the version that was just started ready? Its own status file says so, as the lamp does."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine.device import Systemd
from kiosk.system import atomic_files

READY_TIMEOUT_S = 120.0
STABLE_S = 10.0
"""So long one and the same process must stay ready: one that falls over and over is ready in between."""
POLL_INTERVAL_S = 0.5
DAEMON_UNIT = "kiosk.service"
STATUS_FILE = Path("/run/entrance-kiosk/status.json")
SERVING_STATES = ("ready", "degraded")
_tick = threading.Event()


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found, and why where it was not ready."""

    is_ready: bool
    state: str
    seconds: float
    """From the start until it was ready; without the time that it was watched afterwards."""


NOT_MONITORED = Readiness(is_ready=True, state="not-monitored", seconds=0.0)
"""Where there is nothing to see: no systemd runs here, or the configuration is not complete."""


def failed_checks(status: dict[str, Any] | None) -> frozenset[str]:
    """Names of the facts that put a device out of order."""
    checks = (status or {}).get("checks", [])
    return frozenset(str(check["code"]) for check in checks if check["status"] == "fail")


def is_ready(status: dict[str, Any] | None, pid: int, preexisting_failures: frozenset[str] = frozenset()) -> bool:
    """Whether that process serves people; troubles of the device that it had before (`pardoned`) are not the new version's."""
    if not pid or status is None or status.get("pid") != pid:
        return False
    broken = failed_checks(status)
    return status.get("state") in SERVING_STATES or (bool(broken) and broken <= preexisting_failures)


def read_status(layout: InstallLayout) -> dict[str, Any] | None:
    """What the daemon says of itself, or None."""
    return atomic_files.read_json(layout.at(str(STATUS_FILE)))


def wait_until_ready(
    layout: InstallLayout,
    systemd: Systemd,
    preexisting_failures: frozenset[str] = frozenset(),
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] = _tick.wait,
    timeout_s: float = READY_TIMEOUT_S,
) -> Readiness:
    """Watch the daemon until it was steadily ready, or the time is over."""
    began_s = clock()
    since_s, steady_pid = began_s, 0
    while True:
        pid, said, now_s = systemd.main_pid(DAEMON_UNIT), read_status(layout), clock()
        if not is_ready(said, pid, preexisting_failures):
            steady_pid = 0
            if now_s - began_s > timeout_s:
                state = str(said["state"]) if said and said.get("pid") == pid and pid else "not-running"
                return Readiness(is_ready=False, state=state, seconds=now_s - began_s)
        elif pid != steady_pid:
            steady_pid, since_s = pid, now_s
        elif now_s - since_s >= STABLE_S:
            return Readiness(is_ready=True, state=str((said or {})["state"]), seconds=since_s - began_s)
        pause(POLL_INTERVAL_S)
