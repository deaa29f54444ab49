"""Debounce: which codes in view need an answer."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.core.model import Decision, Direction, Outcome, Reason, VisitHistory
from kiosk.core.visits import CODE_ACTIONS, SETTLE_S, CodeAction, CodeState, CodeVisibility, VisitTracker
from tests.examples import examples
from tests.fakes.data.people import moment
from tests.fakes.data.visitors import ANH, BINH, CROWD, IN, NO, OUT, A, B, C


class TestOneVisit:
    def test_thirty_frames_of_one_code_are_answered_once(self) -> None:
        here = VisitTracker(window_s=8)
        answers = 0
        for frame in range(30):
            for code in here.codes_to_answer([A], moment(frame / 15)):
                here.record_answer([code], ANH, IN, moment(frame / 15))
                answers += 1
        assert answers == 1

    def test_the_window_slides_while_the_code_stays_in_view(self) -> None:
        here = VisitTracker(window_s=8)
        here.record_answer([A], ANH, IN, moment())
        for second in range(0, 60, 5):
            assert here.all_answered([A], moment(second))
            assert here.history(ANH, moment(second)).same_visit
        assert here.all_answered([A], moment(55 + 8))
        assert here.codes_to_answer([A], moment(55 + 8 + 8.001)) == (A,)
        assert not here.history(ANH, moment(55 + 8 + 8.001)).same_visit

    def test_a_refused_code_is_answered_once_as_well(self) -> None:
        here = VisitTracker(window_s=8)
        here.record_answer([A], (), NO, moment())
        assert here.codes_to_answer([A], moment(7)) == ()
        assert here.codes_to_answer([A], moment(15.1)) == (A,)

    def test_another_code_of_the_same_person_belongs_to_the_visit(self) -> None:
        here = VisitTracker(window_s=8)
        here.record_answer([A], (*ANH, b"insurance"), IN, moment())
        assert here.codes_to_answer([B], moment(5)) == (B,)
        assert here.history((b"qid", b"insurance"), moment(5)).same_visit
        here.record_same_person([B], (b"qid", b"insurance"), moment(5))
        assert here.codes_to_answer([B], moment(6)) == ()
        assert here.history((b"qid",), moment(13)).same_visit, "and its other names are his from now on"
        assert here.history(ANH, moment(13)).same_visit, "whichever code he shows, the window slides"
        assert here.occupancy(moment(6)) == 1

    def test_the_other_code_extends_the_visit_too(self) -> None:
        here = VisitTracker(window_s=8)
        here.record_answer([A], ANH, IN, moment())
        here.record_same_person([B], ANH, moment(5))
        assert here.codes_to_answer([B], moment(12)) == ()
        assert here.history(ANH, moment(20)).same_visit

    def test_the_window_ends_exactly_on_time(self) -> None:
        here = VisitTracker(window_s=8)
        here.record_answer([A], ANH, IN, moment())
        assert here.history(ANH, moment(8)).same_visit
        assert here.codes_to_answer([A], moment(8)) == ()

    def test_two_people_with_one_code_become_the_one_who_passed_last(self) -> None:
        here = VisitTracker(window_s=100)
        here.record_answer([A], ANH, IN, moment())
        here.record_answer([B], BINH, OUT, moment(60))
        here.record_same_person([C], (*ANH, *BINH), moment(70))
        assert here.history(ANH, moment(71)).last_direction is Direction.OUT
        assert here.history(ANH, moment(71)).last_pass_age_s == 11

    def test_a_refused_person_may_show_another_code_at_once(self) -> None:
        here = VisitTracker(window_s=8)
        here.record_answer([A], ANH, NO, moment())
        assert here.history(ANH, moment(1)) == VisitHistory()

    def test_after_the_window_it_is_a_new_visit_in_the_other_direction(self) -> None:
        here = VisitTracker(window_s=8)
        here.record_answer([A], ANH, IN, moment())
        assert here.history(ANH, moment(9)) == VisitHistory(False, Direction.IN, 9.0, 9.0)

    def test_an_unknown_person_has_no_history(self) -> None:
        assert VisitTracker().history(ANH, moment()) == VisitHistory()
        assert VisitTracker().history((), moment()) == VisitHistory()


class TestOneAtATime:
    def test_two_new_codes_at_once_are_both_returned(self) -> None:
        assert VisitTracker().codes_to_answer([A, B, A], moment()) == (A, B)

    def test_two_codes_are_answered_once_while_both_stay(self) -> None:
        here = VisitTracker()
        here.record_answer(here.codes_to_answer([A, B], moment()), (), CROWD, moment())
        for tenth in range(50):
            assert here.codes_to_answer([A, B], moment(tenth / 10)) == ()
            assert here.codes_to_answer([B], moment(tenth / 10)) == (), "the engine misses one of them in some frames"

    def test_a_code_that_stays_alone_is_answered_after_a_moment(self) -> None:
        here = VisitTracker()
        here.record_answer([A, B], (), CROWD, moment())
        assert here.codes_to_answer([A], moment(SETTLE_S - 0.01)) == ()
        assert here.codes_to_answer([A], moment(SETTLE_S)) == (A,)

    def test_a_third_code_needs_a_new_answer(self) -> None:
        here = VisitTracker()
        here.record_answer([A, B], (), CROWD, moment())
        assert here.codes_to_answer([A, B, C], moment(2)) == (A, B, C)

    def test_a_poster_on_the_wall_does_not_block_the_gate(self) -> None:
        here = VisitTracker()
        here.record_answer([A], (), Decision(Outcome.FAIL, Reason.VENUE_CODE), moment())
        for second in range(1, 40):
            assert here.codes_to_answer([A], moment(second)) == ()
        assert here.codes_to_answer([A, B], moment(40)) == (B,)
        assert here.codes_to_answer([B, A], moment(40)) == (B,)

    def test_a_signal_belongs_to_one_person_for_a_moment(self) -> None:
        here = VisitTracker()
        here.record_answer([A], ANH, IN, moment())
        assert here.codes_to_answer([A, B], moment(SETTLE_S - 0.01)) == ()
        assert here.codes_to_answer([A, B], moment(SETTLE_S)) == (B,)

    def test_without_codes_none_is_pending(self) -> None:
        assert VisitTracker().codes_to_answer([], moment()) == ()


def test_the_action_table_is_complete() -> None:
    assert set(CODE_ACTIONS) == {(state, seen) for state in CodeState for seen in CodeVisibility}
    assert {step for (state, _), step in CODE_ACTIONS.items() if state is CodeState.ANSWERED} == {CodeAction.IGNORE}
    assert CODE_ACTIONS[CodeState.NEW, CodeVisibility.ALONE] is CodeAction.ANSWER


@given(st.lists(st.tuples(st.sets(st.sampled_from([A, B, C]), max_size=3), st.integers(0, 80)), max_size=40))
@settings(max_examples=examples(60))
def test_an_answered_code_never_needs_another_answer_within_its_window(frames: list[tuple[set[bytes], int]]) -> None:
    here, now_s, answered_s = VisitTracker(window_s=8), 0.0, dict[bytes, float]()
    for codes, quarters in frames:
        now_s += quarters / 4  # exact in binary, so that the window's edge is sharp
        waiting = here.codes_to_answer(sorted(codes), moment(now_s))
        assert set(waiting) <= codes
        for code in waiting:
            assert now_s - answered_s.get(code, -1e9) > 8 or len(waiting) > 1
        if len(waiting) == 1:
            here.record_answer(waiting, (), NO, moment(now_s))
        elif waiting:
            here.record_answer(waiting, (), CROWD, moment(now_s))
            answered_s = {code: at_s for code, at_s in answered_s.items() if code not in waiting}
        answered_s |= {code: now_s for code in codes if now_s - answered_s.get(code, -1e9) <= 8}
        if len(waiting) == 1:
            answered_s[waiting[0]] = now_s
