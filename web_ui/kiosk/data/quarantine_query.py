"""What the centre refused and the kiosk keeps, over a read-only connection; pseudonyms only."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from web_ui.kiosk.data.hourly_counts import connect

MOST_SHOWN = 100

_HELD = (
    "SELECT quarantine.seq, id, occurred_us, outcome, event.reason, direction, hex(substr(pseudonym, 1, 4)),"
    " quarantine.reason, quarantine.at, ifnull(times, 1)"
    " FROM quarantine JOIN event USING (seq) LEFT JOIN rejection_count USING (seq) ORDER BY quarantine.seq LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Held:
    """One record in quarantine."""

    seq: int
    id: UUID
    occurred_at: datetime
    outcome: str
    reason: str
    direction: str | None
    pseudonym: str
    """The first 8 hex digits of the keyed pseudonym; empty where nobody was named."""
    why: str
    """The centre's reason, in its own word."""
    refused_at: datetime
    times: int
    """How often it was refused."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The oldest records in it, and how many there are."""

    held: tuple[Held, ...] = ()
    count: int = 0


def find(database: Path) -> Quarantine:
    """What is in quarantine now. Raises sqlite3.Error."""
    with closing(connect(database)) as connection:
        count = int(connection.execute("SELECT count(*) FROM quarantine").fetchone()[0])
        rows = connection.execute(_HELD, [MOST_SHOWN]).fetchall() if count else []
    return Quarantine(tuple(map(_held, rows)), count)


def _held(row: tuple[Any, ...]) -> Held:
    seq, id_, us, outcome, reason, direction, name, why, at, times = row
    return Held(
        seq=seq,
        id=UUID(bytes=id_),
        occurred_at=datetime.fromtimestamp(us / 1_000_000, UTC),
        outcome=outcome,
        reason=reason,
        direction=direction,
        pseudonym=name.lower(),
        why=why,
        refused_at=datetime.fromisoformat(at),
        times=times,
    )
