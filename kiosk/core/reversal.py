"""Decides which access event a guard may undo: the last one of this gate, once, within a time limit.

Only the last one: the next person's direction and the occupancy may already depend on an earlier one. Only once: a button
pressed twice must not undo the event before it too. Times are monotonic, within one boot.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from kiosk.core.model import StoredEvent
from kiosk.core.ports import KioskError

DEFAULT_UNDO_WINDOW_S = 30.0


class UndoRefusal(StrEnum):
    """Why nothing can be undone (value of the control socket's responses: never rename one)."""

    NOTHING_TO_UNDO = "nothing-to-undo"
    ALREADY_UNDONE = "already-undone"
    TOO_LATE = "too-late"
    NEWER_EVENT = "newer-event"


_MESSAGES = {
    UndoRefusal.NOTHING_TO_UNDO: "Nothing to undo: no person has passed since the device started.",
    UndoRefusal.ALREADY_UNDONE: "The last event is already undone. An earlier one cannot be undone.",
    UndoRefusal.TOO_LATE: "The last event is too long ago to be undone.",
    UndoRefusal.NEWER_EVENT: "Another person has passed since then. Check which event to undo.",
}


class UndoError(KioskError):
    """Nothing was undone and nothing was recorded. `refusal` says why."""

    def __init__(self, refusal: UndoRefusal) -> None:
        self.refusal = refusal
        super().__init__(_MESSAGES[refusal])


@dataclass(frozen=True, slots=True)
class UndoableEvent:
    """An access event that can be undone now."""

    stored: StoredEvent
    remaining_s: float


class LastAccessEvent:
    """Follows the events of this gate. The gate's thread owns `observe`. Any thread may ask what can be undone."""

    def __init__(self, window_s: float = DEFAULT_UNDO_WINDOW_S, *, boot_id: str = "") -> None:
        """`window_s` 0 switches undo off. Events of another boot than `boot_id` are ignored: their age is unknown."""
        self._window_s = window_s
        self._boot_id = boot_id
        self._last: tuple[StoredEvent, bool] | None = None

    def observe(self, stored: StoredEvent) -> None:
        """Report a committed event. A pass becomes the last event. An annulment closes it."""
        if stored.event.annuls is not None:
            if self._last is not None and self._last[0].event.id == stored.event.annuls:
                self._last = (self._last[0], True)
        elif stored.event.direction is not None:  # only a pass has a direction
            self._last = (stored, False)

    def restore(self, records: Iterable[StoredEvent]) -> None:
        """Read the events of earlier runs, oldest first."""
        for stored in records:
            if stored.boot_id == self._boot_id:
                self.observe(stored)

    def require_undoable(self, now_s: float, seq: int | None = None) -> StoredEvent:
        """The event to undo. `seq` is the one that the guard means. Raises UndoError."""
        if self._last is None:
            raise UndoError(UndoRefusal.NOTHING_TO_UNDO)
        stored, undone = self._last
        if seq is not None and stored.seq != seq:
            raise UndoError(UndoRefusal.NEWER_EVENT)
        if undone:
            raise UndoError(UndoRefusal.ALREADY_UNDONE)
        if now_s - stored.event.monotonic_s > self._window_s or not self._window_s:
            raise UndoError(UndoRefusal.TOO_LATE)
        return stored

    def find_undoable(self, now_s: float) -> UndoableEvent | None:
        """What can be undone now, or None. Any thread."""
        try:
            stored = self.require_undoable(now_s)
        except UndoError:
            return None
        return UndoableEvent(stored, self._window_s - (now_s - stored.event.monotonic_s))
