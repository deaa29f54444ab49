"""Did everything happen as it should? The stage, the answers and the two databases, compared."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kiosk.simulation.scenario import VisitorTurn


@dataclass(frozen=True, slots=True)
class ObservedDecision:
    """One decision, as the daemon published it."""

    frame: int
    outcome: str
    reason: str
    direction: str | None


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The last line of `kiosk demo --once --json`."""

    visitors: int
    """Visitors who stood in front of the camera."""
    as_expected: int
    """Of them, who got the answer that they should, and no other."""
    recorded: int
    """Records on the device."""
    received: int
    """Records at the centre."""
    lost: int
    """On the device and not at the centre."""
    duplicated: int
    """At the centre more than once."""

    @property
    def is_ok(self) -> bool:
        """Every outcome as expected, nothing lost, nothing doubled."""
        return self.visitors > 0 and self.as_expected == self.visitors and not self.lost and not self.duplicated

    def as_json(self) -> dict[str, Any]:
        """For printing."""
        return asdict(self)


def got_expected_decision(turn: VisitorTurn, decisions: Sequence[ObservedDecision]) -> bool:
    """Whether this visitor got exactly the answer expected: one, or none where none was due."""
    mine = [answer for answer in decisions if turn.contains(answer.frame)]
    if turn.visitor.expected is None:
        return not mine
    outcome, reason = turn.visitor.expected
    direction = turn.visitor.direction
    return len(mine) == 1 and (
        (mine[0].outcome, mine[0].reason) == (outcome.value, reason.value)
        and (direction is None or mine[0].direction == direction.value)
    )


def check_demo(
    turns: Sequence[VisitorTurn],
    decisions: Sequence[ObservedDecision],
    on_device: Mapping[bytes, int],
    at_centre: Mapping[bytes, int],
) -> DemoResult:
    """Compare; both mappings count records by their id."""
    return DemoResult(
        visitors=len(turns),
        as_expected=sum(got_expected_decision(turn, decisions) for turn in turns),
        recorded=on_device.total() if isinstance(on_device, Counter) else sum(on_device.values()),
        received=len(at_centre),
        lost=len(on_device.keys() - at_centre.keys()),
        duplicated=sum(count - 1 for count in at_centre.values()),
    )


def count_event_ids(database: Path) -> Counter[bytes]:
    """How often each record id stands in the table `passage` of a device's or a centre's database; read only."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return Counter(
            {bytes(row[0]): row[1] for row in connection.execute("SELECT id, count(*) FROM event GROUP BY id")}
        )
    finally:
        connection.close()
