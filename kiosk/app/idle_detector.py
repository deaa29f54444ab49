"""Whether anybody is there, by a sensor and by the picture; when reading may rest, and whether the sensor can be believed.

Fail-safe: reading rests only while a sensor that was not found lying says "nobody" and the picture does not move. Either of the
two ends the rest; a sensor that died makes nobody wait longer than one picture at the resting rate.
"""

import threading
import time
from collections.abc import Callable

STUCK_ON_AFTER_S = 4 * 3600.0
"""So long "somebody" without anything moving in the picture: no person stands so still."""
STUCK_OFF_AFTER_DECISIONS = 3
"""So many people in a row were answered while the sensor said "nobody": it is blind."""
SENSOR_HOLD_S = 30.0
"""A sensor that saw somebody so lately has not missed who is answered now."""


class IdleDetector:
    """Any thread."""

    def __init__(self, idle_after_s: float, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """Reading may rest after so many seconds without anybody. Until the sensor spoke, somebody is there."""
        self._idle_after_s = idle_after_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._present = True
        self._sensor_change_s = now_s()
        """When the sensor last changed its mind, or last said "somebody"."""
        self._last_motion_s = now_s()
        self._decisions = 0
        self._missed = 0

    def on_sensor_change(self, present: bool) -> None:  # noqa: FBT001  a callback of the sensor
        """The sensor's word."""
        with self._lock:
            self._present, self._sensor_change_s = present, self._now_s()
            if present:
                self._missed = 0
                self._woken.set()

    def on_motion(self) -> None:
        """Something moved in the picture."""
        with self._lock:
            self._last_motion_s = self._now_s()

    def on_decisions(self, decisions: int) -> None:
        """How many people were answered since the start."""
        with self._lock:
            new, self._decisions = decisions - self._decisions, decisions
            unseen = not self._present and self._now_s() - self._sensor_change_s > SENSOR_HOLD_S
            self._missed = self._missed + new if unseen else 0 if new else self._missed

    @property
    def present(self) -> bool:
        """What the sensor says."""
        return self._present

    @property
    def stuck_state(self) -> str:
        """`on` or `off` where the sensor cannot be believed, else empty."""
        with self._lock:
            if self._missed >= STUCK_OFF_AFTER_DECISIONS:
                return "off"
            still_s = self._now_s() - max(self._last_motion_s, self._sensor_change_s)
            return "on" if self._present and still_s > STUCK_ON_AFTER_S else ""

    @property
    def is_idle(self) -> bool:
        """Whether nobody is there, for long enough, by sensor and by picture."""
        stuck = self.stuck_state
        with self._lock:
            nobody_s = self._now_s() - max(self._last_motion_s, self._sensor_change_s)
            return not self._present and not stuck and nobody_s >= self._idle_after_s

    def wait_idle(self, seconds: float) -> bool:
        """Wait, or until somebody comes or `wake` is called; True where it ended early."""
        early = self._woken.wait(seconds)
        self._woken.clear()
        return early

    def wake(self) -> None:
        """End a pause."""
        self._woken.set()
