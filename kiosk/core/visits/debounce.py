"""Codes in view: which of them need an answer now.

A code is known by a hash under a key that lives in memory only, and new again once it was out of view for the visit window.
"""

import hashlib
import math
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from kiosk.core.visits.occupancy import Person

SETTLE_S = 1.0
"""How long a light belongs to one person, and how long one of two codes must be alone before it counts as alone."""
AWAY_S = 1.5
"""After an undo a code is new once it was out of view this long: who still holds it up is not let through by it again."""
MAX_CODES = 1024


class CodeState(StrEnum):
    """What is known of a code in view."""

    NEW = "new"
    CROWDED = "crowded"
    """Asked to come one at a time."""
    ANSWERED = "answered"


class Seen(StrEnum):
    """How a code without an answer is seen in a frame."""

    ALONE = "alone"
    TOO_SOON = "too soon"
    """Beside a code that was answered just now, or after another one that was in view just now."""
    TOGETHER = "together"


class Step(StrEnum):
    """What is done about it."""

    ANSWER = "answer"
    WAIT = "wait"
    ASK_ONE_AT_A_TIME = "ask one at a time"
    NOTHING = "nothing"


STEPS: Mapping[tuple[CodeState, Seen], Step] = MappingProxyType(
    {
        (CodeState.NEW, Seen.ALONE): Step.ANSWER,
        (CodeState.NEW, Seen.TOO_SOON): Step.WAIT,
        (CodeState.NEW, Seen.TOGETHER): Step.ASK_ONE_AT_A_TIME,
        (CodeState.CROWDED, Seen.ALONE): Step.ANSWER,
        (CodeState.CROWDED, Seen.TOO_SOON): Step.WAIT,
        (CodeState.CROWDED, Seen.TOGETHER): Step.WAIT,
        (CodeState.ANSWERED, Seen.ALONE): Step.NOTHING,
        (CodeState.ANSWERED, Seen.TOO_SOON): Step.NOTHING,
        (CodeState.ANSWERED, Seen.TOGETHER): Step.NOTHING,
    }
)
"""Every state returns to NEW when the code was out of view for the visit window."""


@dataclass(slots=True)
class _Code:
    state: CodeState
    seen_s: float
    answered_s: float = -math.inf
    """When its light was shown."""
    crowded_s: float = -math.inf
    """When it was last in view together with another one that has no answer."""
    person: Person | None = None
    window_s: float = math.inf
    """How long it stays known out of view, where that is less than for all others."""


class Codes:
    """The codes of the last visits, the oldest forgotten first."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._key = secrets.token_bytes(32)
        self._codes: OrderedDict[bytes, _Code] = OrderedDict()

    def waiting(self, codes: Sequence[bytes], now_s: float) -> tuple[bytes, ...]:
        """Those that need an answer now: none, one, or several who are to come one at a time."""
        known = {data: self._look_up(data, now_s) for data in dict.fromkeys(codes)}
        unanswered = [data for data, code in known.items() if code.state is not CodeState.ANSWERED]
        seen = self._how_seen(known, unanswered, now_s)
        steps = {STEPS[known[data].state, seen] for data in unanswered}
        if Step.ASK_ONE_AT_A_TIME in steps or steps == {Step.ANSWER}:
            return tuple(unanswered)
        return ()

    def answered(self, data: bytes, person: Person | None, now_s: float, *, one_at_a_time: bool) -> None:
        """Its light is shown: the person's whose pass it was, or (`crowd`) the one that asks for one at a time."""
        state = CodeState.CROWDED if one_at_a_time else CodeState.ANSWERED
        self._remember(data, _Code(state, now_s, answered_s=now_s, crowded_s=now_s, person=person))

    def joined(self, data: bytes, person: Person, now_s: float, window_s: float = math.inf) -> None:
        """It needs no light: it is another code of somebody who was answered."""
        self._remember(data, _Code(CodeState.ANSWERED, now_s, person=person, window_s=window_s))

    def undone(self, person: Person) -> None:
        """The codes of this person's pass are new once they were away for AWAY_S."""
        for code in self._codes.values():
            if code.person is person:
                code.window_s = AWAY_S

    def _look_up(self, data: bytes, now_s: float) -> _Code:
        """What is known of a code that is in view now; a code out of view for the window is new again."""
        place = self._hash(data)
        code = self._codes.get(place)
        if code is None or now_s - code.seen_s > min(self._window_s, code.window_s):
            return _Code(CodeState.NEW, now_s)
        code.seen_s = now_s
        self._codes.move_to_end(place)
        if code.person is not None:
            code.person.seen_s = now_s
        return code

    def _remember(self, data: bytes, code: _Code) -> None:
        place = self._hash(data)
        self._codes[place] = code
        self._codes.move_to_end(place)
        while len(self._codes) > MAX_CODES:
            self._codes.popitem(last=False)

    def _how_seen(self, known: Mapping[bytes, _Code], unanswered: Sequence[bytes], now_s: float) -> Seen:
        if len(unanswered) > 1:
            for data in unanswered:
                known[data].crowded_s = now_s
            return Seen.TOGETHER
        just_now = now_s - SETTLE_S
        beside_an_answer = any(
            code.state is CodeState.ANSWERED and code.answered_s > just_now for code in known.values()
        )
        after_a_crowd = any(known[data].crowded_s > just_now for data in unanswered)
        return Seen.TOO_SOON if beside_an_answer or after_a_crowd else Seen.ALONE

    def _hash(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._key, digest_size=16).digest()
