"""Which readings are believed: a light stage's at once, a heavy stage's need a second witness or a grammar.

Heavy enhancement once produced a misread, a short string of digits that passed Reed-Solomon by chance. So what only a heavy stage
read must fit a known code with its own check, or be read the same a second time: in another frame, or by another stage.
"""

import hashlib
from collections.abc import Callable, Iterable

from kiosk.core.model import DecodedCode

REMEMBERED_S = 4.0
_MOST_REMEMBERED = 64


def distinct(readings: Iterable[DecodedCode]) -> tuple[DecodedCode, ...]:
    """One reading per different content, the first of each: a code and its reflection are one."""
    first: dict[bytes, DecodedCode] = {}
    for reading in readings:
        first.setdefault(reading.data, reading)
    return tuple(first.values())


class Witnesses:
    """Remembers, as hashes, what heavy stages read in the last seconds. One thread."""

    def __init__(self, is_known_format: Callable[[bytes], bool]) -> None:
        self._known = is_known_format
        self._sightings: dict[bytes, tuple[float, str]] = {}

    def of_light(self, readings: Iterable[DecodedCode], captured_s: float) -> tuple[DecodedCode, ...]:
        """The distinct readings, all believed, and witnesses from now on."""
        believed = distinct(readings)
        for reading in believed:
            self._remember(reading, captured_s)
        return believed

    def of_heavy(self, readings: Iterable[DecodedCode], captured_s: float) -> tuple[DecodedCode, ...]:
        """Those of the readings that are beyond doubt."""
        return tuple(reading for reading in distinct(readings) if self._doubtless(reading, captured_s))

    def _doubtless(self, reading: DecodedCode, captured_s: float) -> bool:
        earlier = self._sightings.get(_name(reading))
        self._remember(reading, captured_s)
        if self._known(reading.data):
            return True
        if earlier is None:
            return False
        earlier_s, stage = earlier
        return (earlier_s, stage) != (captured_s, reading.stage) and abs(captured_s - earlier_s) <= REMEMBERED_S

    def _remember(self, reading: DecodedCode, captured_s: float) -> None:
        name = _name(reading)
        self._sightings.pop(name, None)
        self._sightings[name] = (captured_s, reading.stage)
        while len(self._sightings) > _MOST_REMEMBERED:
            del self._sightings[next(iter(self._sightings))]


def _name(reading: DecodedCode) -> bytes:
    """The text itself is not kept longer than the frame."""
    return hashlib.blake2b(reading.data, digest_size=16).digest()
