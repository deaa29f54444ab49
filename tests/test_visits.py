"""Thirty frames are one visit: who needs an answer, who is inside, and what a clock that jumps cannot do."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kiosk import visits
from kiosk.model import (
    ClockQuality,
    Decision,
    Direction,
    History,
    Moment,
    Outcome,
    Passage,
    Reason,
    Stored,
)
from kiosk.visits import SETTLE_S, STEPS, CodeState, Seen, Step, Visits
from tests.people import NOW_AT, moment

A, B, C = b"code of A", b"code of B", b"code of C"
ANH, BINH = (b"anh" + bytes(13),), (b"binh" + bytes(12),)
IN = Decision(Outcome.PASS, Reason.OK, Direction.IN)
OUT = Decision(Outcome.PASS, Reason.OK, Direction.OUT)
NO = Decision(Outcome.FAIL, Reason.EXPIRED)
CROWD = Decision(Outcome.LOOK_AGAIN, Reason.ONE_AT_A_TIME)
HOUR_S = 3600.0
# NOW_AT is 08:02:03 in Hue: the next reset hour (03:00) is 18 h 57 min 57 s ahead.
TO_RESET_S = 18 * HOUR_S + 57 * 60 + 57


def stored(seq: int, decision: Decision, ago_s: float, name: bytes = ANH[0], **changed: object) -> Stored:
    """A passage `ago_s` seconds before NOW_AT, of this boot."""
    then = moment(-ago_s)
    passage = Passage(
        id=UUID(int=seq),
        occurred_at=then.at,
        occurred_s=then.s,
        clock=then.quality,
        outcome=decision.outcome,
        reason=decision.reason,
        direction=decision.direction,
        kind=None,
        assurance=None,
        pseudonym=name,
        sealed=b"",
        code_bytes=1,
    )
    return Stored("epoch", seq, "this boot", replace(passage, **changed))  # type: ignore[arg-type]  # any field


class TestOneVisit:
    def test_thirty_frames_of_one_code_are_answered_once(self) -> None:
        here = Visits(window_s=8)
        answers = 0
        for frame in range(30):
            for code in here.waiting([A], moment(frame / 15)):
                here.answered([code], ANH, IN, moment(frame / 15))
                answers += 1
        assert answers == 1

    def test_the_window_slides_while_the_code_stays_in_view(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], ANH, IN, moment())
        for second in range(0, 60, 5):
            assert here.still_showing([A], moment(second))
            assert here.history(ANH, moment(second)).same_visit
        assert here.still_showing([A], moment(55 + 8))
        assert here.waiting([A], moment(55 + 8 + 8.001)) == (A,)
        assert not here.history(ANH, moment(55 + 8 + 8.001)).same_visit

    def test_a_refused_code_is_answered_once_as_well(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], (), NO, moment())
        assert here.waiting([A], moment(7)) == ()
        assert here.waiting([A], moment(15.1)) == (A,)

    def test_another_of_the_same_persons_codes_belongs_to_the_visit(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], (*ANH, b"insurance"), IN, moment())
        assert here.waiting([B], moment(5)) == (B,)
        assert here.history((b"qid", b"insurance"), moment(5)).same_visit
        here.answered_again([B], (b"qid", b"insurance"), moment(5))
        assert here.waiting([B], moment(6)) == ()
        assert here.history((b"qid",), moment(13)).same_visit, "and its other names are his from now on"
        assert here.history(ANH, moment(13)).same_visit, "whichever code he shows, the window slides"
        assert here.inside(moment(6)) == 1

    def test_the_other_code_keeps_the_visit_alive_as_well(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], ANH, IN, moment())
        here.answered_again([B], ANH, moment(5))
        assert here.waiting([B], moment(12)) == ()
        assert here.history(ANH, moment(20)).same_visit

    def test_the_window_ends_when_it_is_over_and_not_before(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], ANH, IN, moment())
        assert here.history(ANH, moment(8)).same_visit
        assert here.waiting([A], moment(8)) == ()

    def test_two_people_of_one_code_become_the_one_who_passed_last(self) -> None:
        here = Visits(window_s=100)
        here.answered([A], ANH, IN, moment())
        here.answered([B], BINH, OUT, moment(60))
        here.answered_again([C], (*ANH, *BINH), moment(70))
        assert here.history(ANH, moment(71)).last_direction is Direction.OUT
        assert here.history(ANH, moment(71)).last_pass_age_s == 11

    def test_who_was_refused_may_show_another_code_at_once(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], ANH, NO, moment())
        assert here.history(ANH, moment(1)) == History()

    def test_after_the_window_it_is_another_visit_the_other_way(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], ANH, IN, moment())
        assert here.history(ANH, moment(9)) == History(False, Direction.IN, 9.0)

    def test_a_stranger_has_no_history(self) -> None:
        assert Visits().history(ANH, moment()) == History()
        assert Visits().history((), moment()) == History()


class TestOneAtATime:
    def test_two_new_codes_at_once_are_both_named(self) -> None:
        assert Visits().waiting([A, B, A], moment()) == (A, B)

    def test_two_codes_are_asked_once_while_both_stay(self) -> None:
        here = Visits()
        here.answered(here.waiting([A, B], moment()), (), CROWD, moment())
        for tenth in range(50):
            assert here.waiting([A, B], moment(tenth / 10)) == ()
            assert here.waiting([B], moment(tenth / 10)) == (), "the engine misses one of them in some frames"

    def test_who_stays_alone_is_answered_after_a_moment(self) -> None:
        here = Visits()
        here.answered([A, B], (), CROWD, moment())
        assert here.waiting([A], moment(SETTLE_S - 0.01)) == ()
        assert here.waiting([A], moment(SETTLE_S)) == (A,)

    def test_a_third_code_makes_it_a_new_question(self) -> None:
        here = Visits()
        here.answered([A, B], (), CROWD, moment())
        assert here.waiting([A, B, C], moment(2)) == (A, B, C)

    def test_a_poster_on_the_wall_stops_nobody(self) -> None:
        here = Visits()
        here.answered([A], (), Decision(Outcome.FAIL, Reason.PLACE_CODE), moment())
        for second in range(1, 40):
            assert here.waiting([A], moment(second)) == ()
        assert here.waiting([A, B], moment(40)) == (B,)
        assert here.waiting([B, A], moment(40)) == (B,)

    def test_a_light_belongs_to_one_person_for_a_moment(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment())
        assert here.waiting([A, B], moment(SETTLE_S - 0.01)) == ()
        assert here.waiting([A, B], moment(SETTLE_S)) == (B,)

    def test_the_next_person_need_not_wait_when_the_first_is_gone(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment())
        assert here.waiting([B], moment(0.1)) == (B,)

    def test_no_code_waits_where_there_is_none(self) -> None:
        assert Visits().waiting([], moment()) == ()


class TestInside:
    def test_people_come_and_go(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment())
        here.answered([B], BINH, IN, moment(1))
        assert here.inside(moment(2)) == 2
        here.answered([A], ANH, OUT, moment(60))
        assert here.inside(moment(61)) == 1
        assert here.history(ANH, moment(100)).last_direction is Direction.OUT

    def test_in_and_out_and_in_again(self) -> None:
        here = Visits()
        for second, decision in ((0, IN), (60, OUT), (120, IN)):
            here.answered([A], ANH, decision, moment(second))
        assert here.inside(moment(121)) == 1

    def test_a_refusal_changes_nobodys_place(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment())
        here.answered([A], ANH, NO, moment(60))
        here.answered([A, B], (), CROWD, moment(61))
        assert here.inside(moment(62)) == 1
        assert here.history(ANH, moment(62)).last_direction is Direction.IN

    def test_going_in_twice_is_one_person(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment())
        here.answered([A], ANH, IN, moment(60))
        assert here.inside(moment(61)) == 1

    def test_two_names_that_turn_out_to_be_one_person_are_one_person(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment())
        here.answered([B], BINH, IN, moment(60))
        here.answered([C], (*ANH, *BINH), IN, moment(120))
        assert here.inside(moment(121)) == 1
        here.answered([A], BINH, OUT, moment(200))
        assert here.inside(moment(201)) == 0

    def test_by_any_of_his_names_the_last_pass_counts(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment())
        here.answered([B], BINH, OUT, moment(60))
        assert here.history((*ANH, *BINH), moment(100)).last_direction is Direction.OUT
        assert here.history((*BINH, *ANH), moment(100)).last_pass_age_s == 40

    def test_whom_the_guard_lets_in_counts_and_leaves_nameless(self) -> None:
        here = Visits()
        let_in = Decision(Outcome.PASS, Reason.MANUAL, Direction.IN)
        let_out = Decision(Outcome.PASS, Reason.MANUAL, Direction.OUT)
        here.answered((), (), let_in, moment())
        here.answered((), (), let_in, moment(1))
        assert here.inside(moment(2)) == 2
        for second in (3, 4, 5):
            here.answered((), (), let_out, moment(second))
        assert here.inside(moment(6)) == 0

    def test_at_the_reset_hour_everybody_counts_as_gone(self) -> None:
        here = Visits(reset_at="03:00")
        here.answered([A], ANH, IN, moment())
        here.answered((), (), Decision(Outcome.PASS, Reason.MANUAL, Direction.IN), moment())
        assert here.inside(moment(TO_RESET_S - 1)) == 2
        assert here.inside(moment(TO_RESET_S + 1)) == 0
        assert here.history(ANH, moment(TO_RESET_S + 1)).last_direction is None
        here.answered([B], BINH, IN, moment(TO_RESET_S + 2))
        assert here.inside(moment(TO_RESET_S + 3)) == 1

    def test_a_pass_in_the_very_second_of_the_reset_is_of_the_new_day(self) -> None:
        here = Visits(reset_at="03:00")
        here.answered([A], ANH, IN, moment(TO_RESET_S))
        assert here.inside(moment(TO_RESET_S)) == 1
        assert here.history(ANH, moment(TO_RESET_S)).last_direction is Direction.IN

    def test_who_passed_just_before_the_reset_is_gone_at_it_and_who_passed_just_after_is_not(self) -> None:
        here = Visits(reset_at="03:00")
        here.answered([A], ANH, IN, moment(TO_RESET_S - 0.5))
        here.answered((), (), Decision(Outcome.PASS, Reason.MANUAL, Direction.IN), moment(TO_RESET_S))
        assert here.inside(moment(TO_RESET_S - 0.1)) == 2
        assert here.inside(moment(TO_RESET_S)) == 1
        here.answered([B], BINH, IN, moment(TO_RESET_S + 0.2))
        assert here.inside(moment(TO_RESET_S + 0.5)) == 2

    def test_the_reset_hour_may_have_minutes(self) -> None:
        here = Visits(reset_at="03:45")
        here.answered([A], ANH, IN, moment())
        assert here.inside(moment(TO_RESET_S + 45 * 60 - 1)) == 1
        assert here.inside(moment(TO_RESET_S + 45 * 60)) == 0

    def test_before_the_reset_hour_it_is_yesterdays_that_counts(self) -> None:
        here = Visits(reset_at="09:00")  # in an hour
        here.restore([stored(1, IN, 22 * HOUR_S), stored(2, IN, 24 * HOUR_S, BINH[0])], moment(), "this boot")
        assert here.inside(moment()) == 1
        assert here.history(BINH, moment()).last_direction is None

    def test_the_reset_hour_is_local(self) -> None:
        here = Visits(reset_at="08:00", timezone="UTC")
        here.answered([A], ANH, IN, moment())  # 01:02 UTC
        assert here.inside(moment(6.9 * HOUR_S)) == 1
        assert here.inside(moment(7 * HOUR_S)) == 0


class TestUndo:
    def test_who_was_let_in_by_mistake_is_as_before(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], ANH, IN, moment())
        here.annul()
        assert here.inside(moment(5)) == 0
        assert here.history(ANH, moment(5)) == History()
        assert here.waiting([A], moment(5)) == (A,), "and may show his code again"

    def test_who_was_let_out_by_mistake_is_inside_as_before(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], ANH, IN, moment())
        here.answered([A], ANH, OUT, moment(60))
        here.annul()
        assert here.inside(moment(65)) == 1
        assert here.history(ANH, moment(65)) == History(False, Direction.IN, 65.0)

    def test_a_code_that_is_still_held_up_lets_nobody_through_again(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], ANH, IN, moment())
        here.annul()
        for tenth in range(100):
            assert here.waiting([A], moment(tenth / 10)) == ()
        assert here.waiting([A], moment(9.9 + visits.AWAY_S)) == ()
        assert here.waiting([A], moment(9.9 + 2 * visits.AWAY_S + 0.01)) == (A,)

    def test_a_rotated_code_that_is_still_held_up_lets_nobody_through_again_either(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], ANH, IN, moment())
        here.annul()
        assert here.waiting([A], moment(1)) == ()
        assert here.waiting([B], moment(1.1)) == (B,)
        assert here.history(ANH, moment(1.1)).same_visit
        here.answered_again([B], ANH, moment(1.1))
        assert here.waiting([B], moment(2)) == ()
        assert here.inside(moment(2)) == 0
        gone_s = 2 + visits.AWAY_S + 0.01
        assert here.waiting([B], moment(gone_s)) == (B,)
        assert here.history(ANH, moment(gone_s)) == History()

    def test_another_persons_code_is_answered_at_once(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], ANH, IN, moment())
        here.annul()
        assert here.waiting([A, B], moment(SETTLE_S)) == (B,)
        assert here.history(BINH, moment(SETTLE_S)) == History()

    def test_names_that_were_joined_since_are_as_before_too(self) -> None:
        here = Visits(window_s=8)
        here.answered([A], BINH, IN, moment())
        here.answered([B], ANH, IN, moment(60))
        here.answered_again([C], (*ANH, *BINH, b"insurance"), moment(61))
        here.annul()
        assert here.history(BINH, moment(70)).last_direction is Direction.IN
        assert here.history((b"insurance",), moment(70)) == here.history(ANH, moment(70)) == History()
        assert here.inside(moment(70)) == 1

    def test_whom_the_guard_let_through_by_hand_is_taken_back_as_well(self) -> None:
        here = Visits()
        let_in = Decision(Outcome.PASS, Reason.MANUAL, Direction.IN)
        let_out = Decision(Outcome.PASS, Reason.MANUAL, Direction.OUT)
        counts = []
        for decision in (let_in, let_out):
            here.answered((), (), decision, moment())
            here.annul()
            counts.append(here.inside(moment()))
            here.answered((), (), let_in, moment())
        assert counts == [0, 1]

    def test_whom_the_guard_let_out_of_an_empty_place_leaves_it_empty(self) -> None:
        here = Visits()
        here.answered((), (), Decision(Outcome.PASS, Reason.MANUAL, Direction.OUT), moment())
        here.annul()
        assert here.inside(moment()) == 0

    def test_refusals_since_then_change_nothing(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment())
        here.answered([B], (), NO, moment(2))
        here.answered([B, C], (), CROWD, moment(3))
        here.annul()
        assert here.inside(moment(4)) == 0

    def test_taking_back_twice_takes_nobody_else_back(self) -> None:
        here = Visits()
        here.annul()
        here.answered([A], ANH, IN, moment())
        here.answered([B], BINH, IN, moment(10))
        here.annul()
        here.annul()
        assert here.inside(moment(20)) == 1
        assert here.history(ANH, moment(20)).last_direction is Direction.IN
        for second in (30, 40):
            here.answered((), (), Decision(Outcome.PASS, Reason.MANUAL, Direction.IN), moment(second))
        here.annul()
        here.annul()
        assert here.inside(moment(50)) == 2

    def test_after_a_restart_an_annulled_passage_never_was(self) -> None:
        here = Visits(window_s=8)
        undone = stored(2, OUT, 20)
        annulment = stored(
            3, Decision(Outcome.LOOK_AGAIN, Reason.ANNULLED, Direction.OUT), 10, b"", annuls=undone.passage.id
        )
        here.restore([stored(1, IN, 300), undone, annulment], moment(), "this boot")
        assert here.inside(moment()) == 1
        assert here.history(ANH, moment()) == History(False, Direction.IN, 300.0)

    def test_a_passage_from_before_a_restart_can_be_taken_back_after_it(self) -> None:
        here = Visits(window_s=8)
        here.restore([stored(1, IN, 300), stored(2, OUT, 10)], moment(), "this boot")
        here.annul()
        assert here.inside(moment()) == 1
        assert here.history(ANH, moment()).last_direction is Direction.IN


class TestClocks:
    @pytest.mark.parametrize(
        "jump", [timedelta(hours=5), timedelta(days=-400), timedelta(days=20_000), timedelta(seconds=-7)]
    )
    def test_a_jump_neither_repeats_nor_blocks(self, jump: timedelta) -> None:
        here = Visits(window_s=8)
        here.answered([A], ANH, IN, moment())
        assert here.waiting([A], moment(5, jumped=jump)) == ()
        assert here.history(ANH, moment(5, jumped=jump)).same_visit
        assert here.waiting([A], moment(14, jumped=jump)) == (A,)
        assert not here.history(ANH, moment(14, jumped=jump)).same_visit

    def test_a_jump_over_the_reset_hour_and_back_forgets_nobody(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment())
        ahead = moment(60, jumped=timedelta(seconds=TO_RESET_S - 30))
        assert here.inside(ahead) == 0
        here.answered([B], BINH, IN, ahead)
        assert here.inside(moment(120)) == 2

    def test_while_nobody_knows_the_hour_people_stay_a_day(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment(quality=ClockQuality.UNSET))
        assert here.inside(moment(visits.DAY_S, quality=ClockQuality.UNSET)) == 1
        assert here.inside(moment(visits.DAY_S + 1, quality=ClockQuality.UNSET)) == 0

    def test_setting_the_clock_at_boot_keeps_who_came_before(self) -> None:
        here = Visits()
        boot = moment(quality=ClockQuality.UNSET, jumped=timedelta(days=-20_000))
        here.answered([A], ANH, IN, boot)
        assert here.inside(moment(60)) == 1
        assert here.history(ANH, moment(60)).last_direction is Direction.IN


class TestRestart:
    def test_who_was_inside_still_is(self) -> None:
        here = Visits()
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
        assert here.inside(moment()) == 3
        assert here.history(ANH, moment()) == History(False, Direction.OUT, 100.0)
        assert here.history(BINH, moment()) == History(False, Direction.IN, 200.0)

    def test_a_restart_in_the_middle_of_a_visit_answers_nobody_twice(self) -> None:
        here = Visits(window_s=8)
        here.restore([stored(1, IN, 3)], moment(), "this boot")
        assert here.history(ANH, moment()).same_visit

    def test_after_a_restart_a_person_is_known_by_another_of_his_codes(self) -> None:
        here = Visits()
        before = stored(1, IN, 90)
        with_aliases = replace(before, passage=replace(before.passage, aliases=(b"a" * 16, b"b" * 16)))
        here.restore([with_aliases], moment(), "this boot")
        assert here.history((b"b" * 16,), moment()).last_direction is Direction.IN
        assert here.inside(moment()) == 1

    def test_after_a_reboot_the_wall_clock_tells_the_age(self) -> None:
        here = Visits()
        here.restore([stored(1, IN, 300, occurred_s=99_999.0)], moment(), "another boot")
        assert here.history(ANH, moment()).last_pass_age_s == 300
        unknown = Visits()
        unknown.restore([stored(1, IN, 300, occurred_s=99_999.0)], moment())
        assert unknown.history(ANH, moment()).last_pass_age_s == 300

    def test_within_one_boot_the_monotonic_clock_tells_the_age(self) -> None:
        here = Visits()
        here.restore([stored(1, IN, 300, occurred_at=NOW_AT + timedelta(days=3))], moment(), "this boot")
        assert here.history(ANH, moment()).last_pass_age_s == 300

    @pytest.mark.parametrize("now_unset", [False, True])
    def test_where_no_clock_can_tell_people_stay_until_the_reset(self, now_unset: bool) -> None:
        quality = ClockQuality.UNSET if now_unset else ClockQuality.SYNCHRONISED
        before = stored(1, IN, 300, clock=ClockQuality.SYNCHRONISED if now_unset else ClockQuality.UNSET)
        here = Visits()
        here.restore([before], moment(quality=quality), "another boot")
        assert here.inside(moment(1, quality=quality)) == 1
        assert not here.history(ANH, moment(0, quality=quality)).same_visit
        assert here.history(ANH, moment(0, quality=quality)).last_pass_age_s == 0

    def test_a_record_from_the_future_is_of_now(self) -> None:
        here = Visits()
        here.restore([stored(1, IN, -500)], moment(), "another boot")
        assert here.history(ANH, moment()).last_pass_age_s == 0
        here.restore([stored(2, IN, -500)], moment(), "this boot")
        assert here.history(ANH, moment()).last_pass_age_s == 0

    def test_yesterdays_people_are_gone(self) -> None:
        here = Visits()
        here.restore([stored(1, IN, visits.DAY_S)], moment(), "this boot")
        assert here.inside(moment()) == 0
        assert here.history(ANH, moment()).last_direction is None


class TestBounds:
    def test_codes_are_forgotten_oldest_first(self) -> None:
        here = Visits(window_s=1e9)
        for number in range(visits.MAX_CODES + 1):
            here.answered([b"%d" % number], (), NO, moment(number / 1000))
        assert here.waiting([b"0"], moment(10)) == (b"0",)
        assert here.waiting([b"1"], moment(10)) == ()

    def test_a_code_in_view_outlives_newer_ones(self) -> None:
        here = Visits(window_s=1e9)
        here.answered([A], (), NO, moment())
        for number in range(visits.MAX_CODES - 1):
            here.answered([b"%d" % number], (), NO, moment(number / 1000))
        assert here.waiting([A], moment(10)) == ()
        here.answered([B], (), NO, moment(11))
        assert here.waiting([A], moment(12)) == ()

    def test_people_are_forgotten_oldest_first_and_counted(self) -> None:
        here = Visits(max_names=2)
        for number in range(3):
            here.answered([b"%d" % number], (b"name %d" % number,), IN, moment(number))
        assert here.forgotten == 1
        assert here.inside(moment(4)) == 2
        assert here.history((b"name 0",), moment(4)) == History()

    def test_the_nameless_are_bounded_too(self) -> None:
        here = Visits(max_names=3)
        for second in range(5):
            here.answered((), (), Decision(Outcome.PASS, Reason.MANUAL, Direction.IN), moment(second))
        assert here.inside(moment(6)) == 3

    def test_passes_of_two_days_ago_are_dropped(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment())
        here.answered((), (), Decision(Outcome.PASS, Reason.MANUAL, Direction.IN), moment())
        here.answered([B], BINH, IN, moment(visits.KEEP_S))
        assert here.history(ANH, moment(visits.KEEP_S)).last_pass_age_s == visits.KEEP_S
        here.answered([B], BINH, OUT, moment(visits.KEEP_S + 1))
        assert here.history(ANH, moment(visits.KEEP_S + 1)) == History()
        assert here.forgotten == len(here._nameless) == 0

    def test_a_person_of_many_names_is_forgotten_once(self) -> None:
        here = Visits(max_names=3)
        here.answered([A], (b"one", b"two", b"three"), IN, moment())
        here.answered([B], (b"four", b"five", b"six"), IN, moment(1))
        assert here.inside(moment(2)) == 1
        assert here.forgotten == 3

    def test_what_is_too_old_leaves_no_trace(self) -> None:
        here = Visits()
        here.answered([A], (b"one", b"two"), IN, moment())
        here.answered([B], BINH, IN, moment(visits.KEEP_S + 1))
        assert (len(here._people), len(here._inside)) == (1, 1)

    def test_codes_have_other_names_in_each_life_of_the_process(self) -> None:
        assert Visits()._hash(A) != Visits()._hash(A)
        assert len(Visits()._hash(A)) == 16

    def test_no_raw_code_is_kept(self) -> None:
        here = Visits()
        here.answered([A], ANH, IN, moment())
        here.waiting([A, B], moment(1))
        held = repr([getattr(here, name) for name in vars(here)])
        assert "code of" not in held


def test_the_table_of_steps_is_whole() -> None:
    assert set(STEPS) == {(state, seen) for state in CodeState for seen in Seen}
    assert {step for (state, _), step in STEPS.items() if state is CodeState.ANSWERED} == {Step.NOTHING}
    assert STEPS[CodeState.NEW, Seen.ALONE] is Step.ANSWER


@given(st.lists(st.tuples(st.sets(st.sampled_from([A, B, C]), max_size=3), st.integers(0, 80)), max_size=40))
@settings(max_examples=200)
def test_an_answered_code_is_never_asked_for_within_its_window(frames: list[tuple[set[bytes], int]]) -> None:
    here, now_s, answered_s = Visits(window_s=8), 0.0, dict[bytes, float]()
    for codes, quarters in frames:
        now_s += quarters / 4  # exact in binary, so that the window's edge is sharp
        waiting = here.waiting(sorted(codes), moment(now_s))
        assert set(waiting) <= codes
        for code in waiting:
            assert now_s - answered_s.get(code, -1e9) > 8 or len(waiting) > 1
        if len(waiting) == 1:
            here.answered(waiting, (), NO, moment(now_s))
        elif waiting:
            here.answered(waiting, (), CROWD, moment(now_s))
            answered_s = {code: at_s for code, at_s in answered_s.items() if code not in waiting}
        answered_s |= {code: now_s for code in codes if now_s - answered_s.get(code, -1e9) <= 8}
        if len(waiting) == 1:
            answered_s[waiting[0]] = now_s


class AGateWithUndo:
    """A gate and its records, so that the live memory can be held against one that is restored from the records."""

    def __init__(self) -> None:
        self.here = Visits(window_s=8)
        self.now_s = 0.0
        self.records: list[Stored] = []
        self.undoable = False

    def passes(self, names: tuple[bytes, ...]) -> None:
        last = self.here.history(names, moment(self.now_s)).last_direction
        decision = OUT if last is Direction.IN else IN
        self.here.answered([b"code" + b"".join(names)] if names else [], names, decision, moment(self.now_s))
        self._record(decision, names)
        self.undoable = True

    def leaves_by_hand(self) -> None:
        self.here.answered((), (), OUT, moment(self.now_s))
        self._record(OUT, ())
        self.undoable = True

    def undoes(self) -> None:
        if not self.undoable:
            return
        self.here.annul()
        undone = next(one for one in reversed(self.records) if one.passage.direction and not one.passage.annuls)
        self._record(Decision(Outcome.LOOK_AGAIN, Reason.ANNULLED, undone.passage.direction), (), undone.passage.id)
        self.undoable = False

    def restored(self) -> Visits:
        fresh = Visits(window_s=8)
        fresh.restore(self.records, moment(self.now_s), "this boot")
        return fresh

    def _record(self, decision: Decision, names: tuple[bytes, ...], annuls: UUID | None = None) -> None:
        seq = len(self.records) + 1
        self.records.append(
            stored(seq, decision, -self.now_s, names[0] if names else b"", aliases=names[1:], annuls=annuls)
        )


PEOPLE = [(), ANH, BINH, (b"qid of C" + bytes(8),), (b"qid of C" + bytes(8), b"card of C" + bytes(7))]


@given(st.lists(st.tuples(st.sampled_from([*PEOPLE, "undo", "by hand"]), st.integers(9, 600)), max_size=30))
@settings(max_examples=300)
def test_who_is_inside_after_any_undoing_is_what_a_restart_would_make_of_the_records(
    steps: list[tuple[tuple[bytes, ...] | str, int]],
) -> None:
    gate = AGateWithUndo()
    for what, seconds in steps:
        gate.now_s += seconds
        if what == "undo":
            gate.undoes()
        elif what == "by hand":
            gate.leaves_by_hand()
        else:
            gate.passes(tuple(what))  # type: ignore[arg-type]  # the words are dealt with above
        restored, now = gate.restored(), moment(gate.now_s)
        assert gate.here.inside(now) == restored.inside(now)
        for names in PEOPLE:
            mine, theirs = gate.here.history(names, now), restored.history(names, now)
            assert (mine.last_direction, mine.last_pass_age_s) == (theirs.last_direction, theirs.last_pass_age_s)


class AGateAllDay(RuleBasedStateMachine):
    """People with two names each go in and out; the gate must agree with a list of who is in."""

    def __init__(self) -> None:
        super().__init__()
        self.here = Visits(window_s=8)
        self.now_s = 0.0
        self.inside: set[int] = set()
        self.before: set[int] | None = None
        """Who was inside before the last pass, while it can be undone."""

    def names(self, person: int, chosen: int) -> tuple[bytes, ...]:
        return ((b"qid %d" % person,), (b"insurance %d" % person,), (b"qid %d" % person, b"insurance %d" % person))[
            chosen
        ]

    @rule(person=st.integers(0, 5), both=st.booleans())
    def passes(self, person: int, both: bool) -> None:
        self.now_s += 10
        names = self.names(person, 2 if both else 0)
        seen = self.here.history(names, self.at())
        decision = OUT if seen.last_direction is Direction.IN else IN
        assert (person in self.inside) is (decision is OUT)
        self.here.answered([b"code %d" % person], names, decision, self.at())
        self.before = set(self.inside)
        self.inside ^= {person}

    @precondition(lambda self: self.before is not None)
    @rule()
    def is_undone(self) -> None:
        self.here.annul()
        assert self.before is not None
        self.inside, self.before = self.before, None

    @rule(person=st.integers(0, 5))
    def is_refused(self, person: int) -> None:
        self.now_s += 10
        self.here.answered([b"bad %d" % person], self.names(person, 0), NO, self.at())

    @precondition(lambda self: self.now_s < 60_000)
    @rule(hours=st.floats(0.1, 2))
    def time_goes_by(self, hours: float) -> None:
        self.now_s += hours * HOUR_S
        if self.now_s >= TO_RESET_S:
            self.inside.clear()
            self.before = None

    @invariant()
    def agrees(self) -> None:
        assert self.here.inside(self.at()) == len(self.inside)

    def at(self) -> Moment:
        return moment(self.now_s)


AGateAllDay.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestAGateAllDay = AGateAllDay.TestCase
