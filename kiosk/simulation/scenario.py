"""The scenario in front of the synthetic camera: which visitor is in which frame, and for how long.

Turns are numbered in frames, so that a decision (which names its frame) can be traced to the visitor who caused it, even if a
process was restarted in between.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from kiosk.core.model import Direction, Outcome, Reason


@dataclass(frozen=True, slots=True)
class Visitor:
    """A synthetic person who shows codes."""

    description: str
    """Message `demo.visitor.DESCRIPTION` of the catalogues, for the terminal view."""
    codes: tuple[bytes, ...] = field(repr=False, default=())
    expected: tuple[Outcome, Reason] | None = None
    """Expected decision. None: no new decision."""
    direction: Direction | None = None
    absent_before_s: float = 0.0
    """How long the view is empty before this visitor."""


@dataclass(slots=True)
class VisitorTurn:
    """The frames in which one visitor is in view."""

    visitor: Visitor
    first_frame: int
    last_frame: int | None = None
    answered: bool = False

    def contains(self, frame: int) -> bool:
        """Whether that frame showed this visitor."""
        return self.first_frame <= frame and (self.last_frame is None or frame <= self.last_frame)


@dataclass(frozen=True, slots=True)
class ScenarioTiming:
    """How long visitors stay, in frames."""

    frames_per_s: float
    min_frames: int
    max_wait_frames: int
    """A visitor who expects a decision leaves without one after this time."""
    gap_frames: int
    """Length of the empty view between two visitors."""


class Scenario:
    """Plays a list of visitors once or repeatedly. Any thread."""

    def __init__(self, visitors: Sequence[Visitor], timing: ScenarioTiming, *, loop: bool) -> None:
        self._visitors = list(visitors)
        self.timing = timing
        self._loop = loop
        self._lock = threading.Lock()
        self._frame = 0
        self._next_visitor = 0
        self._gap_left = timing.gap_frames
        self._turns: list[VisitorTurn] = []

    @property
    def turns(self) -> Sequence[VisitorTurn]:
        """All turns so far, oldest first."""
        with self._lock:
            return tuple(self._turns)

    @property
    def is_finished(self) -> bool:
        """All visitors were played and the last one has left."""
        with self._lock:
            return not self._loop and self._next_visitor >= len(self._visitors) and self._current_turn() is None

    def current_visitor(self) -> Visitor | None:
        """The visitor in view now, or None."""
        with self._lock:
            turn = self._current_turn()
            return turn.visitor if turn else None

    def next_frame(self) -> tuple[int, Visitor | None]:
        """The next frame number and the visitor in it."""
        with self._lock:
            self._frame += 1
            turn = self._current_turn()
            if turn and self._has_left(turn):
                turn.last_frame = self._frame - 1
                self._gap_left = self._gap_before_next()
                turn = None
            if turn is None:
                turn = self._start_next_turn()
            return self._frame, turn.visitor if turn else None

    def record_answer(self, frame: int) -> VisitorTurn | None:
        """Report the kiosk's decision on this frame. Returns the turn that it belongs to."""
        with self._lock:
            turn = next((turn for turn in reversed(self._turns) if turn.contains(frame)), None)
            if turn:
                turn.answered = True
            return turn

    def _current_turn(self) -> VisitorTurn | None:
        last = self._turns[-1] if self._turns else None
        return last if last and last.last_frame is None else None

    def _has_left(self, turn: VisitorTurn) -> bool:
        stayed = self._frame - turn.first_frame
        if stayed < self.timing.min_frames:
            return False
        return turn.visitor.expected is None or turn.answered or stayed >= self.timing.max_wait_frames

    def _gap_before_next(self) -> int:
        if self._next_visitor >= len(self._visitors) and not self._loop:
            return 0
        visitor = self._visitors[self._next_visitor % len(self._visitors)]
        previous = self._turns[-1].visitor
        still_there = visitor.codes and visitor.codes == previous.codes and visitor.expected is None
        if still_there:
            return 0
        return self.timing.gap_frames + round(visitor.absent_before_s * self.timing.frames_per_s)

    def _start_next_turn(self) -> VisitorTurn | None:
        if self._gap_left > 0:
            self._gap_left -= 1
            return None
        if self._next_visitor >= len(self._visitors):
            if not self._loop:
                return None
            self._next_visitor = 0
        turn = VisitorTurn(self._visitors[self._next_visitor], self._frame)
        self._next_visitor += 1
        self._turns.append(turn)
        return turn
