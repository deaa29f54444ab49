"""Every state in which a power cut could have left the disk of one recorded run is opened and checked.

The control shows that the measurement can fail: without fsync, acknowledged records must be missing.
"""

import random

import pytest

from tests.system.conftest import Measured
from tests.system.power import points as power_points
from tests.system.power.machine import Parts
from tests.system.power.points import Tally

pytestmark = [pytest.mark.system, pytest.mark.power, pytest.mark.timeout(5400)]
POINTS = 100
CONTROL_POINTS = 20


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest, parts: Parts, chance: random.Random) -> Tally:
    """One recorded run, cut at that many points."""
    number = request.config.getoption("--points")
    if number == 0:
        pytest.skip("--points 0")
    return power_points.replayed(*power_points.recorded(parts), number or POINTS, chance)


def test_every_acknowledged_record_is_there_at_every_crash_point(tally: Tally, measured: Measured) -> None:
    assert tally.missing == 0
    assert tally.acknowledged > 0
    spread = ", ".join(f"{count} in {stage}" for stage, count in tally.stages.items())
    fates = ", ".join(f"{count} with unflushed writes {fate}" for fate, count in tally.fates.items())
    measured(f"{tally.points} points of {tally.requests} writes ({tally.flushes} flushes): {spread}; {fates}")


def test_no_crash_point_needs_a_person(tally: Tally, measured: Measured) -> None:
    assert tally.problems == []
    measured(f"0 of {tally.points}")


def test_control_without_fsync_crash_points_are_noticed(
    tally: Tally, parts: Parts, chance: random.Random, measured: Measured
) -> None:
    control = power_points.replayed(*power_points.recorded(parts, honest=False), CONTROL_POINTS, chance)
    assert control.missing > 0
    measured(f"{control.missing} acknowledged records missing at {control.points} crash points")
