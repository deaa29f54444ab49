"""The gate thread: takes frames and scanned codes, passes them to the gate and keeps the recent decisions."""

import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from kiosk.app.call_queue import CallQueue
from kiosk.app.requests.pause import Pause
from kiosk.app.sources.frame_slot import LatestFrameSlot
from kiosk.core.frame import Frame
from kiosk.core.gate import Gate
from kiosk.core.model import Direction, FrameQuality, ManualReason, ScannedCode, StoredEvent
from kiosk.core.ports import StoreError
from kiosk.core.status import RecentDecision
from kiosk.health import CameraMonitor

log = logging.getLogger(__name__)

FRAME_TIMEOUT_S = 0.5  # how long to wait for a frame before the loop reports that it runs
PROBE_INTERVAL_S = 2.0  # how often to retry after a failed commit
OCCUPANCY_INTERVAL_S = 1.0  # occupancy changes without an event at the daily reset
MAX_RECENT_DECISIONS = 20
SCAN_IN_VIEW_S = 2.0
"""A code from a scanner counts as in view this long, so that one that must wait for the signal before it is answered after it."""
SCAN_TIMEOUT_S = 0.1  # how long to wait for a frame while such a code waits
ANNULLED = "annulled"
"""Undone events have their own counter, so that no counter ever decreases."""


