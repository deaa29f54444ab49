"""Visit memory after an undo, in the running process and after a restart."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.core import visits
from kiosk.core.model import Decision, Direction, Outcome, Reason, StoredEvent, VisitHistory
from kiosk.core.visits import SETTLE_S, VisitTracker
from tests.examples import examples
from tests.fakes.data.people import moment
from tests.fakes.data.visitors import ANH, BINH, CROWD, IN, LET_IN, LET_OUT, NO, OUT, A, B, C, stored


def test_undo_of_an_entry_restores_the_state_before() -> None:
    here = VisitTracker(window_s=8)
    here.record_answer([A], ANH, IN, moment())
    here.annul()
    assert here.occupancy(moment(5)) == 0
    assert here.history(ANH, moment(5)) == VisitHistory()
    assert here.codes_to_answer([A], moment(5)) == (A,), "and may show his code again"


def test_undo_of_an_exit_restores_the_state_before() -> None:
    here = VisitTracker(window_s=8)
    here.record_answer([A], ANH, IN, moment())
    here.record_answer([A], ANH, OUT, moment(60))
    here.annul()
    assert here.occupancy(moment(65)) == 1
    assert here.history(ANH, moment(65)) == VisitHistory(False, Direction.IN, 65.0, 65.0)


def test_an_undone_code_still_in_view_admits_no_person_again() -> None:
    here = VisitTracker(window_s=8)
    here.record_answer([A], ANH, IN, moment())
    here.annul()
    for tenth in range(100):
        assert here.codes_to_answer([A], moment(tenth / 10)) == ()
    assert here.codes_to_answer([A], moment(9.9 + visits.UNDO_ABSENCE_S)) == ()
    assert here.codes_to_answer([A], moment(9.9 + 2 * visits.UNDO_ABSENCE_S + 0.01)) == (A,)


def test_a_rotated_undone_code_still_in_view_admits_no_person_again() -> None:
    here = VisitTracker(window_s=8)
    here.record_answer([A], ANH, IN, moment())
    here.annul()
    assert here.codes_to_answer([A], moment(1)) == ()
    assert here.codes_to_answer([B], moment(1.1)) == (B,)
    assert here.history(ANH, moment(1.1)).same_visit
    here.record_same_person([B], ANH, moment(1.1))
    assert here.codes_to_answer([B], moment(2)) == ()
    assert here.occupancy(moment(2)) == 0
    gone_s = 2 + visits.UNDO_ABSENCE_S + 0.01
    assert here.codes_to_answer([B], moment(gone_s)) == (B,)
    assert here.history(ANH, moment(gone_s)) == VisitHistory()


def test_another_persons_code_is_answered_at_once() -> None:
    here = VisitTracker(window_s=8)
    here.record_answer([A], ANH, IN, moment())
    here.annul()
    assert here.codes_to_answer([A, B], moment(SETTLE_S)) == (B,)
    assert here.history(BINH, moment(SETTLE_S)) == VisitHistory()


def test_undo_restores_pseudonyms_that_were_joined_since() -> None:
    here = VisitTracker(window_s=8)
    here.record_answer([A], BINH, IN, moment())
    here.record_answer([B], ANH, IN, moment(60))
    here.record_same_person([C], (*ANH, *BINH, b"insurance"), moment(61))
    here.annul()
    assert here.history(BINH, moment(70)).last_direction is Direction.IN
    assert here.history((b"insurance",), moment(70)) == here.history(ANH, moment(70)) == VisitHistory()
    assert here.occupancy(moment(70)) == 1


def test_a_manual_admission_can_be_undone() -> None:
    here = VisitTracker()
    counts = []
    for decision in (LET_IN, LET_OUT):
        here.record_answer((), (), decision, moment())
        here.annul()
        counts.append(here.occupancy(moment()))
        here.record_answer((), (), LET_IN, moment())
    assert counts == [0, 1]


def test_a_manual_exit_from_an_empty_site_leaves_it_empty() -> None:
    here = VisitTracker()
    here.record_answer((), (), LET_OUT, moment())
    here.annul()
    assert here.occupancy(moment()) == 0


def test_refusals_since_then_change_nothing() -> None:
    here = VisitTracker()
    here.record_answer([A], ANH, IN, moment())
    here.record_answer([B], (), NO, moment(2))
    here.record_answer([B, C], (), CROWD, moment(3))
    here.annul()
    assert here.occupancy(moment(4)) == 0


def test_a_second_undo_changes_nothing() -> None:
    here = VisitTracker()
    here.annul()
    here.record_answer([A], ANH, IN, moment())
    here.record_answer([B], BINH, IN, moment(10))
    here.annul()
    here.annul()
    assert here.occupancy(moment(20)) == 1
    assert here.history(ANH, moment(20)).last_direction is Direction.IN
    for second in (30, 40):
        here.record_answer((), (), LET_IN, moment(second))
    here.annul()
    here.annul()
    assert here.occupancy(moment(50)) == 2


def test_after_a_restart_an_annulled_event_does_not_count() -> None:
    here = VisitTracker(window_s=8)
    undone = stored(2, OUT, 20)
    annulment = stored(
        3, Decision(Outcome.CHECK_AGAIN, Reason.ANNULLED, Direction.OUT), 10, b"", annuls=undone.event.id
    )
    here.restore([stored(1, IN, 300), undone, annulment], moment(), "this boot")
    assert here.occupancy(moment()) == 1
    assert here.history(ANH, moment()) == VisitHistory(False, Direction.IN, 300.0, 300.0)


def test_an_event_from_before_a_restart_can_be_undone_after_it() -> None:
    here = VisitTracker(window_s=8)
    here.restore([stored(1, IN, 300), stored(2, OUT, 10)], moment(), "this boot")
    here.annul()
    assert here.occupancy(moment()) == 1
    assert here.history(ANH, moment()).last_direction is Direction.IN


class AGateWithUndo:
    """A gate and its events, to compare live memory with memory restored from the events."""

    def __init__(self) -> None:
        self.here = VisitTracker(window_s=8)
        self.now_s = 0.0
        self.records: list[StoredEvent] = []
        self.undoable = False

    def passes(self, names: tuple[bytes, ...]) -> None:
        last = self.here.history(names, moment(self.now_s)).last_direction
        decision = OUT if last is Direction.IN else IN
        self.here.record_answer([b"code" + b"".join(names)] if names else [], names, decision, moment(self.now_s))
        self._record(decision, names)
        self.undoable = True

    def leaves_by_hand(self) -> None:
        self.here.record_answer((), (), OUT, moment(self.now_s))
        self._record(OUT, ())
        self.undoable = True

    def undoes(self) -> None:
        if not self.undoable:
            return
        self.here.annul()
        undone = next(one for one in reversed(self.records) if one.event.direction and not one.event.annuls)
        self._record(Decision(Outcome.CHECK_AGAIN, Reason.ANNULLED, undone.event.direction), (), undone.event.id)
        self.undoable = False

    def restored(self) -> VisitTracker:
        fresh = VisitTracker(window_s=8)
        fresh.restore(self.records, moment(self.now_s), "this boot")
        return fresh

    def _record(self, decision: Decision, names: tuple[bytes, ...], annuls: UUID | None = None) -> None:
        seq = len(self.records) + 1
        self.records.append(
            stored(seq, decision, -self.now_s, names[0] if names else b"", aliases=names[1:], annuls=annuls)
        )


PEOPLE = [(), ANH, BINH, (b"qid of C" + bytes(8),), (b"qid of C" + bytes(8), b"card of C" + bytes(7))]


@given(st.lists(st.tuples(st.sampled_from([*PEOPLE, "undo", "by hand"]), st.integers(9, 600)), max_size=30))
@settings(max_examples=examples(60))
def test_memory_after_undos_equals_memory_restored_from_the_events(
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
            gate.passes(tuple(what))  # type: ignore[arg-type]  # all other words are handled above
        restored, now = gate.restored(), moment(gate.now_s)
        assert gate.here.occupancy(now) == restored.occupancy(now)
        for names in PEOPLE:
            mine, theirs = gate.here.history(names, now), restored.history(names, now)
            assert (mine.last_direction, mine.last_pass_age_s) == (theirs.last_direction, theirs.last_pass_age_s)
