"""The system clock and its quality as reported by the kernel."""

import ctypes
import time
from datetime import UTC, datetime

from kiosk.core.model import ClockQuality, ClockReading

# A clock that shows an earlier time than this release is wrong. A Pi without network boots in 1970.
RELEASED_AT = datetime(2026, 11, 1, tzinfo=UTC)

_TIME_ERROR = 5  # adjtimex(2): "the system clock is not synchronised"
_TIMEX_BYTES = 208  # sizeof(struct timex) on 64-bit Linux; larger than on 32-bit


def is_clock_synchronised() -> bool:
    """Ask adjtimex(2), which all time daemons set, instead of the files of one daemon."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: read only
    state: int = libc.adjtimex(buffer)
    return state not in (-1, _TIME_ERROR)


class SystemClock:
    """The machine's clocks. Any thread."""

    def now(self) -> ClockReading:
        """Wall clock in UTC, monotonic seconds, and the quality of the wall clock."""
        at = datetime.now(UTC)
        if at < RELEASED_AT:
            quality = ClockQuality.UNSET
        elif is_clock_synchronised():
            quality = ClockQuality.SYNCHRONISED
        else:
            quality = ClockQuality.FREE_RUNNING
        return ClockReading(at, time.monotonic(), quality)
