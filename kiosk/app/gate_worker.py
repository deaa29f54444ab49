"""The gate's thread: takes frames from the mailbox, lets the gate look, and remembers what was shown."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from kiosk.app.call_queue import Errands
from kiosk.app.frame_slot import Mailbox
from kiosk.core.frame import Frame
from kiosk.core.gate import Gate
from kiosk.core.model import Direction, Grounds, Stored, FrameQuality
from kiosk.core.ports import StoreTrouble
from kiosk.core.status import Shown
from kiosk.health import CameraWatch

log = logging.getLogger(__name__)

IDLE_S = 0.5  # how long to wait for a frame before saying "I still turn"
PROBE_EVERY_S = 2.0  # how often to try a disk that refused
COUNT_EVERY_S = 1.0  # the reset hour empties the place without anybody passing
REMEMBERED = 20
ANNULLED = "annulled"
"""Counted apart, so that counters only grow."""


class GateLoop:
    """`step` belongs to one thread; what the properties return may be read from any."""

    def __init__(
        self,
        gate: Gate,
        frame_slot: Mailbox,
        *,
        camera_monitor: CameraWatch,
        call_queue: Errands,
        probe_store: Callable[[], None],
        count_occupancy: Callable[[], int],
        on_change: Callable[[], None],
    ) -> None:
        """`probe` tries the disk (StoreTrouble), `inside` counts people, `news` hears of answers: all in this thread."""
        self._count_inside = count_occupancy
        self._counted_s = 0.0
        self._gate = gate
        self._watch = camera_monitor
        self._errands = call_queue
        self._mailbox = frame_slot
        self._probe = probe_store
        self._news = on_change
        self._shown: deque[Shown] = deque(maxlen=REMEMBERED)
        self._counters: Counter[str] = Counter()
        self._probe_at_s = 0.0
        self.store_trouble = ""
        """Why the disk takes no record, in words; empty while it does."""
        self.turned_s = time.monotonic()
        """Monotonic time of the last turn of this loop."""
        self.view: FrameQuality | None = None
        """Of the newest frame looked at."""
        self.module_px: float | None = None
        """Of the last code read."""
        self.paused = False
        """Set from any thread: while it is, people are not looked at."""
        self.inside = 0
        """How many people are in, at most a second old."""
        self.looked_at = 0
        """Number of the newest frame looked at."""

    @property
    def shown(self) -> tuple[Shown, ...]:
        """The last decisions, newest last."""
        return tuple(self._shown)

    @property
    def counters(self) -> dict[str, int]:
        """Decisions since the start, by outcome."""
        return dict(self._counters)

    def step(self) -> float:
        """One frame, or a short wait for one. Returns the delay until the next step."""
        self.turned_s = time.monotonic()
        if self.store_trouble and self.turned_s >= self._probe_at_s:
            self._try_disk()
        if self.turned_s - self._counted_s >= COUNT_EVERY_S:
            self._count()
        self._errands.run_all()
        frame = self._mailbox.take(IDLE_S)
        if frame is not None and self.paused:
            self._watch.note(frame, None)
        elif frame is not None:
            self._look(frame)
        return 0.0

    def admit(self, direction: Direction, timeout_s: float, manual_reason: Grounds | None = None) -> Shown:
        """A guard lets somebody pass who has nothing to show; any thread. Raises NotNow and StoreTrouble: then nothing was done."""
        asked_s = time.monotonic()
        return self._errands.ask(lambda: self._remember(self._gate.admit(direction, manual_reason), 0, asked_s), timeout_s)

    def undo(self, manual_reason: Grounds, timeout_s: float, seq: int | None = None) -> Shown:
        """A guard takes the last passage back; any thread. Raises NotUndone, NotNow and StoreTrouble: then nothing was done."""
        asked_s = time.monotonic()
        return self._errands.ask(lambda: self._undo(manual_reason, seq, asked_s), timeout_s)

    def _undo(self, manual_reason: Grounds, seq: int | None, requested_s: float) -> Shown:
        undone = self._gate.undo(manual_reason, seq)
        for place, shown in enumerate(self._shown):
            if shown.seq == undone.passage.seq:
                self._shown[place] = replace(shown, annulled=True)
        return self._remember(undone.stored, 0, requested_s, annuls_seq=undone.passage.seq)

    def _count(self) -> None:
        self._counted_s = time.monotonic()
        self.inside = self._count_inside()

    def _look(self, frame: Frame) -> None:
        try:
            look = self._gate.look(frame)
        except StoreTrouble as trouble:
            self._watch.note(frame, None)
            self._disk_refused(str(trouble))
            return
        first = not self._watch.begun
        self._watch.note(frame, look.sight.frame_quality)
        if first:
            self._news()  # from starting to ready at once, not at the main thread's next turn
        self.looked_at = frame.number
        self.view = look.sight.frame_quality or self.view
        self.module_px = next(
            (reading.module_px for reading in look.sight.codes if reading.module_px), self.module_px
        )
        if look.stored:
            self._remember(look.stored, frame.number, frame.captured_s)

    def _remember(self, stored: Stored, frame: int, since_s: float, annuls_seq: int | None = None) -> Shown:
        passage = stored.passage
        took_ms = (time.monotonic() - since_s) * 1000
        self._counters[ANNULLED if passage.annuls else passage.outcome.value] += 1
        self._count()
        shown = Shown(
            number=self._counters.total(),
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            outcome=passage.outcome.value,
            reason=passage.reason.value,
            direction=passage.direction.value if passage.direction else None,
            kind=passage.kind.value if passage.kind else None,
            seq=stored.seq,
            frame=frame,
            took_ms=round(took_ms, 1),
            annuls_seq=annuls_seq,
        )
        self._shown.append(shown)
        log.info(
            "%s: %s%s (%s), record %d, %.0f ms after the picture",
            passage.outcome, passage.reason, f", {passage.direction}" if passage.direction else "",
            passage.kind or passage.grounds or "several codes", stored.seq, took_ms,
        )  # fmt: skip
        self._news()
        return shown

    def _disk_refused(self, error: str) -> None:
        if not self.store_trouble:
            log.error("no record can be written: %s; nobody gets green until one can", error)
        self.store_trouble = error
        self._probe_at_s = time.monotonic() + PROBE_EVERY_S
        self._news()

    def _try_disk(self) -> None:
        try:
            self._probe()
        except StoreTrouble as trouble:
            self._disk_refused(str(trouble))
            return
        log.info("records can be written again")
        self.store_trouble = ""
        self._news()
