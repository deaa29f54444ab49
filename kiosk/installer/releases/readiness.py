"""Waits until a started version is ready: by the daemon's own status file, and by all units that were well before."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.installer.layout import InstallLayout
from kiosk.installer.systemd import DAEMON_UNIT, PURGE_UNIT, Systemd
from kiosk.system import atomic_files

READY_TIMEOUT_S = 120.0
STABLE_S = 10.0
"""How long the same process must stay ready. A process that crashes repeatedly is ready in between."""
POLL_INTERVAL_S = 0.5
STATUS_FILE = Path("/run/entrance-kiosk/status.json")
SERVING_STATES = ("ready", "degraded", "not-enrolled", "enrolling", "enrolment-offline")
"""A kiosk without a name serves no person yet. It works as it should, and an upgrade of it is not taken back."""
_tick = threading.Event()


@dataclass(frozen=True, slots=True)
class Before:
    """What was well before a switch, and must be well again after it."""

    failures: frozenset[str] = frozenset()
    """Codes of health checks that failed. They do not count against a new version."""
    well: frozenset[str] = frozenset()
    """Units that ran, and the purge unit if it worked."""
    receives: bool = False
    """The centre was confirming events."""


NOTHING_KNOWN = Before()
"""Before the first start."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Result of the wait."""

    is_ready: bool
    state: str
    """State of the daemon, `not-running`, or the name of a unit that does not work."""
    seconds: float
    """From the start until it was ready, without STABLE_S."""


NOT_MONITORED = Readiness(is_ready=True, state="not-monitored", seconds=0.0)
"""Readiness cannot be observed: systemd does not run, or the kiosk is stopped."""


def failed_checks(status: dict[str, Any] | None) -> frozenset[str]:
    """Codes of the failed checks."""
    checks = (status or {}).get("checks", [])
    return frozenset(str(check["code"]) for check in checks if check["status"] == "fail")


def centre_confirms(status: dict[str, Any] | None) -> bool:
    """Whether the centre has answered this process of the daemon: on each connect it sends a receipt of what it has."""
    return bool(((status or {}).get("uplink") or {}).get("last_receipt_at"))


def is_ready(status: dict[str, Any] | None, pid: int, preexisting_failures: Collection[str] = frozenset()) -> bool:
    """True if process `pid` serves people, or if it fails only checks that failed before the upgrade."""
    if not pid or status is None or status.get("pid") != pid:
        return False
    failures = failed_checks(status)
    return status.get("state") in SERVING_STATES or (bool(failures) and failures <= set(preexisting_failures))


def read_status(layout: InstallLayout) -> dict[str, Any] | None:
    """The status published by the daemon, or None."""
    return atomic_files.read_json(layout.at(str(STATUS_FILE)))


def look_before(layout: InstallLayout, systemd: Systemd) -> Before:
    """What is well now."""
    status, well = read_status(layout), systemd.active()
    if well and systemd.purge_works():
        well = {*well, PURGE_UNIT}
    return Before(failed_checks(status), frozenset(well), centre_confirms(status))


def wait_until_ready(
    layout: InstallLayout,
    systemd: Systemd,
    before: Before = NOTHING_KNOWN,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], object] = _tick.wait,
    timeout_s: float = READY_TIMEOUT_S,
    report: Callable[[str, float], object] = lambda _state, _seconds: None,
) -> Readiness:
    """Wait until the daemon was ready for STABLE_S with all units of before, or until the timeout.

    `report`: called at each look with the state and the seconds since the start.
    """
    began_s = clock()
    since_s, stable_pid = began_s, 0
    while True:
        pid, status, now_s = systemd.main_pid(DAEMON_UNIT), read_status(layout), clock()
        state = str(status["state"]) if status and status.get("pid") == pid and pid else "not-running"
        missing = sorted(before.well - systemd.active() - {PURGE_UNIT})
        if not is_ready(status, pid, before.failures) or missing:
            stable_pid = 0
            report(state, now_s - began_s)
            if now_s - began_s > timeout_s:
                unit = missing[0] if missing and is_ready(status, pid, before.failures) else state
                return Readiness(is_ready=False, state=unit, seconds=now_s - began_s)
        elif pid != stable_pid:
            stable_pid, since_s = pid, now_s
        elif now_s - since_s >= STABLE_S:
            if PURGE_UNIT in before.well and not systemd.purge_works():
                return Readiness(is_ready=False, state=PURGE_UNIT, seconds=now_s - began_s)
            return Readiness(is_ready=True, state=state, seconds=since_s - began_s)
        pause(POLL_INTERVAL_S)
