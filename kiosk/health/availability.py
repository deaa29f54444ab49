"""Records changes of availability. A change is recorded once, if it lasts, and is kept in memory while the disk fails."""

import logging
from collections import deque
from collections.abc import Callable, Sequence

from kiosk.core.model import ClockQuality, ClockReading, DeviceState
from kiosk.core.ports import StoreError
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.storage.availability_log import AvailabilityEntry, AvailabilityState

log = logging.getLogger(__name__)

MIN_DURATION_S = 5.0
"""Shorter changes are not recorded: a camera that connects and disconnects must not fill the SD card."""
MAX_PENDING = 100
LIST_CHECKS = ("trust-list", "denylist")
StateKey = tuple[AvailabilityState, bool, bool]


class AvailabilityRecorder:
    """Receives the device state every second from the main thread."""

    def __init__(self, add: Callable[[AvailabilityEntry], None]) -> None:
        """`add` writes one entry. If it raises StoreError, the entry is written at the next call."""
        self._add = add
        self._recorded: StateKey | None = None
        self._candidate: AvailabilityEntry | None = None
        self._pending: deque[AvailabilityEntry] = deque(maxlen=MAX_PENDING)
        self._write_failed = False

    def observe(self, state: DeviceState, checks: Sequence[HealthCheck], now: ClockReading) -> None:
        """A change is written after MIN_DURATION_S, with the time at which it began. The first state is written at once."""
        if state is DeviceState.STARTING:
            return
        stale = any(check.code in LIST_CHECKS and check.status is not CheckStatus.PASS for check in checks)
        out_of_order = state is DeviceState.OUT_OF_ORDER
        availability = AvailabilityState.OUT_OF_ORDER if out_of_order else AvailabilityState.SERVING
        entry = AvailabilityEntry(now, availability, stale, process_start=self._recorded is None)
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
        """Record a clean stop of the daemon."""
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
                    log.warning("%s. Retrying.", error)
                self._write_failed = True
                return
            self._write_failed = False
            self._pending.popleft()


def _key(entry: AvailabilityEntry) -> StateKey:
    """Includes whether the clock is unset: once it is set, the state is recorded again, because the earlier time is wrong."""
    return entry.state, entry.lists_stale, entry.at.quality is ClockQuality.UNSET
