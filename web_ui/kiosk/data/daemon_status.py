"""The daemon's status for the pages, while it is fresh.

A page never shows a stale pass: a status that is missing, unreadable or too old is a state of its own (guarantee 3).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from kiosk.core.model import DeviceState
from kiosk.core.status import StatusSnapshot
from kiosk.system.status_file import STATUS_FILE, read_status

MAX_AGE_S = 3.0
"""The daemon publishes its status once a second. After three missing ones, it is stale."""
MAX_CLOCK_AHEAD_S = 2.0
"""A newer time than now means that the clock was set back since."""

_STATUS_ADAPTER = TypeAdapter(StatusSnapshot)


class DaemonLiveness(StrEnum):
    """Whether the daemon publishes its status. Values of /healthz and /api/v1/status: never rename one."""

    ONLINE = "online"
    NOT_RUNNING = "not-running"
    """No status: the daemon was stopped, or never started."""
    STALE = "stale"
    """An old status: the daemon was killed or hangs."""
    UNREADABLE = "unreadable"
    """The status cannot be read: file permissions, or another version."""


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """The daemon's status at one moment, and whether it is present."""

    liveness: DaemonLiveness
    status: StatusSnapshot | None = None
    """The last status. Where it is STALE, it describes the past."""
    age_s: float | None = None
    """Age of the status."""

    @property
    def state(self) -> str:
        """The device state while the daemon is online, else the liveness."""
        return self.status.state.value if self.online and self.status else self.liveness.value

    @property
    def online(self) -> bool:
        """The status describes the present."""
        return self.liveness is DaemonLiveness.ONLINE

    @property
    def serving(self) -> bool:
        """People can pass: the daemon is ready, or degraded."""
        return bool(self.online and self.status and self.status.state in {DeviceState.READY, DeviceState.DEGRADED})


def read_daemon_status(run_dir: Path, now: float | None = None) -> DaemonStatus:
    """Read the daemon's status and check its age. Never raises. `now` is Unix time, by default the clock's."""
    at = time.time() if now is None else now
    try:
        written_at = (run_dir / STATUS_FILE).stat().st_mtime
        found = read_status(run_dir)
    except (FileNotFoundError, NotADirectoryError):
        return DaemonStatus(DaemonLiveness.NOT_RUNNING)
    except OSError:
        return DaemonStatus(DaemonLiveness.UNREADABLE)
    status = _validate_status(found)
    if status is None:
        return DaemonStatus(DaemonLiveness.UNREADABLE, age_s=at - written_at)
    ages = (at - written_at, at - datetime.fromisoformat(status.now_at).timestamp())
    fresh = max(ages) <= MAX_AGE_S and min(ages) >= -MAX_CLOCK_AHEAD_S
    return DaemonStatus(DaemonLiveness.ONLINE if fresh else DaemonLiveness.STALE, status, max(*ages, 0.0))


def _validate_status(found: dict[str, Any] | None) -> StatusSnapshot | None:
    if found is None:
        return None
    try:
        status = _STATUS_ADAPTER.validate_python(found)
        valid = all(datetime.fromisoformat(text).tzinfo is not None for text in _status_times(status))
    except (ValidationError, ValueError):
        return None
    return status if valid else None


def _status_times(status: StatusSnapshot) -> Iterator[str]:
    """All times that pages format. They are checked here once."""
    yield from (status.now_at, status.started_at)
    yield from (shown.at for shown in status.recent_decisions)
    if status.pause:
        yield from filter(None, (status.pause.since_at, status.pause.until_at))
    yield from filter(None, (status.outbox.oldest_at, status.uplink.last_receipt_at))
    yield from (found.issued_at for found in status.lists.values())
