"""A request to start the program again, which comes over the control socket."""

import threading
import time
from collections.abc import Callable

DELAY_S = 1.0
"""The response to the command has this long to leave."""


class RestartRequest:
    """Any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._due_s: float | None = None

    def make(self) -> None:
        """Ask for it. A second request changes nothing."""
        with self._lock:
            if self._due_s is None:
                self._due_s = self._monotonic() + DELAY_S

    @property
    def is_due(self) -> bool:
        """Whether it was asked for, and the response has left."""
        due_s = self._due_s
        return due_s is not None and self._monotonic() >= due_s
