"""Checks the result of a demo: compares scenario, decisions and both databases."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kiosk.simulation.scenario import VisitorTurn


@dataclass(frozen=True, slots=True)
class ObservedDecision:
    """One decision as published by the daemon."""

    frame: int
    outcome: str
    reason: str
    direction: str | None


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The last line of `kiosk demo --once --json`."""

    visitors: int
    as_expected: int
    """Visitors who got exactly the expected decision."""
    recorded: int
    """Events on the device."""
    received: int
    """Events at the centre."""
    lost: int
    """Events on the device that are missing at the centre."""
    duplicated: int

    @property
    def is_ok(self) -> bool:
        """True if each decision was as expected and no event was lost or duplicated."""
        return self.visitors > 0 and self.as_expected == self.visitors and not self.lost and not self.duplicated

    def as_json(self) -> dict[str, Any]:
        """The result as JSON values, for printing."""
        return asdict(self)


def got_expected_decision(turn: VisitorTurn, decisions: Sequence[ObservedDecision]) -> bool:
    """Whether this visitor got exactly the expected decision, or none if none was expected."""
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
    """Compare expected and actual results. Both mappings count events by their id."""
    return DemoResult(
        visitors=len(turns),
        as_expected=sum(got_expected_decision(turn, decisions) for turn in turns),
        recorded=on_device.total() if isinstance(on_device, Counter) else sum(on_device.values()),
        received=len(at_centre),
        lost=len(on_device.keys() - at_centre.keys()),
        duplicated=sum(count - 1 for count in at_centre.values()),
    )


def count_event_ids(database: Path) -> Counter[bytes]:
    """Count each event id in a device's or a centre's database. Read only."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return Counter(
            {bytes(row[0]): row[1] for row in connection.execute("SELECT id, count(*) FROM event GROUP BY id")}
        )
    finally:
        connection.close()
