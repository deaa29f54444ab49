"""Finds the codes in view that need an answer.

A code is known by a hash under a key that exists in memory only. It is new again after it was out of view for the repeat window.
"""

import hashlib
import math
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from kiosk.core.visits.new_codes import NewCodes
from kiosk.core.visits.occupancy import TrackedPerson

SETTLE_S = 1.0
"""How long a signal belongs to one person, whatever comes into view meanwhile. It is also how long one of two codes must be
alone in view before it counts as alone.
"""
UNDO_ABSENCE_S = 1.5
"""After an undo a code is new once it was out of view this long. A person who still holds it up is not admitted again."""
MAX_CODES = 1024


class CodeState(StrEnum):
    """What is known of a code in view."""

    NEW = "new"
    MULTIPLE = "multiple"
    """Answered with "one person at a time"."""
    ANSWERED = "answered"


class CodeVisibility(StrEnum):
    """How a code without an answer is seen in a frame."""

    ALONE = "alone"
    SETTLING = "settling"
    """A signal was shown just now, or another code was in view just now."""
    MULTIPLE = "multiple"


class CodeAction(StrEnum):
    """What to do about a code."""

    ANSWER = "answer"
    WAIT = "wait"
    ASK_ONE_AT_A_TIME = "ask one at a time"
    IGNORE = "ignore"


CODE_ACTIONS: Mapping[tuple[CodeState, CodeVisibility], CodeAction] = MappingProxyType(
    {
        (CodeState.NEW, CodeVisibility.ALONE): CodeAction.ANSWER,
        (CodeState.NEW, CodeVisibility.SETTLING): CodeAction.WAIT,
        (CodeState.NEW, CodeVisibility.MULTIPLE): CodeAction.ASK_ONE_AT_A_TIME,
        (CodeState.MULTIPLE, CodeVisibility.ALONE): CodeAction.ANSWER,
        (CodeState.MULTIPLE, CodeVisibility.SETTLING): CodeAction.WAIT,
        (CodeState.MULTIPLE, CodeVisibility.MULTIPLE): CodeAction.WAIT,
        (CodeState.ANSWERED, CodeVisibility.ALONE): CodeAction.IGNORE,
        (CodeState.ANSWERED, CodeVisibility.SETTLING): CodeAction.IGNORE,
        (CodeState.ANSWERED, CodeVisibility.MULTIPLE): CodeAction.IGNORE,
    }
)
"""Each state returns to NEW when the code was out of view for the repeat window."""


@dataclass(slots=True)
class _TrackedCode:
    state: CodeState
    seen_s: float
    multiple_s: float = -math.inf
    """When it was last in view together with another code without an answer."""
    person: TrackedPerson | None = None
    window_s: float = math.inf
    """How long it stays known while out of view, if shorter than for other codes."""


class CodeDebouncer:
    """The codes of recent visits. Bounded: the oldest are dropped first."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._key = secrets.token_bytes(32)
        self._codes: OrderedDict[bytes, _TrackedCode] = OrderedDict()
        self._new_codes = NewCodes()
        self._signal_s = -math.inf
        """When the last signal was shown."""

    def codes_to_answer(self, codes: Sequence[bytes], now_s: float) -> tuple[bytes, ...]:
        """Codes that need an answer now: none, one, or several that must come one at a time."""
        known = {data: self._look_up(data, now_s) for data in dict.fromkeys(codes)}
        hashes = {self._hash(data): data for data, code in known.items() if code.state is not CodeState.ANSWERED}
        steady = self._new_codes.observe(tuple(hashes), now_s)
        unanswered = [data for place, data in hashes.items() if place in steady]
        seen = self._visibility(known, unanswered, now_s)
        steps = {CODE_ACTIONS[known[data].state, seen] for data in unanswered}
        if CodeAction.ASK_ONE_AT_A_TIME in steps or steps == {CodeAction.ANSWER}:
            return tuple(unanswered)
        return ()

    def record_answer(self, data: bytes, person: TrackedPerson | None, now_s: float, *, one_at_a_time: bool) -> None:
        """Its signal was shown: that of `person`, or the one that asks for one person at a time."""
        state = CodeState.MULTIPLE if one_at_a_time else CodeState.ANSWERED
        self._signal_s = now_s
        self._store(data, _TrackedCode(state, now_s, multiple_s=now_s, person=person))

    def record_refusal_without_signal(self, data: bytes, now_s: float) -> None:
        """It was refused in a flood of refusals, and gets no signal of its own."""
        self._store(data, _TrackedCode(CodeState.ANSWERED, now_s))

    def record_same_person(self, data: bytes, person: TrackedPerson, now_s: float, window_s: float = math.inf) -> None:
        """It needs no signal: it is another code of a person who was answered."""
        self._store(data, _TrackedCode(CodeState.ANSWERED, now_s, person=person, window_s=window_s))

    def record_undo(self, person: TrackedPerson) -> None:
        """The codes of this person are new again after they were out of view for UNDO_ABSENCE_S."""
        for code in self._codes.values():
            if code.person is person:
                code.window_s = UNDO_ABSENCE_S

    def _look_up(self, data: bytes, now_s: float) -> _TrackedCode:
        """State of a code that is in view now. A code that was out of view for the window is new again."""
        place = self._hash(data)
        code = self._codes.get(place)
        if code is None or now_s - code.seen_s > min(self._window_s, code.window_s):
            return _TrackedCode(CodeState.NEW, now_s)
        code.seen_s = now_s
        self._codes.move_to_end(place)
        if code.person is not None:
            code.person.seen_s = now_s
        return code

    def _store(self, data: bytes, code: _TrackedCode) -> None:
        place = self._hash(data)
        self._codes[place] = code
        self._codes.move_to_end(place)
        while len(self._codes) > MAX_CODES:
            self._codes.popitem(last=False)

    def _visibility(
        self, known: Mapping[bytes, _TrackedCode], unanswered: Sequence[bytes], now_s: float
    ) -> CodeVisibility:
        just_now = now_s - SETTLE_S
        after_a_crowd = any(known[data].multiple_s > just_now for data in unanswered)
        if len(unanswered) > 1:
            for data in unanswered:
                known[data].multiple_s = now_s
        if self._signal_s > just_now:
            return CodeVisibility.SETTLING
        if len(unanswered) > 1:
            return CodeVisibility.MULTIPLE
        return CodeVisibility.SETTLING if after_a_crowd else CodeVisibility.ALONE

    def _hash(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._key, digest_size=16).digest()
