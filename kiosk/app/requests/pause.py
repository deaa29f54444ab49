"""A pause of the gate: why it began, and when it ends by itself."""

import threading
from dataclasses import dataclass
from datetime import timedelta

from kiosk.core.model import ClockReading
from kiosk.core.status import PauseReason, PauseStatus


@dataclass(frozen=True, slots=True)
class _Pause:
    status: PauseStatus
    ends_s: float | None
    """Monotonic, so that a set clock neither ends nor prolongs it. None: a person ends it."""


class Pause:
    """Whether the gate is paused. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pause: _Pause | None = None

    @property
    def status(self) -> PauseStatus | None:
        """None: the gate is not paused."""
        found = self._pause
        return found.status if found else None

    def begin(self, now: ClockReading, reason: PauseReason | None = None, duration_s: float | None = None) -> None:
        """Pause, or give a pause another reason and end. `duration_s` None: a person ends it."""
        until_at = None if duration_s is None else now.utc_at + timedelta(seconds=duration_s)
        status = PauseStatus(
            since_at=now.utc_at.isoformat(timespec="seconds"),
            reason=reason.value if reason else "",
            until_at=until_at.isoformat(timespec="seconds") if until_at else None,
        )
        with self._lock:
            self._pause = _Pause(status, None if duration_s is None else now.monotonic_s + duration_s)

    def end(self) -> None:
        """Resume. Does nothing if the gate is not paused."""
        with self._lock:
            self._pause = None

    def end_if_over(self, now_s: float) -> bool:
        """End a pause whose time is over. True: it ended just now. `now_s` is monotonic."""
        with self._lock:
            if self._pause is None or self._pause.ends_s is None or now_s < self._pause.ends_s:
                return False
            self._pause = None
            return True
