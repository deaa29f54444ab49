"""The real clock, with its quality as the kernel tells it."""

import ctypes
import time
from datetime import UTC, datetime

from kiosk.core.model import ClockQuality, ClockReading

# No wall clock of ours can be earlier than the day this release was made; a Pi without network boots in 1970.
RELEASED_AT = datetime(2026, 11, 1, tzinfo=UTC)

_TIME_ERROR = 5  # adjtimex(2): "the system clock is not synchronised"
_TIMEX_BYTES = 208  # sizeof(struct timex) on 64-bit Linux; larger than the 32-bit one


def is_clock_synchronised() -> bool:
    """Ask adjtimex(2), which every time daemon feeds, instead of one daemon's own file."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: read only
    state: int = libc.adjtimex(buffer)
    return state not in (-1, _TIME_ERROR)


class SystemClock:
    """The machine's clocks; any thread."""

    def now(self) -> ClockReading:
        """Wall clock in UTC, monotonic seconds, and how far the first can be believed."""
        at = datetime.now(UTC)
        if at < RELEASED_AT:
            quality = ClockQuality.UNSET
        elif is_clock_synchronised():
            quality = ClockQuality.SYNCHRONISED
        else:
            quality = ClockQuality.FREE_RUNNING
        return ClockReading(at, time.monotonic(), quality)
