"""Notices codes that change faster than people can, so that one phone gets the answers of one person."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

QUICK_CHANGE_S = 1.2
"""Two people do not show a new code within this time, ten times in a row."""
MAX_QUICK_CHANGES = 10
STEADY_S = 1.2
"""After so many quick changes, a code is answered once it stayed in view this long."""
STEADY_GAP_S = 0.5
"""An engine misses a code in some frames. Out of view for longer, it starts again."""
MAX_NEW_CODES = 64


@dataclass(slots=True)
class _NewCode:
    since_s: float
    """Since when it is steadily in view."""
    seen_s: float


class NewCodes:
    """The codes without an answer of the last moments, by their hashes. Bounded. All times are monotonic."""

    def __init__(self) -> None:
        self._codes: OrderedDict[bytes, _NewCode] = OrderedDict()
        self._changed_s = float("-inf")
        self._quick_changes = 0

    def observe(self, in_view: Sequence[bytes], now_s: float) -> frozenset[bytes]:
        """Report all codes of a frame that have no answer. Returns those that may be answered now."""
        for place in in_view:
            self._observe_code(place, now_s)
        if self._quick_changes < MAX_QUICK_CHANGES:
            return frozenset(in_view)
        return frozenset(place for place in in_view if now_s - self._codes[place].since_s >= STEADY_S)

    def _observe_code(self, place: bytes, now_s: float) -> None:
        code = self._codes.get(place)
        if code is None:
            code = self._codes[place] = _NewCode(now_s, now_s)
            self._quick_changes = self._quick_changes + 1 if now_s - self._changed_s < QUICK_CHANGE_S else 0
            self._changed_s = now_s
        elif now_s - code.seen_s > STEADY_GAP_S:
            code.since_s = now_s
        code.seen_s = now_s
        self._codes.move_to_end(place)
        while len(self._codes) > MAX_NEW_CODES:
            self._codes.popitem(last=False)
