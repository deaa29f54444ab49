"""How a passage lies in its row, in both directions.

The column `pseudonym` holds all names of the person one after the other, the one that the centre gets first: a table or an index
of their own would be a second dirty page in every commit (docs/decisions/0016).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from kiosk.core.model import (
    AccessEvent,
    Assurance,
    ClockQuality,
    CodeKind,
    Direction,
    ManualReason,
    Outcome,
    Reason,
    StoredEvent,
)
from kiosk.core.subject_sealing import PSEUDONYM_BYTES

EVENT_COLUMNS = (
    "seq, id, boot_number, occurred_us, monotonic_s, clock_quality, outcome, reason, direction, kind, assurance, "
    "pseudonym, sealed, code_bytes, annuls, manual_reason"
)
INSERT_EVENT = f"INSERT INTO event ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
SELECT_EVENT_COLUMNS = f"SELECT {EVENT_COLUMNS} FROM "  # noqa: S608 - constants

_CLOCK: dict[str, ClockQuality] = {word.value: word for word in ClockQuality}
_OUTCOME: dict[str, Outcome] = {word.value: word for word in Outcome}
_REASON: dict[str, Reason] = {word.value: word for word in Reason}
_DIRECTION: dict[str | None, Direction | None] = {None: None, **{word.value: word for word in Direction}}
_KIND: dict[str | None, CodeKind | None] = {None: None, **{word.value: word for word in CodeKind}}
_ASSURANCE: dict[str | None, Assurance | None] = {None: None, **{word.value: word for word in Assurance}}
_MANUAL_REASON: dict[str | None, ManualReason | None] = {None: None, **{word.value: word for word in ManualReason}}

_EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def event_to_row(seq: int, boot_number: int, event: AccessEvent) -> tuple[Any, ...]:
    """The values of COLUMNS."""
    return (
        seq,
        event.id.bytes,
        boot_number,
        (event.occurred_at - _EPOCH_AT) // _MICROSECOND,
        event.occurred_s,
        event.clock_quality,
        event.outcome,
        event.reason,
        event.direction,
        event.kind,
        event.assurance,
        event.pseudonym + b"".join(event.aliases),
        event.sealed,
        event.code_bytes,
        event.annuls.bytes if event.annuls else None,
        event.manual_reason,
    )


def event_from_row(epoch: str, boots: Mapping[int, str], row: tuple[Any, ...]) -> StoredEvent:
    """A row of SELECT as the value that was stored; `boots` are the boot ids by their numbers."""
    seq, id_, boot, us, s, clock, outcome, reason, direction, kind, assurance, *more = row
    pseudonym, sealed, code_bytes, annuls, grounds = more
    return StoredEvent(
        epoch=epoch,
        seq=seq,
        boot_id=boots[boot],
        event=AccessEvent(
            id=UUID(bytes=id_),
            occurred_at=_EPOCH_AT + timedelta(microseconds=us),
            occurred_s=s,
            clock_quality=_CLOCK[clock],
            outcome=_OUTCOME[outcome],
            reason=_REASON[reason],
            direction=_DIRECTION[direction],
            kind=_KIND[kind],
            assurance=_ASSURANCE[assurance],
            pseudonym=pseudonym[:PSEUDONYM_BYTES],
            sealed=sealed,
            code_bytes=code_bytes,
            aliases=_aliases(pseudonym),
            annuls=UUID(bytes=annuls) if annuls else None,
            manual_reason=_MANUAL_REASON[grounds],
        ),
    )


def _aliases(pseudonyms: bytes) -> tuple[bytes, ...]:
    """All names but the first."""
    return tuple(
        pseudonyms[start : start + PSEUDONYM_BYTES]
        for start in range(PSEUDONYM_BYTES, len(pseudonyms), PSEUDONYM_BYTES)
    )
