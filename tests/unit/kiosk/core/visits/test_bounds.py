"""Visit memory is bounded: the oldest entries go first, and it holds no raw code."""

import pickle

from kiosk.core import visits
from kiosk.core.model import VisitHistory
from kiosk.core.visits import VisitTracker
from kiosk.core.visits.debounce import CodeDebouncer
from tests.fakes.data.people import moment
from tests.fakes.data.visitors import ANH, BINH, IN, LET_IN, NO, OUT, A, B


def test_the_oldest_codes_are_dropped_first() -> None:
    here = VisitTracker(window_s=1e9)
    for number in range(visits.MAX_CODES + 1):
        here.record_answer([b"%d" % number], (), NO, moment(number / 1000))
    assert here.codes_to_answer([b"0"], moment(10)) == (b"0",)
    assert here.codes_to_answer([b"1"], moment(10)) == ()


def test_a_code_in_view_outlives_newer_ones() -> None:
    here = VisitTracker(window_s=1e9)
    here.record_answer([A], (), NO, moment())
    for number in range(visits.MAX_CODES - 1):
        here.record_answer([b"%d" % number], (), NO, moment(number / 1000))
    assert here.codes_to_answer([A], moment(10)) == ()
    here.record_answer([B], (), NO, moment(11))
    assert here.codes_to_answer([A], moment(12)) == ()


def test_the_oldest_pseudonyms_are_dropped_first_and_counted() -> None:
    here = VisitTracker(max_pseudonyms=2)
    for number in range(3):
        here.record_answer([b"%d" % number], (b"name %d" % number,), IN, moment(number))
    assert here.dropped_pseudonyms == 1
    assert here.occupancy(moment(4)) == 2
    assert here.history((b"name 0",), moment(4)) == VisitHistory()


def test_anonymous_people_are_bounded_too() -> None:
    here = VisitTracker(max_pseudonyms=3)
    for second in range(5):
        here.record_answer((), (), LET_IN, moment(second))
    assert here.occupancy(moment(6)) == 3


def test_passes_of_two_days_ago_are_dropped() -> None:
    here = VisitTracker()
    here.record_answer([A], ANH, IN, moment())
    here.record_answer((), (), LET_IN, moment())
    here.record_answer([B], BINH, IN, moment(visits.MEMORY_S))
    assert here.history(ANH, moment(visits.MEMORY_S)).last_pass_age_s == visits.MEMORY_S
    here.record_answer([B], BINH, OUT, moment(visits.MEMORY_S + 1))
    assert here.history(ANH, moment(visits.MEMORY_S + 1)) == VisitHistory()
    assert here.dropped_pseudonyms == len(here._occupancy._anonymous) == 0


def test_a_person_with_many_pseudonyms_is_dropped_once() -> None:
    here = VisitTracker(max_pseudonyms=3)
    here.record_answer([A], (b"one", b"two", b"three"), IN, moment())
    here.record_answer([B], (b"four", b"five", b"six"), IN, moment(1))
    assert here.occupancy(moment(2)) == 1
    assert here.dropped_pseudonyms == 3


def test_dropped_entries_leave_no_trace() -> None:
    here = VisitTracker()
    here.record_answer([A], (b"one", b"two"), IN, moment())
    here.record_answer([B], BINH, IN, moment(visits.MEMORY_S + 1))
    assert (len(here._occupancy._by_pseudonym), len(here._occupancy._inside)) == (1, 1)


def test_code_hashes_differ_in_each_run_of_the_process() -> None:
    assert CodeDebouncer(8)._hash(A) != CodeDebouncer(8)._hash(A)
    assert len(CodeDebouncer(8)._hash(A)) == 16


def test_no_raw_code_is_kept() -> None:
    here = VisitTracker()
    here.record_answer([A], ANH, IN, moment())
    here.codes_to_answer([A, B], moment(1))
    held = pickle.dumps(here)  # everything that it holds, at any depth
    assert ANH[0] in held
    assert A not in held
