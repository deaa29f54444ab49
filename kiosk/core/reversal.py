"""Which passage a guard may still undo: the last one of this gate, once, and not for long.

Only the last, because the next person's direction and the count of people inside may already rest on an earlier one; once, so that
a button pressed twice does not take the person before away as well. Time is monotonic, within one boot of the machine.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from kiosk.core.model import Stored
from kiosk.core.ports import KioskError

UNDO_S = 30.0


class WhyNot(StrEnum):
    """Why nothing can be undone (a word of the control socket's answers: never rename one)."""

    NOTHING = "nothing-to-undo"
    ALREADY = "already-undone"
    TOO_LATE = "too-late"
    ANOTHER = "another-since"


_SAID = {
    WhyNot.NOTHING: "Nobody has passed since the machine was started; there is nothing to undo.",
    WhyNot.ALREADY: "The last passage is undone already; an earlier one cannot be undone.",
    WhyNot.TOO_LATE: "The last passage is too long ago to be undone.",
    WhyNot.ANOTHER: "Somebody else has passed since; look again which passage is to be undone.",
}


class NotUndone(KioskError):
    """Nothing was undone, and nothing recorded; `why` tells."""

    def __init__(self, refusal: WhyNot) -> None:
        self.why = refusal
        super().__init__(_SAID[refusal])


@dataclass(frozen=True, slots=True)
class Undoable:
    """A passage that can be undone now."""

    stored: Stored
    left_s: float
    """For so much longer."""


class LastPassage:
    """Follows the records of this gate. `note` belongs to the gate's thread; what is undoable may be asked from any."""

    def __init__(self, window_s: float = UNDO_S, *, boot_id: str = "") -> None:
        """`within_s` 0: nothing is ever undone. Records of another boot than `boot_id` have an age that nobody knows."""
        self._within_s = window_s
        self._boot_id = boot_id
        self._last: tuple[Stored, bool] | None = None

    def note(self, stored: Stored) -> None:
        """A record was committed: a passage is the last one now, an annulment closes it."""
        if stored.passage.annuls is not None:
            if self._last is not None and self._last[0].passage.id == stored.passage.annuls:
                self._last = (self._last[0], True)
        elif stored.passage.direction is not None:  # only a pass has one
            self._last = (stored, False)

    def restore(self, records: Iterable[Stored]) -> None:
        """The records of an earlier life of this process, oldest first."""
        for stored in records:
            if stored.boot_id == self._boot_id:
                self.note(stored)

    def to_undo(self, now_s: float, seq: int | None = None) -> Stored:
        """The passage to undo; `seq` is the one that the guard means. Raises NotUndone."""
        if self._last is None:
            raise NotUndone(WhyNot.NOTHING)
        stored, undone = self._last
        if seq is not None and stored.seq != seq:
            raise NotUndone(WhyNot.ANOTHER)
        if undone:
            raise NotUndone(WhyNot.ALREADY)
        if now_s - stored.passage.occurred_s > self._within_s or not self._within_s:
            raise NotUndone(WhyNot.TOO_LATE)
        return stored

    def undoable(self, now_s: float) -> Undoable | None:
        """What could be undone at this moment. Any thread."""
        try:
            stored = self.to_undo(now_s)
        except NotUndone:
            return None
        return Undoable(stored, self._within_s - (now_s - stored.passage.occurred_s))
