"""What the centre refused and the kiosk keeps, over a read-only connection; pseudonyms only."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from web_ui.kiosk.data.hourly_counts import connect_read_only

MAX_ROWS = 100

_SELECT_QUARANTINED = (
    "SELECT quarantine.seq, id, occurred_us, outcome, event.reason, direction, hex(substr(pseudonym, 1, 4)),"
    " quarantine.reason, quarantine.at, ifnull(times, 1)"
    " FROM quarantine JOIN event USING (seq) LEFT JOIN rejection_count USING (seq) ORDER BY quarantine.seq LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class QuarantinedEvent:
    """One record in quarantine."""

    seq: int
    id: UUID
    occurred_at: datetime
    outcome: str
    reason: str
    direction: str | None
    pseudonym: str
    """The first 8 hex digits of the keyed pseudonym; empty where nobody was named."""
    rejection_reason: str
    """The centre's reason, in its own word."""
    rejected_at: datetime
    rejection_count: int
    """How often it was refused."""


@dataclass(frozen=True, slots=True)
class QuarantineContents:
    """The oldest records in it, and how many there are."""

    events: tuple[QuarantinedEvent, ...] = ()
    count: int = 0


def read_quarantine(database: Path) -> QuarantineContents:
    """What is in quarantine now. Raises sqlite3.Error."""
    with closing(connect_read_only(database)) as connection:
        count = int(connection.execute("SELECT count(*) FROM quarantine").fetchone()[0])
        rows = connection.execute(_SELECT_QUARANTINED, [MAX_ROWS]).fetchall() if count else []
    return QuarantineContents(tuple(map(_quarantined_event, rows)), count)


def _quarantined_event(row: tuple[Any, ...]) -> QuarantinedEvent:
    seq, id_, us, outcome, reason, direction, name, why, at, times = row
    return QuarantinedEvent(
        seq=seq,
        id=UUID(bytes=id_),
        occurred_at=datetime.fromtimestamp(us / 1_000_000, UTC),
        outcome=outcome,
        reason=reason,
        direction=direction,
        pseudonym=name.lower(),
        rejection_reason=why,
        rejected_at=datetime.fromisoformat(at),
        rejection_count=times,
    )
