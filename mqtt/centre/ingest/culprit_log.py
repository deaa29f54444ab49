"""Keeps the log of the centre short: what one device sends wrongly again and again is one line an hour with its number."""

import logging
import time
from collections.abc import Callable

REPEAT_AFTER_S = 3600.0
MAX_REMEMBERED = 10_000
"""Lines of different devices or causes. Beyond this the memory starts anew."""
_ABOUT_ONE_DEVICE = "%s: "
"""How the format of every line about one device begins."""


class CulpritFilter(logging.Filter):
    """For a handler. Lets a line about one device pass once an hour. Any thread, as handlers lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}
        """When a line passed, and how often it came since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter."""
        if record.levelno < logging.WARNING or not str(record.msg).startswith(_ABOUT_ONE_DEVICE):
            return True
        text, now_s = record.getMessage(), self._clock()
        passed_s, repeats = self._seen.get(text, (-REPEAT_AFTER_S, 0))
        if now_s - passed_s < REPEAT_AFTER_S:
            self._seen[text] = passed_s, repeats + 1
            return False
        if len(self._seen) >= MAX_REMEMBERED:
            self._seen.clear()
        self._seen[text] = now_s, 0
        if repeats:
            record.msg, record.args = "%s (and %d times since this line)", (text, repeats)
        return True
