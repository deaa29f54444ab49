"""A restart restores the visits from the events of this boot and of earlier boots."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kiosk.core import visits
from kiosk.core.model import ClockQuality, Direction, Reason, VisitHistory
from kiosk.core.visits import VisitTracker
from tests.fakes.data.people import NOW_AT, moment
from tests.fakes.data.visitors import ANH, BINH, IN, NO, OUT, stored


def test_people_inside_are_still_inside_after_a_restart() -> None:
    here = VisitTracker()
    here.restore(
        [
            stored(1, IN, 300),
            stored(2, IN, 200, BINH[0]),
            stored(3, NO, 150),
            stored(4, OUT, 100),
            stored(5, IN, 90, b"", reason=Reason.MANUAL),
            stored(6, IN, 80, b"", reason=Reason.MANUAL),
        ],
        moment(),
        "this boot",
    )
    assert here.occupancy(moment()) == 3
    assert here.history(ANH, moment()) == VisitHistory(False, Direction.OUT, 100.0)
    assert here.history(BINH, moment()) == VisitHistory(False, Direction.IN, 200.0, 200.0)


def test_a_restart_during_a_visit_repeats_no_answer() -> None:
    here = VisitTracker(window_s=8)
    here.restore([stored(1, IN, 3)], moment(), "this boot")
    assert here.history(ANH, moment()).same_visit


def test_after_a_restart_a_person_is_known_by_another_of_their_codes() -> None:
    here = VisitTracker()
    before = stored(1, IN, 90)
    with_aliases = replace(before, event=replace(before.event, aliases=(b"a" * 16, b"b" * 16)))
    here.restore([with_aliases], moment(), "this boot")
    assert here.history((b"b" * 16,), moment()).last_direction is Direction.IN
    assert here.occupancy(moment()) == 1


def test_after_a_reboot_the_wall_clock_gives_the_age() -> None:
    here = VisitTracker()
    here.restore([stored(1, IN, 300, monotonic_s=99_999.0)], moment(), "another boot")
    assert here.history(ANH, moment()).last_pass_age_s == 300
    unknown = VisitTracker()
    unknown.restore([stored(1, IN, 300, monotonic_s=99_999.0)], moment())
    assert unknown.history(ANH, moment()).last_pass_age_s == 300


def test_within_one_boot_the_monotonic_clock_gives_the_age() -> None:
    here = VisitTracker()
    here.restore([stored(1, IN, 300, occurred_at=NOW_AT + timedelta(days=3))], moment(), "this boot")
    assert here.history(ANH, moment()).last_pass_age_s == 300


@pytest.mark.parametrize("now_unset", [False, True])
def test_without_a_reliable_clock_people_stay_until_the_reset(now_unset: bool) -> None:
    quality = ClockQuality.UNSET if now_unset else ClockQuality.SYNCHRONISED
    before = stored(1, IN, 300, clock_quality=ClockQuality.SYNCHRONISED if now_unset else ClockQuality.UNSET)
    here = VisitTracker()
    here.restore([before], moment(quality=quality), "another boot")
    assert here.occupancy(moment(1, quality=quality)) == 1
    assert not here.history(ANH, moment(0, quality=quality)).same_visit
    assert here.history(ANH, moment(0, quality=quality)).last_pass_age_s == 0


def test_an_event_from_the_future_has_age_zero() -> None:
    here = VisitTracker()
    here.restore([stored(1, IN, -500)], moment(), "another boot")
    assert here.history(ANH, moment()).last_pass_age_s == 0
    here.restore([stored(2, IN, -500)], moment(), "this boot")
    assert here.history(ANH, moment()).last_pass_age_s == 0


def test_yesterdays_people_are_gone() -> None:
    here = VisitTracker()
    here.restore([stored(1, IN, visits.DAY_S)], moment(), "this boot")
    assert here.occupancy(moment()) == 0
    assert here.history(ANH, moment()).last_direction is None
