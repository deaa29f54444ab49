"""What goes into the kiosk's diary, and when: only what lasts, nothing twice, nothing lost while the disk refuses."""

import logging
from collections import deque
from collections.abc import Callable, Sequence

from kiosk.core.model import ClockQuality, ClockReading, DeviceState
from kiosk.core.ports import StoreError
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.storage.availability_log import AvailabilityEntry, AvailabilityState

log = logging.getLogger(__name__)

MIN_DURATION_S = 5.0
"""Shorter than this is no downtime, and a flapping camera must not fill the card."""
MAX_PENDING = 100
LIST_CHECKS = ("trust-list", "denylist")
StateKey = tuple[AvailabilityState, bool, bool]


class AvailabilityRecorder:
    """Told the state every second by the main thread, writes what changed for good."""

    def __init__(self, add: Callable[[AvailabilityEntry], None]) -> None:
        """`add` writes one entry, and may raise StoreTrouble: then it is asked again at the next turn."""
        self._add = add
        self._recorded: StateKey | None = None
        self._candidate: AvailabilityEntry | None = None
        self._pending: deque[AvailabilityEntry] = deque(maxlen=MAX_PENDING)
        self._write_failed = False

    def observe(self, state: DeviceState, checks: Sequence[HealthCheck], now: ClockReading) -> None:
        """Take note of what is so now. A change is written once it has lasted, with the time at which it began."""
        if state is DeviceState.STARTING:
            return
        stale = any(check.code in LIST_CHECKS and check.status is not CheckStatus.PASS for check in checks)
        condition = AvailabilityState.OUT_OF_ORDER if state is DeviceState.OUT_OF_ORDER else AvailabilityState.SERVING
        entry = AvailabilityEntry(now, condition, stale, process_start=self._recorded is None)
        if _key(entry) == self._recorded:
            self._candidate = None
        elif self._candidate is None or _key(self._candidate) != _key(entry):
            self._candidate = entry
        if self._candidate is not None and (
            self._recorded is None or now.monotonic_s - self._candidate.at.monotonic_s >= MIN_DURATION_S
        ):
            self._enqueue(self._candidate)
        self._write_pending()

    def record_stop(self, now: ClockReading) -> None:
        """The kiosk stops in good order."""
        self._enqueue(
            AvailabilityEntry(now, AvailabilityState.STOPPED, lists_stale=False, process_start=self._recorded is None)
        )
        self._write_pending()

    def _enqueue(self, entry: AvailabilityEntry) -> None:
        self._recorded, self._candidate = _key(entry), None
        self._pending.append(entry)

    def _write_pending(self) -> None:
        while self._pending:
            try:
                self._add(self._pending[0])
            except StoreError as error:
                if not self._write_failed:
                    log.warning("%s; it is tried again", error)
                self._write_failed = True
                return
            self._write_failed = False
            self._pending.popleft()


def _key(entry: AvailabilityEntry) -> StateKey:
    """A clock that has come to be believed makes an entry anew: what was written before has a useless time."""
    return entry.state, entry.lists_stale, entry.at.quality is ClockQuality.UNSET