class GateWorker:
    """One thread calls `step`. Any thread may read the public attributes and properties."""

    def __init__(
        self,
        gate: Gate,
        frame_slot: LatestFrameSlot,
        *,
        camera_monitor: CameraMonitor,
        call_queue: CallQueue,
        probe_store: Callable[[], None],
        count_occupancy: Callable[[], int],
        on_change: Callable[[], None],
    ) -> None:
        """All functions are called in the gate thread.

        `probe_store` tries a write and raises StoreError. `count_occupancy` counts people inside. `on_change` is called
        after a change of the status.
        """
        self._count_occupancy = count_occupancy
        self._occupancy_updated_s = 0.0
        self._gate = gate
        self._camera_monitor = camera_monitor
        self._call_queue = call_queue
        self._frame_slot = frame_slot
        self._probe_store = probe_store
        self._on_change = on_change
        self._recent_decisions: deque[RecentDecision] = deque(maxlen=MAX_RECENT_DECISIONS)
        self._counters: Counter[str] = Counter()
        self._scans: list[ScannedCode] = []
        self._probe_at_s = 0.0
        self.store_error = ""
        """Why events cannot be written. Empty while they can."""
        self.last_loop_s = time.monotonic()
        """Monotonic time of the last iteration."""
        self.frame_quality: FrameQuality | None = None
        """Of the newest decoded frame."""
        self.module_px: float | None = None
        """Of the last decoded code."""
        self.pause = Pause()
        """Any thread may change it. While it lasts, frames are not decoded, and no code is answered."""
        self.occupancy = 0
        """Number of people inside, at most one second old."""
        self.frame_number = 0
        """Number of the newest decoded frame."""

    @property
    def paused(self) -> bool:
        """Whether the gate is paused."""
        return self.pause.status is not None

    @property
    def recent_decisions(self) -> tuple[RecentDecision, ...]:
        """The last decisions, newest last."""
        return tuple(self._recent_decisions)

    @property
    def counters(self) -> dict[str, int]:
        """Decisions since the start, by outcome."""
        return dict(self._counters)

    def step(self) -> float:
        """Process one frame, or wait for one for FRAME_TIMEOUT_S. Returns the delay until the next step, seconds."""
        self.last_loop_s = time.monotonic()
        if self.store_error and self.last_loop_s >= self._probe_at_s:
            self._check_store()
        if self.last_loop_s - self._occupancy_updated_s >= OCCUPANCY_INTERVAL_S:
            self._update_occupancy()
        self._call_queue.run_pending()
        if self.pause.end_if_over(self.last_loop_s):
            log.info("the pause is over")
            self._on_change()
        frame = self._frame_slot.take(SCAN_TIMEOUT_S if self._scans else FRAME_TIMEOUT_S)
        self._process_scans()
        if frame is not None and self.paused:
            self._camera_monitor.observe(frame, None)
        elif frame is not None:
            self._process_frame(frame)
        return 0.0

    def admit(
        self, direction: Direction, timeout_s: float, manual_reason: ManualReason | None = None
    ) -> RecentDecision:
        """Admit a person without a code. Any thread. Raises QueueBusyError or StoreError, and then nothing was done."""
        requested_s = time.monotonic()
        return self._call_queue.call(
            lambda: self._add_decision(self._gate.admit(direction, manual_reason), 0, requested_s), timeout_s
        )

    def undo(self, manual_reason: ManualReason, timeout_s: float, seq: int | None = None) -> RecentDecision:
        """Undo the last event. Any thread. Raises UndoError, QueueBusyError or StoreError, and then nothing was done."""
        requested_s = time.monotonic()
        return self._call_queue.call(lambda: self._undo(manual_reason, seq, requested_s), timeout_s)

    def _undo(self, manual_reason: ManualReason, seq: int | None, requested_s: float) -> RecentDecision:
        undone = self._gate.undo(manual_reason, seq)
        for place, decision in enumerate(self._recent_decisions):
            if decision.seq == undone.annulled.seq:
                self._recent_decisions[place] = replace(decision, annulled=True)
        return self._add_decision(undone.annulment, 0, requested_s, annuls_seq=undone.annulled.seq)

    def close(self) -> None:
        """Declare refusals that were only counted. The main thread, once no other thread calls `step`."""
        with contextlib.suppress(StoreError):  # the disk may be gone
            self._gate.declare_refusals(is_last=True)

    def _update_occupancy(self) -> None:
        self._occupancy_updated_s = time.monotonic()
        self.occupancy = self._count_occupancy()

    def _process_scans(self) -> None:
        """Answer the codes of the scanner that count as in view. While paused, they are dropped."""
        self._scans += self._frame_slot.take_scans()
        oldest_s = time.monotonic() - SCAN_IN_VIEW_S
        self._scans = [] if self.paused else [scan for scan in self._scans if scan.scanned_s >= oldest_s]
        for scan in tuple(self._scans):
            try:
                stored = self._gate.process_scan(scan.data)
            except StoreError as error:
                self._scans = []
                self._mark_store_failed(str(error))
                return
            if stored:
                self._scans.remove(scan)
                self._add_decision(stored, 0, scan.scanned_s)

    def _process_frame(self, frame: Frame) -> None:
        try:
            outcome = self._gate.process_frame(frame)
        except StoreError as error:
            self._camera_monitor.observe(frame, None)
            self._mark_store_failed(str(error))
            return
        first = not self._camera_monitor.has_frame
        self._camera_monitor.observe(frame, outcome.decode_result.frame_quality)
        if first:
            self._on_change()  # becomes ready at once, not at the next iteration of the main thread
        self.frame_number = frame.number
        self.frame_quality = outcome.decode_result.frame_quality or self.frame_quality
        self.module_px = next(
            (reading.module_px for reading in outcome.decode_result.codes if reading.module_px), self.module_px
        )
        if outcome.stored:
            self._add_decision(outcome.stored, frame.number, frame.captured_s)

    def _add_decision(
        self, stored: StoredEvent, frame: int, since_s: float, annuls_seq: int | None = None
    ) -> RecentDecision:
        event = stored.event
        latency_ms = (time.monotonic() - since_s) * 1000
        self._counters[ANNULLED if event.annuls else event.outcome.value] += 1
        self._update_occupancy()
        decision = RecentDecision(
            number=self._counters.total(),
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            outcome=event.outcome.value,
            reason=event.reason.value,
            direction=event.direction.value if event.direction else None,
            kind=event.kind.value if event.kind else None,
            seq=stored.seq,
            frame_number=frame,
            latency_ms=round(latency_ms, 1),
            annuls_seq=annuls_seq,
        )
        self._recent_decisions.append(decision)
        log.info(
            "%s: %s%s (%s), event %d, %.0f ms after it was shown",
            event.outcome, event.reason, f", {event.direction}" if event.direction else "",
            event.kind or event.manual_reason or "several codes", stored.seq, latency_ms,
        )  # fmt: skip
        self._on_change()
        return decision

    def _mark_store_failed(self, error: str) -> None:
        if not self.store_error:
            log.error("events cannot be written: %s. No person gets green until they can.", error)
        self.store_error = error
        self._probe_at_s = time.monotonic() + PROBE_INTERVAL_S
        self._on_change()

    def _check_store(self) -> None:
        try:
            self._probe_store()
        except StoreError as error:
            self._mark_store_failed(str(error))
            return
        log.info("events can be written again")
        self.store_error = ""
        self._on_change()
