"""Access events to rows of the table `event`, and back.

The column `pseudonym` holds all pseudonyms of a person in sequence. The first one is sent to the centre. A table or an index of
their own would change a second page in each commit (docs/decisions/0016).
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

_CLOCK: dict[str, ClockQuality] = {member.value: member for member in ClockQuality}
_OUTCOME: dict[str, Outcome] = {member.value: member for member in Outcome}
_REASON: dict[str, Reason] = {member.value: member for member in Reason}
_DIRECTION: dict[str | None, Direction | None] = {None: None, **{member.value: member for member in Direction}}
_KIND: dict[str | None, CodeKind | None] = {None: None, **{member.value: member for member in CodeKind}}
_ASSURANCE: dict[str | None, Assurance | None] = {None: None, **{member.value: member for member in Assurance}}
_MANUAL_REASON: dict[str | None, ManualReason | None] = {
    None: None,
    **{member.value: member for member in ManualReason},
}

_EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def event_to_row(seq: int, boot_number: int, event: AccessEvent) -> tuple[Any, ...]:
    """The values of EVENT_COLUMNS."""
    return (
        seq,
        event.id.bytes,
        boot_number,
        (event.occurred_at - _EPOCH_AT) // _MICROSECOND,
        event.monotonic_s,
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


def event_from_row(epoch: str, boot_ids: Mapping[int, str], row: tuple[Any, ...]) -> StoredEvent:
    """A row of SELECT_EVENT_COLUMNS as a StoredEvent. `boot_ids` are the boot ids by their numbers."""
    seq, id_, boot_number, us, monotonic_s, clock_quality, outcome, reason, direction, kind, assurance, *more = row
    pseudonyms, sealed, code_bytes, annuls, manual_reason = more
    return StoredEvent(
        epoch=epoch,
        seq=seq,
        boot_id=boot_ids[boot_number],
        event=AccessEvent(
            id=UUID(bytes=id_),
            occurred_at=_EPOCH_AT + timedelta(microseconds=us),
            monotonic_s=monotonic_s,
            clock_quality=_CLOCK[clock_quality],
            outcome=_OUTCOME[outcome],
            reason=_REASON[reason],
            direction=_DIRECTION[direction],
            kind=_KIND[kind],
            assurance=_ASSURANCE[assurance],
            pseudonym=pseudonyms[:PSEUDONYM_BYTES],
            sealed=sealed,
            code_bytes=code_bytes,
            aliases=_aliases(pseudonyms),
            annuls=UUID(bytes=annuls) if annuls else None,
            manual_reason=_MANUAL_REASON[manual_reason],
        ),
    )


def _aliases(pseudonyms: bytes) -> tuple[bytes, ...]:
    """All pseudonyms but the first."""
    return tuple(
        pseudonyms[start : start + PSEUDONYM_BYTES]
        for start in range(PSEUDONYM_BYTES, len(pseudonyms), PSEUDONYM_BYTES)
    )
