"""Events that cannot be delivered and are kept in quarantine. Pseudonyms only."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from kiosk.storage.queries.read_only import from_unix_us, open_read_only

MAX_ROWS = 100

_SELECT_QUARANTINED = (
    "SELECT quarantine.seq, id, occurred_us, outcome, event.reason, direction, hex(substr(pseudonym, 1, 4)),"
    " quarantine.reason, quarantine.at, ifnull(times, 1)"
    " FROM quarantine JOIN event USING (seq) LEFT JOIN rejection_count USING (seq) ORDER BY quarantine.seq LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class QuarantinedEvent:
    """One event in quarantine."""

    seq: int
    id: UUID
    occurred_at: datetime
    outcome: str
    reason: str
    direction: str | None
    pseudonym: str
    """The first 8 hex digits of the keyed pseudonym. Empty where the code named no person."""
    rejection_reason: str
    """The centre's reason, as a code."""
    rejected_at: datetime
    rejection_count: int
    """How often it was rejected."""


@dataclass(frozen=True, slots=True)
class QuarantineContents:
    """The oldest events in quarantine, and the number of all."""

    events: tuple[QuarantinedEvent, ...] = ()
    count: int = 0


def read_quarantine(database: Path | None) -> QuarantineContents:
    """What is in quarantine now. Raises StoreError."""
    with open_read_only(database) as connection:
        count = int(connection.execute("SELECT count(*) FROM quarantine").fetchone()[0])
        rows = connection.execute(_SELECT_QUARANTINED, [MAX_ROWS]).fetchall() if count else []
    return QuarantineContents(tuple(filter(None, map(_quarantined_event, rows))), count)


def _quarantined_event(row: tuple[Any, ...]) -> QuarantinedEvent | None:
    """None where the row is damaged. It is counted."""
    try:
        return _readable_event(row)
    except (ValueError, TypeError, AttributeError):
        return None


def _readable_event(row: tuple[Any, ...]) -> QuarantinedEvent:
    seq, id_, us, outcome, reason, direction, pseudonym, rejection_reason, at, rejection_count = row
    return QuarantinedEvent(
        seq=seq,
        id=UUID(bytes=id_),
        occurred_at=from_unix_us(us),
        outcome=outcome,
        reason=reason,
        direction=direction,
        pseudonym=pseudonym.lower(),
        rejection_reason=rejection_reason,
        rejected_at=datetime.fromisoformat(at),
        rejection_count=rejection_count,
    )
