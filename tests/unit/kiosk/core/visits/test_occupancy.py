"""Occupancy: people come and go, and the reset hour counts all as gone."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kiosk.core.model import Assurance, Claim, ClockReading, CodeKind, Direction, Outcome, Subject
from kiosk.core.rules import AccessPolicy, OpeningHours, decide_access
from kiosk.core.visits import VisitTracker
from tests.examples import examples
from tests.fakes.data.people import moment
from tests.fakes.data.visitors import (
    ANH,
    BINH,
    CROWD,
    HOUR_S,
    IN,
    LET_IN,
    LET_OUT,
    NO,
    OUT,
    TO_RESET_S,
    A,
    B,
    C,
    stored,
)

CARD = Claim(CodeKind.ID_CARD, Assurance.RECOGNISED, Subject(()))


def test_people_come_and_go() -> None:
    here = VisitTracker()
    here.record_answer([A], ANH, IN, moment())
    here.record_answer([B], BINH, IN, moment(1))
    assert here.occupancy(moment(2)) == 2
    here.record_answer([A], ANH, OUT, moment(60))
    assert here.occupancy(moment(61)) == 1
    assert here.history(ANH, moment(100)).last_direction is Direction.OUT


def test_in_and_out_and_in_again() -> None:
    here = VisitTracker()
    for second, decision in ((0, IN), (60, OUT), (120, IN)):
        here.record_answer([A], ANH, decision, moment(second))
    assert here.occupancy(moment(121)) == 1


def test_a_refusal_does_not_change_the_occupancy() -> None:
    here = VisitTracker()
    here.record_answer([A], ANH, IN, moment())
    here.record_answer([A], ANH, NO, moment(60))
    here.record_answer([A, B], (), CROWD, moment(61))
    assert here.occupancy(moment(62)) == 1
    assert here.history(ANH, moment(62)).last_direction is Direction.IN


def test_a_person_who_goes_home_after_the_reset_hour_is_let_out_and_not_counted_again() -> None:
    here = VisitTracker()
    in_s, out_s = TO_RESET_S - 8 * HOUR_S, TO_RESET_S + HOUR_S / 2
    here.record_answer([A], ANH, IN, moment(in_s))
    policy = AccessPolicy(opening_hours=(OpeningHours.parse("mon-sun 18:00-02:00"),))
    decision = decide_access(
        CARD, here.history(ANH, moment(out_s)), policy, here.occupancy(moment(out_s)), moment(out_s)
    )
    assert (decision.outcome, decision.direction) == (Outcome.PASS, Direction.OUT)
    here.record_answer([A], ANH, decision, moment(out_s))
    assert here.occupancy(moment(out_s + 1)) == 0


def test_going_in_twice_is_one_person() -> None:
    here = VisitTracker()
    here.record_answer([A], ANH, IN, moment())
    here.record_answer([A], ANH, IN, moment(60))
    assert here.occupancy(moment(61)) == 1


def test_two_pseudonyms_of_one_person_count_once() -> None:
    here = VisitTracker()
    here.record_answer([A], ANH, IN, moment())
    here.record_answer([B], BINH, IN, moment(60))
    here.record_answer([C], (*ANH, *BINH), IN, moment(120))
    assert here.occupancy(moment(121)) == 1
    here.record_answer([A], BINH, OUT, moment(200))
    assert here.occupancy(moment(201)) == 0


def test_the_last_pass_counts_under_any_pseudonym() -> None:
    here = VisitTracker()
    here.record_answer([A], ANH, IN, moment())
    here.record_answer([B], BINH, OUT, moment(60))
    assert here.history((*ANH, *BINH), moment(100)).last_direction is Direction.OUT
    assert here.history((*BINH, *ANH), moment(100)).last_pass_age_s == 40


def test_manually_admitted_people_are_counted_anonymously() -> None:
    here = VisitTracker()
    here.record_answer((), (), LET_IN, moment())
    here.record_answer((), (), LET_IN, moment(1))
    assert here.occupancy(moment(2)) == 2
    for second in (3, 4, 5):
        here.record_answer((), (), LET_OUT, moment(second))
    assert here.occupancy(moment(6)) == 0


def test_the_reset_hour_counts_all_people_as_gone() -> None:
    here = VisitTracker(reset_at="03:00")
    here.record_answer([A], ANH, IN, moment())
    here.record_answer((), (), LET_IN, moment())
    assert here.occupancy(moment(TO_RESET_S - 1)) == 2
    assert here.occupancy(moment(TO_RESET_S + 1)) == 0
    assert here.history(ANH, moment(TO_RESET_S + 1)).last_direction is None
    here.record_answer([B], BINH, IN, moment(TO_RESET_S + 2))
    assert here.occupancy(moment(TO_RESET_S + 3)) == 1


def test_a_pass_in_the_second_of_the_reset_belongs_to_the_new_day() -> None:
    here = VisitTracker(reset_at="03:00")
    here.record_answer([A], ANH, IN, moment(TO_RESET_S))
    assert here.occupancy(moment(TO_RESET_S)) == 1
    assert here.history(ANH, moment(TO_RESET_S)).last_direction is Direction.IN


def test_the_reset_removes_passes_before_it_and_keeps_passes_after_it() -> None:
    here = VisitTracker(reset_at="03:00")
    here.record_answer([A], ANH, IN, moment(TO_RESET_S - 0.5))
    here.record_answer((), (), LET_IN, moment(TO_RESET_S))
    assert here.occupancy(moment(TO_RESET_S - 0.1)) == 2
    assert here.occupancy(moment(TO_RESET_S)) == 1
    here.record_answer([B], BINH, IN, moment(TO_RESET_S + 0.2))
    assert here.occupancy(moment(TO_RESET_S + 0.5)) == 2


def test_the_reset_hour_may_have_minutes() -> None:
    here = VisitTracker(reset_at="03:45")
    here.record_answer([A], ANH, IN, moment())
    assert here.occupancy(moment(TO_RESET_S + 45 * 60 - 1)) == 1
    assert here.occupancy(moment(TO_RESET_S + 45 * 60)) == 0


def test_before_the_reset_hour_yesterdays_reset_counts() -> None:
    here = VisitTracker(reset_at="09:00")  # one hour from now
    here.restore([stored(1, IN, 22 * HOUR_S), stored(2, IN, 24 * HOUR_S, BINH[0])], moment(), "this boot")
    assert here.occupancy(moment()) == 1
    assert here.history(BINH, moment()).last_direction is None


def test_the_reset_hour_is_local() -> None:
    here = VisitTracker(reset_at="08:00", timezone="UTC")
    here.record_answer([A], ANH, IN, moment())  # 01:02 UTC
    assert here.occupancy(moment(6.9 * HOUR_S)) == 1
    assert here.occupancy(moment(7 * HOUR_S)) == 0


class AGateAllDay(RuleBasedStateMachine):
    """People with two pseudonyms each go in and out. The gate must agree with a simple list."""

    def __init__(self) -> None:
        super().__init__()
        self.here = VisitTracker(window_s=8)
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
        self.here.record_answer([b"code %d" % person], names, decision, self.at())
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
        self.here.record_answer([b"bad %d" % person], self.names(person, 0), NO, self.at())

    @precondition(lambda self: self.now_s < 60_000)
    @rule(hours=st.floats(0.1, 2))
    def time_goes_by(self, hours: float) -> None:
        self.now_s += hours * HOUR_S
        if self.now_s >= TO_RESET_S:
            self.inside.clear()
            self.before = None

    @invariant()
    def agrees(self) -> None:
        assert self.here.occupancy(self.at()) == len(self.inside)

    def at(self) -> ClockReading:
        return moment(self.now_s)


AGateAllDay.TestCase.settings = settings(max_examples=examples(20), stateful_step_count=40)
TestAGateAllDay = AGateAllDay.TestCase
