"""The gate's thread: takes frames from the mailbox, lets the gate look, and remembers what was shown."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from kiosk.app.call_queue import CallQueue
from kiosk.app.frame_slot import LatestFrameSlot
from kiosk.core.frame import Frame
from kiosk.core.gate import Gate
from kiosk.core.model import Direction, FrameQuality, ManualReason, StoredEvent
from kiosk.core.ports import StoreError
from kiosk.core.status import RecentDecision
from kiosk.health import CameraMonitor

log = logging.getLogger(__name__)

FRAME_TIMEOUT_S = 0.5  # how long to wait for a frame before saying "I still turn"
PROBE_INTERVAL_S = 2.0  # how often to try a disk that refused
OCCUPANCY_INTERVAL_S = 1.0  # the reset hour empties the place without anybody passing
MAX_RECENT_DECISIONS = 20
ANNULLED = "annulled"
"""Counted apart, so that counters only grow."""


class GateWorker:
    """`step` belongs to one thread; what the properties return may be read from any."""

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
        """`probe` tries the disk (StoreTrouble), `inside` counts people, `news` hears of answers: all in this thread."""
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
        self._probe_at_s = 0.0
        self.store_error = ""
        """Why the disk takes no record, in words; empty while it does."""
        self.last_loop_s = time.monotonic()
        """Monotonic time of the last turn of this loop."""
        self.frame_quality: FrameQuality | None = None
        """Of the newest frame looked at."""
        self.module_px: float | None = None
        """Of the last code read."""
        self.paused = False
        """Set from any thread: while it is, people are not looked at."""
        self.occupancy = 0
        """How many people are in, at most a second old."""
        self.frame_number = 0
        """Number of the newest frame looked at."""

    @property
    def recent_decisions(self) -> tuple[RecentDecision, ...]:
        """The last decisions, newest last."""
        return tuple(self._recent_decisions)

    @property
    def counters(self) -> dict[str, int]:
        """Decisions since the start, by outcome."""
        return dict(self._counters)

    def step(self) -> float:
        """One frame, or a short wait for one. Returns the delay until the next step."""
        self.last_loop_s = time.monotonic()
        if self.store_error and self.last_loop_s >= self._probe_at_s:
            self._check_store()
        if self.last_loop_s - self._occupancy_updated_s >= OCCUPANCY_INTERVAL_S:
            self._update_occupancy()
        self._call_queue.run_pending()
        frame = self._frame_slot.take(FRAME_TIMEOUT_S)
        if frame is not None and self.paused:
            self._camera_monitor.observe(frame, None)
        elif frame is not None:
            self._process_frame(frame)
        return 0.0

    def admit(
        self, direction: Direction, timeout_s: float, manual_reason: ManualReason | None = None
    ) -> RecentDecision:
        """A guard lets somebody pass who has nothing to show; any thread. Raises NotNow and StoreTrouble: then nothing was done."""
        asked_s = time.monotonic()
        return self._call_queue.call(
            lambda: self._add_decision(self._gate.admit(direction, manual_reason), 0, asked_s), timeout_s
        )

    def undo(self, manual_reason: ManualReason, timeout_s: float, seq: int | None = None) -> RecentDecision:
        """A guard takes the last passage back; any thread. Raises NotUndone, NotNow and StoreTrouble: then nothing was done."""
        asked_s = time.monotonic()
        return self._call_queue.call(lambda: self._undo(manual_reason, seq, asked_s), timeout_s)

    def _undo(self, manual_reason: ManualReason, seq: int | None, requested_s: float) -> RecentDecision:
        undone = self._gate.undo(manual_reason, seq)
        for place, shown in enumerate(self._recent_decisions):
            if shown.seq == undone.annulled.seq:
                self._recent_decisions[place] = replace(shown, annulled=True)
        return self._add_decision(undone.annulment, 0, requested_s, annuls_seq=undone.annulled.seq)

    def _update_occupancy(self) -> None:
        self._occupancy_updated_s = time.monotonic()
        self.occupancy = self._count_occupancy()

    def _process_frame(self, frame: Frame) -> None:
        try:
            look = self._gate.process_frame(frame)
        except StoreError as error:
            self._camera_monitor.observe(frame, None)
            self._mark_store_failed(str(error))
            return
        first = not self._camera_monitor.has_frame
        self._camera_monitor.observe(frame, look.decode_result.frame_quality)
        if first:
            self._on_change()  # from starting to ready at once, not at the main thread's next turn
        self.frame_number = frame.number
        self.frame_quality = look.decode_result.frame_quality or self.frame_quality
        self.module_px = next(
            (reading.module_px for reading in look.decode_result.codes if reading.module_px), self.module_px
        )
        if look.stored:
            self._add_decision(look.stored, frame.number, frame.captured_s)

    def _add_decision(
        self, stored: StoredEvent, frame: int, since_s: float, annuls_seq: int | None = None
    ) -> RecentDecision:
        passage = stored.event
        took_ms = (time.monotonic() - since_s) * 1000
        self._counters[ANNULLED if passage.annuls else passage.outcome.value] += 1
        self._update_occupancy()
        shown = RecentDecision(
            number=self._counters.total(),
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            outcome=passage.outcome.value,
            reason=passage.reason.value,
            direction=passage.direction.value if passage.direction else None,
            kind=passage.kind.value if passage.kind else None,
            seq=stored.seq,
            frame_number=frame,
            latency_ms=round(took_ms, 1),
            annuls_seq=annuls_seq,
        )
        self._recent_decisions.append(shown)
        log.info(
            "%s: %s%s (%s), record %d, %.0f ms after the picture",
            passage.outcome, passage.reason, f", {passage.direction}" if passage.direction else "",
            passage.kind or passage.manual_reason or "several codes", stored.seq, took_ms,
        )  # fmt: skip
        self._on_change()
        return shown

    def _mark_store_failed(self, error: str) -> None:
        if not self.store_error:
            log.error("no record can be written: %s; nobody gets green until one can", error)
        self.store_error = error
        self._probe_at_s = time.monotonic() + PROBE_INTERVAL_S
        self._on_change()

    def _check_store(self) -> None:
        try:
            self._probe_store()
        except StoreError as error:
            self._mark_store_failed(str(error))
            return
        log.info("records can be written again")
        self.store_error = ""
        self._on_change()
