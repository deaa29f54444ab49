"""Events as rows of PostgreSQL's binary COPY (its documentation, COPY, "Binary Format").

A library writes a row column by column and looks at the type of each value. Here most of a row is one struct, and codes that
many events share are packed once.
"""

import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from mqtt.centre.ingest.batch import ReceivedEvent
from mqtt.events import AccessEventData

MILLISECONDS_PER_DAY = 86_400_000
MICROSECONDS_PER_SECOND = 1_000_000
SECONDS_PER_DAY = 86_400
UNIX_EPOCH = date(1970, 1, 1)
LAST_DAY = (date.max - UNIX_EPOCH).days
DAYS_TO_2000 = (date(2000, 1, 1) - UNIX_EPOCH).days  # PostgreSQL counts time from 2000
YEAR_2000 = datetime(2000, 1, 1, tzinfo=UTC)

COPY_COLUMNS = (
    "device, id, day, stream, seq, occurred_at, monotonic_s, code_bytes, received_at, "
    "boot_id, clock_quality, outcome, reason, direction, kind, assurance, pseudonym, sealed, annuls, manual_reason"
)
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
COLUMN_COUNT = 20
# The number of columns, then each column up to received_at with its length in bytes.
ROW = struct.Struct("!h ii i16s ii ii iq iq id ii iq".replace(" ", ""))


def pack_rows(device: int, stream: int, received_events: Sequence[ReceivedEvent]) -> Iterator[bytes]:
    """The rows of the events of one stream."""
    pack = ROW.pack
    before = received_events[0][1]
    received = _microseconds(before)
    for event, at in received_events:
        data = event.data
        if at is not before:
            before, received = at, _microseconds(at)
        yield pack(
            COLUMN_COUNT,
            *(4, device),
            *(16, event.id.bytes),
            *(4, day_number(event.id) - DAYS_TO_2000),
            *(4, stream),
            *(8, data.seq),
            *(8, _microseconds(event.time)),
            *(8, data.monotonic_s),
            *(4, data.code_bytes),
            *(8, received),
        )
        yield _pack_codes(
            data.boot_id, data.clock_quality, data.outcome, data.reason, data.direction, data.kind, data.assurance
        )
        yield _pack_text(data.pseudonym)
        yield len(data.sealed).to_bytes(4) + data.sealed
        yield NULL + NULL if data.annuls is None and data.manual_reason is None else _pack_optional_columns(data)


def event_date(event_id: UUID) -> date:
    """The day (UTC) in the first 48 bits of a UUIDv7 (RFC 9562 section 5.7). Other ids give an arbitrary day."""
    return day_number_to_date(day_number(event_id))


def day_number_to_date(number: int) -> date:
    """The date of a `day_number`."""
    return UNIX_EPOCH + timedelta(days=number)


def day_number(event_id: UUID) -> int:
    """The day of an event id in days since 1970."""
    return min((event_id.int >> 80) // MILLISECONDS_PER_DAY, LAST_DAY)


def _microseconds(at: datetime) -> int:
    """Since 2000."""
    since = at - YEAR_2000
    return (since.days * SECONDS_PER_DAY + since.seconds) * MICROSECONDS_PER_SECOND + since.microseconds


@lru_cache(maxsize=1024)
def _pack_codes(*codes: str | None) -> bytes:
    return b"".join(map(_pack_text, codes))


def _pack_text(value: str | None) -> bytes:
    if value is None:
        return NULL
    text = value.encode()
    return len(text).to_bytes(4) + text


def _pack_optional_columns(data: AccessEventData) -> bytes:
    annuls = NULL if data.annuls is None else b"\0\0\0\x10" + data.annuls.bytes
    return annuls + _pack_text(data.manual_reason)
