"""What the pages may say of the kiosk at this moment: the daemon's snapshot while it is fresh, and otherwise that there is none.

A page never shows a stale green (law 3): a snapshot that is missing, unreadable or too old is a state of its own.
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
"""The daemon publishes once a second; three missed in a row is silence."""
MAX_CLOCK_AHEAD_S = 2.0
"""A snapshot from the future is one from before the clock was set back."""

_STATUS_ADAPTER = TypeAdapter(StatusSnapshot)


class DaemonLiveness(StrEnum):
    """Whether the daemon is heard (a value of /healthz and /api/v1/status: never rename one)."""

    ONLINE = "online"
    NOT_RUNNING = "not-running"
    """No snapshot: the daemon was stopped, or never started."""
    STALE = "stale"
    """A snapshot, but an old one: the daemon was killed or hangs."""
    UNREADABLE = "unreadable"
    """Something is there that this page cannot read: rights, or another version."""


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """What is known of the daemon at one moment."""

    liveness: DaemonLiveness
    status: StatusSnapshot | None = None
    """The last snapshot; if it is STALE it describes the past."""
    age_s: float | None = None
    """Of the snapshot."""

    @property
    def state(self) -> str:
        """The daemon's own state while it is heard, else the presence."""
        return self.status.state.value if self.online and self.status else self.liveness.value

    @property
    def online(self) -> bool:
        """The snapshot describes the present."""
        return self.liveness is DaemonLiveness.ONLINE

    @property
    def serving(self) -> bool:
        """People can pass: the daemon is ready, or degraded."""
        return bool(self.online and self.status and self.status.state in {DeviceState.READY, DeviceState.DEGRADED})


def read_daemon_status(run_dir: Path, now: float | None = None) -> DaemonStatus:
    """Read the daemon's snapshot and judge its age; never raises. `now` is Unix time, by default the clock's."""
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
        told = all(datetime.fromisoformat(text).tzinfo is not None for text in _status_times(status))
    except (ValidationError, ValueError):
        return None
    return status if told else None


def _status_times(status: StatusSnapshot) -> Iterator[str]:
    """Every time that a page writes; once checked here, none can fail there."""
    yield from (status.now_at, status.started_at)
    yield from (shown.at for shown in status.recent_decisions)
    yield from filter(None, (status.outbox.oldest_at, status.uplink.last_receipt_at))
    yield from (found.issued_at for found in status.lists.values())
