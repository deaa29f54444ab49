"""Which readings are believed: a light stage's at once, a heavy stage's need a second witness or a grammar.

Heavy enhancement once produced a misread, a short string of digits that passed Reed-Solomon by chance. So what only
a heavy stage read must fit a known code with its own check, or be read the same in two frames.
"""

import hashlib
from collections.abc import Callable, Iterable

from kiosk.model import Reading

REMEMBERED_S = 4.0
_MOST_REMEMBERED = 64


def distinct(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """One reading per different content, the first of each: a code and its reflection are one."""
    return tuple({reading.data: reading for reading in reversed(tuple(readings))}.values())[::-1]


class Witnesses:
    """Remembers, as hashes, what heavy stages read in the last seconds. One thread."""

    def __init__(self, known: Callable[[bytes], bool]) -> None:
        self._known = known
        self._seen_s: dict[bytes, float] = {}

    def accept(self, readings: Iterable[Reading], *, heavy: bool, captured_s: float) -> tuple[Reading, ...]:
        """The distinct readings that are beyond doubt."""
        believed = []
        for reading in distinct(readings):
            key = hashlib.blake2b(reading.data, digest_size=16).digest()
            earlier_s = self._seen_s.get(key)
            fresh = earlier_s is not None and captured_s - earlier_s <= REMEMBERED_S
            if not heavy or fresh or self._known(reading.data):
                believed.append(reading)
            self._remember(key, captured_s)
        return tuple(believed)

    def _remember(self, key: bytes, captured_s: float) -> None:
        self._seen_s.pop(key, None)
        self._seen_s[key] = captured_s
        while len(self._seen_s) > _MOST_REMEMBERED:
            del self._seen_s[next(iter(self._seen_s))]
