"""Clock jumps repeat no answer, block no person and lose no person."""

from datetime import timedelta

import pytest

from kiosk.core import visits
from kiosk.core.model import ClockQuality, Direction
from kiosk.core.visits import VisitTracker
from tests.fakes.data.people import moment
from tests.fakes.data.visitors import ANH, BINH, IN, TO_RESET_S, A, B


@pytest.mark.parametrize(
    "jump", [timedelta(hours=5), timedelta(days=-400), timedelta(days=20_000), timedelta(seconds=-7)]
)
def test_a_jump_neither_repeats_nor_blocks(jump: timedelta) -> None:
    here = VisitTracker(window_s=8)
    here.record_answer([A], ANH, IN, moment())
    assert here.codes_to_answer([A], moment(5, jumped=jump)) == ()
    assert here.history(ANH, moment(5, jumped=jump)).same_visit
    assert here.codes_to_answer([A], moment(14, jumped=jump)) == (A,)
    assert not here.history(ANH, moment(14, jumped=jump)).same_visit


def test_a_jump_over_the_reset_hour_and_back_loses_no_person() -> None:
    here = VisitTracker()
    here.record_answer([A], ANH, IN, moment())
    ahead = moment(60, jumped=timedelta(seconds=TO_RESET_S - 30))
    assert here.occupancy(ahead) == 0
    here.record_answer([B], BINH, IN, ahead)
    assert here.occupancy(moment(120)) == 2


def test_with_an_unset_clock_people_stay_a_day() -> None:
    here = VisitTracker()
    here.record_answer([A], ANH, IN, moment(quality=ClockQuality.UNSET))
    assert here.occupancy(moment(visits.DAY_S, quality=ClockQuality.UNSET)) == 1
    assert here.occupancy(moment(visits.DAY_S + 1, quality=ClockQuality.UNSET)) == 0


def test_setting_the_clock_at_boot_keeps_earlier_people() -> None:
    here = VisitTracker()
    boot = moment(quality=ClockQuality.UNSET, jumped=timedelta(days=-20_000))
    here.record_answer([A], ANH, IN, boot)
    assert here.occupancy(moment(60)) == 1
    assert here.history(ANH, moment(60)).last_direction is Direction.IN
