"""Decides when decoding may be idle, from the presence sensor and motion in the image, and detects a stuck sensor.

Decoding is idle only while a working sensor reports no person and there is no motion. Sensor or motion ends idle mode. A
failed sensor delays a scan by at most one idle frame interval.
"""

import threading
import time
from collections.abc import Callable

STUCK_ON_AFTER_S = 4 * 3600.0
"""Sensor active this long without motion: treat it as stuck. No person stands so still."""
STUCK_OFF_AFTER_DECISIONS = 3
"""After this many decisions in a row while the sensor reports no person, treat it as stuck."""
SENSOR_HOLD_S = 30.0
"""For this long after the sensor was active, a decision does not count as missed by it."""


class IdleDetector:
    """Thread-safe."""

    def __init__(self, idle_after_s: float, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """`idle_after_s`: seconds without a person before idle mode. Before its first report the sensor counts as active."""
        self._idle_after_s = idle_after_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._present = True
        self._sensor_change_s = now_s()
        """Time of the last report of the sensor."""
        self._last_motion_s = now_s()
        self._decisions = 0
        self._missed = 0

    def on_sensor_change(self, present: bool) -> None:  # noqa: FBT001  a callback of the sensor
        """The sensor reports a change. `present`: it detects a person."""
        with self._lock:
            self._present, self._sensor_change_s = present, self._now_s()
            if present:
                self._missed = 0
                self._woken.set()

    def on_motion(self) -> None:
        """There is motion in the image."""
        with self._lock:
            self._last_motion_s = self._now_s()

    def on_decisions(self, decisions: int) -> None:
        """`decisions`: number of decisions since the start."""
        with self._lock:
            new, self._decisions = decisions - self._decisions, decisions
            unseen = not self._present and self._now_s() - self._sensor_change_s > SENSOR_HOLD_S
            self._missed = self._missed + new if unseen else 0 if new else self._missed

    @property
    def present(self) -> bool:
        """True if the sensor detects a person."""
        return self._present

    @property
    def stuck_state(self) -> str:
        """`on` or `off` if the sensor is stuck, else empty."""
        with self._lock:
            if self._missed >= STUCK_OFF_AFTER_DECISIONS:
                return "off"
            still_s = self._now_s() - max(self._last_motion_s, self._sensor_change_s)
            return "on" if self._present and still_s > STUCK_ON_AFTER_S else ""

    @property
    def is_idle(self) -> bool:
        """True if neither sensor nor motion has shown a person for `idle_after_s`."""
        stuck = self.stuck_state
        with self._lock:
            absent_s = self._now_s() - max(self._last_motion_s, self._sensor_change_s)
            return not self._present and not stuck and absent_s >= self._idle_after_s

    def wait_idle(self, seconds: float) -> bool:
        """Wait until the timeout, a report of the sensor or a call of `wake`. True if it ended early."""
        early = self._woken.wait(seconds)
        self._woken.clear()
        return early

    def wake(self) -> None:
        """End `wait_idle`."""
        self._woken.set()
