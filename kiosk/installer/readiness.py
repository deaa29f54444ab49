"""Waits until a started version is ready, by its status file."""

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
"""How long the same process must stay ready. A process that crashes repeatedly is ready in between."""
POLL_INTERVAL_S = 0.5
DAEMON_UNIT = "kiosk.service"
STATUS_FILE = Path("/run/entrance-kiosk/status.json")
SERVING_STATES = ("ready", "degraded")
_tick = threading.Event()


@dataclass(frozen=True, slots=True)
class Readiness:
    """Result of the wait."""

    is_ready: bool
    state: str
    seconds: float
    """From the start until it was ready, without STABLE_S."""


NOT_MONITORED = Readiness(is_ready=True, state="not-monitored", seconds=0.0)
"""Readiness cannot be observed: systemd does not run, or the configuration is incomplete."""


def failed_checks(status: dict[str, Any] | None) -> frozenset[str]:
    """Codes of the failed checks."""
    checks = (status or {}).get("checks", [])
    return frozenset(str(check["code"]) for check in checks if check["status"] == "fail")


def is_ready(status: dict[str, Any] | None, pid: int, preexisting_failures: frozenset[str] = frozenset()) -> bool:
    """True if process `pid` serves people, or if it fails only checks that failed before the upgrade."""
    if not pid or status is None or status.get("pid") != pid:
        return False
    failures = failed_checks(status)
    return status.get("state") in SERVING_STATES or (bool(failures) and failures <= preexisting_failures)


def read_status(layout: InstallLayout) -> dict[str, Any] | None:
    """The status published by the daemon, or None."""
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
    """Wait until the daemon was ready for STABLE_S, or until the timeout."""
    began_s = clock()
    since_s, stable_pid = began_s, 0
    while True:
        pid, status, now_s = systemd.main_pid(DAEMON_UNIT), read_status(layout), clock()
        if not is_ready(status, pid, preexisting_failures):
            stable_pid = 0
            if now_s - began_s > timeout_s:
                state = str(status["state"]) if status and status.get("pid") == pid and pid else "not-running"
                return Readiness(is_ready=False, state=state, seconds=now_s - began_s)
        elif pid != stable_pid:
            stable_pid, since_s = pid, now_s
        elif now_s - since_s >= STABLE_S:
            return Readiness(is_ready=True, state=str((status or {})["state"]), seconds=since_s - began_s)
        pause(POLL_INTERVAL_S)
