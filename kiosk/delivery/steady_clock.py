"""Decides when the wall clock may delete events by their age: not soon after a start, and not soon after it was set."""

from dataclasses import replace

from kiosk.core.model import ClockQuality, ClockReading

MAX_DRIFT_S = 60.0
"""Between two readings. More is a clock that was set."""
HOLD_S = 3600.0
MAX_HOLD_S = 86_400.0
"""A clock that was synchronised before and is set all the same is not trusted for as long as the step, at most this."""


class SteadyClock:
    """One thread."""

    def __init__(self) -> None:
        self._last: ClockReading | None = None
        self._held_until_s = 0.0

    def observe(self, now: ClockReading) -> ClockReading:
        """The reading. Within an hour after a start or after the wall clock was set, its quality is FREE_RUNNING at best."""
        step_s = self._step_s(now)
        if self._last is None:
            self._held_until_s = now.monotonic_s + HOLD_S
        elif step_s > MAX_DRIFT_S:
            was_synchronised = self._last.quality is ClockQuality.SYNCHRONISED
            hold_s = min(max(step_s, HOLD_S), MAX_HOLD_S) if was_synchronised else HOLD_S
            self._held_until_s = max(self._held_until_s, now.monotonic_s + hold_s)
        self._last = now
        if now.quality is ClockQuality.SYNCHRONISED and now.monotonic_s < self._held_until_s:
            return replace(now, quality=ClockQuality.FREE_RUNNING)
        return now

    def _step_s(self, now: ClockReading) -> float:
        """By how much the wall clock was set since the last reading."""
        if self._last is None:
            return 0.0
        passed_s = now.monotonic_s - self._last.monotonic_s
        return abs((now.utc_at - self._last.utc_at).total_seconds() - passed_s)
