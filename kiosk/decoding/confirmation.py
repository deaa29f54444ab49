"""Confirmation of codes: fast results are accepted at once, slow results need a second read or a known format.

Strong image enhancement once produced a misread: a short string of digits that passed Reed-Solomon by chance. So a code that
only a slow stage read must fit a known format with its own check, or be read again in another frame or by another stage.
"""

import hashlib
from collections.abc import Callable, Iterable

from kiosk.core.model import DecodedCode

CONFIRMATION_WINDOW_S = 4.0
_MAX_REMEMBERED = 64


def unique_codes(readings: Iterable[DecodedCode]) -> tuple[DecodedCode, ...]:
    """The first result for each different content. A code and its reflection count once."""
    first: dict[bytes, DecodedCode] = {}
    for reading in readings:
        first.setdefault(reading.data, reading)
    return tuple(first.values())


class CodeConfirmation:
    """Remembers codes of the last seconds, as hashes. One thread."""

    def __init__(self, is_known_format: Callable[[bytes], bool]) -> None:
        self._is_known_format = is_known_format
        self._recent: dict[bytes, tuple[float, str]] = {}

    def accept_fast(self, readings: Iterable[DecodedCode], captured_s: float) -> tuple[DecodedCode, ...]:
        """Accept all distinct codes. They also confirm later ones."""
        believed = unique_codes(readings)
        for reading in believed:
            self._remember(reading, captured_s)
        return believed

    def confirm_slow(self, readings: Iterable[DecodedCode], captured_s: float) -> tuple[DecodedCode, ...]:
        """The codes that are confirmed."""
        return tuple(reading for reading in unique_codes(readings) if self._is_confirmed(reading, captured_s))

    def _is_confirmed(self, reading: DecodedCode, captured_s: float) -> bool:
        earlier = self._recent.get(_digest(reading))
        self._remember(reading, captured_s)
        if self._is_known_format(reading.data):
            return True
        if earlier is None:
            return False
        earlier_s, stage = earlier
        return (earlier_s, stage) != (captured_s, reading.stage) and abs(
            captured_s - earlier_s
        ) <= CONFIRMATION_WINDOW_S

    def _remember(self, reading: DecodedCode, captured_s: float) -> None:
        name = _digest(reading)
        self._recent.pop(name, None)
        self._recent[name] = (captured_s, reading.stage)
        while len(self._recent) > _MAX_REMEMBERED:
            del self._recent[next(iter(self._recent))]


def _digest(reading: DecodedCode) -> bytes:
    """A hash, because the text must not be kept longer than the frame."""
    return hashlib.blake2b(reading.data, digest_size=16).digest()
