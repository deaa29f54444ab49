"""Whether anybody is there, by a sensor and by the picture; when reading may rest, and whether the sensor can be believed.

Fail-safe: reading rests only while a sensor that was not found lying says "nobody" and the picture does not move. Either of the
two ends the rest; a sensor that died makes nobody wait longer than one picture at the resting rate.
"""

import threading
import time
from collections.abc import Callable

STUCK_ON_S = 4 * 3600.0
"""So long "somebody" without anything moving in the picture: no person stands so still."""
MISSED = 3
"""So many people in a row were answered while the sensor said "nobody": it is blind."""
LATELY_S = 30.0
"""A sensor that saw somebody so lately has not missed who is answered now."""


class Presence:
    """Any thread."""

    def __init__(self, idle_after_s: float, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """Reading may rest after so many seconds without anybody. Until the sensor spoke, somebody is there."""
        self._rest_after_s = idle_after_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._present = True
        self._sensed_s = now_s()
        """When the sensor last changed its mind, or last said "somebody"."""
        self._moved_s = now_s()
        self._answers = 0
        self._missed = 0

    def sensed(self, present: bool) -> None:  # noqa: FBT001  a callback of the sensor
        """The sensor's word."""
        with self._lock:
            self._present, self._sensed_s = present, self._now_s()
            if present:
                self._missed = 0
                self._woken.set()

    def moved(self) -> None:
        """Something moved in the picture."""
        with self._lock:
            self._moved_s = self._now_s()

    def answered(self, decisions: int) -> None:
        """How many people were answered since the start."""
        with self._lock:
            new, self._answers = decisions - self._answers, decisions
            unseen = not self._present and self._now_s() - self._sensed_s > LATELY_S
            self._missed = self._missed + new if unseen else 0 if new else self._missed

    @property
    def present(self) -> bool:
        """What the sensor says."""
        return self._present

    @property
    def stuck(self) -> str:
        """`on` or `off` where the sensor cannot be believed, else empty."""
        with self._lock:
            if self._missed >= MISSED:
                return "off"
            still_s = self._now_s() - max(self._moved_s, self._sensed_s)
            return "on" if self._present and still_s > STUCK_ON_S else ""

    @property
    def resting(self) -> bool:
        """Whether nobody is there, for long enough, by sensor and by picture."""
        stuck = self.stuck
        with self._lock:
            nobody_s = self._now_s() - max(self._moved_s, self._sensed_s)
            return not self._present and not stuck and nobody_s >= self._rest_after_s

    def pause(self, seconds: float) -> bool:
        """Wait, or until somebody comes or `wake` is called; True where it ended early."""
        early = self._woken.wait(seconds)
        self._woken.clear()
        return early

    def wake(self) -> None:
        """End a pause."""
        self._woken.set()
