"""Decides when the wall clock may delete events by their age: not within an hour after it was set."""

from dataclasses import replace

from kiosk.core.model import ClockQuality, ClockReading

MAX_DRIFT_S = 60.0
"""Between two readings. More is a clock that was set."""
HOLD_S = 3600.0


class SteadyClock:
    """One thread."""

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._held_until_s = 0.0

    def observe(self, now: ClockReading) -> ClockReading:
        """The reading. Within an hour after the wall clock was set, its quality is FREE_RUNNING at best."""
        offset_s = now.utc_at.timestamp() - now.monotonic_s
        if self._offset_s is not None and abs(offset_s - self._offset_s) > MAX_DRIFT_S:
            self._held_until_s = now.monotonic_s + HOLD_S
        self._offset_s = offset_s
        if now.quality is ClockQuality.SYNCHRONISED and now.monotonic_s < self._held_until_s:
            return replace(now, quality=ClockQuality.FREE_RUNNING)
        return now
