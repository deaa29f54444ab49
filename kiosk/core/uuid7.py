"""Makes UUIDv7 ids for events."""

import os
import uuid

from kiosk.core.model import ClockReading


def uuid7(now: ClockReading) -> uuid.UUID:
    """A UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then random bits. Python has its own from 3.14 on."""
    milliseconds = max(0, int(now.utc_at.timestamp() * 1000)) & (1 << 48) - 1
    value = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)
