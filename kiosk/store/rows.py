"""How a passage lies in its row, in both directions."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from kiosk.model import Assurance, ClockQuality, Direction, Kind, Outcome, Passage, Reason, Stored

COLUMNS = (
    "seq, id, boot, occurred_us, occurred_s, clock, outcome, reason, direction, kind, assurance, "
    "pseudonym, sealed, code_bytes"
)
INSERT = f"INSERT INTO passage ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
SELECT = (
    "SELECT seq, id, boot_id, occurred_us, occurred_s, clock, outcome, reason, direction, kind, assurance, "
    "pseudonym, sealed, code_bytes FROM "
)

_EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_row(seq: int, boot: int, passage: Passage) -> tuple[Any, ...]:
    """The values of COLUMNS."""
    return (
        seq,
        passage.id.bytes,
        boot,
        (passage.occurred_at - _EPOCH_AT) // _MICROSECOND,
        passage.occurred_s,
        passage.clock,
        passage.outcome,
        passage.reason,
        passage.direction,
        passage.kind,
        passage.assurance,
        passage.pseudonym,
        passage.sealed,
        passage.code_bytes,
    )


def from_row(epoch: str, row: tuple[Any, ...]) -> Stored:
    """A row of SELECT as the value that was stored."""
    seq, id_, boot_id, us, s, clock, outcome, reason, direction, kind, assurance, pseudonym, sealed, code_bytes = row
    return Stored(
        epoch=epoch,
        seq=seq,
        boot_id=boot_id,
        passage=Passage(
            id=UUID(bytes=id_),
            occurred_at=_EPOCH_AT + timedelta(microseconds=us),
            occurred_s=s,
            clock=ClockQuality(clock),
            outcome=Outcome(outcome),
            reason=Reason(reason),
            direction=Direction(direction) if direction else None,
            kind=Kind(kind) if kind else None,
            assurance=Assurance(assurance) if assurance else None,
            pseudonym=pseudonym,
            sealed=sealed,
            code_bytes=code_bytes,
        ),
    )
