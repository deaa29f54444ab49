"""Ends a trial of a configuration whose main loop does not: it does not start, or it hangs. A thread of its own."""

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from kiosk.core.ports import Clock
from mqtt.remote.configuration import TrialCode

log = logging.getLogger(__name__)

GRACE_S = 3.0
"""After its deadline the main loop has so long to end the trial itself."""
FORCE_S = 5.0
"""After that, the workers have so long to stop."""
STEP_S = 0.5


class Tried(Protocol):
    """What is on trial."""

    @property
    def deadline_s(self) -> float | None:
        """Monotonic end. None: no trial runs."""

    @property
    def is_restart_due(self) -> bool:
        """Whether the daemon ends to start again."""

    def end_trial(self, code: TrialCode, detail: str = "") -> None:
        """Roll back."""


class TrialDeadline:
    """Watches from `start` until `close`."""

    def __init__(self, tried: Tried, clock: Clock, why: Callable[[], str], run_again: Callable[[], object]) -> None:
        """`why`: what the kiosk last said of itself. `run_again` replaces this process."""
        self._tried = tried
        self._clock = clock
        self._why = why
        self._run_again = run_again
        self._deadline_s = tried.deadline_s
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="trial-deadline", daemon=True)

    def start(self) -> None:
        """Does nothing where no trial runs."""
        if self._deadline_s is not None:
            self._thread.start()

    def close(self) -> None:
        """The daemon has ended by itself."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(STEP_S):
            if self.step(self._clock.now().monotonic_s):
                return

    def step(self, now_s: float) -> bool:
        """Do what is due. True: nothing more will be."""
        if self._deadline_s is None or now_s < self._deadline_s + GRACE_S:
            return False
        if self._tried.deadline_s is not None:
            self._tried.end_trial(TrialCode.NOT_STARTED, self._why())
            if self._tried.deadline_s is not None:
                log.error("the journal of the configuration cannot be written. The next start does not try it")
        elif not self._tried.is_restart_due:
            return True  # it was kept
        if now_s < self._deadline_s + GRACE_S + FORCE_S:
            return False
        log.error("the kiosk does not end by itself. It is started again")
        self._run_again()
        return True
