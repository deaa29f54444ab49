"""The memory of visits is bounded: the oldest go first, and no raw code is ever in it."""

import pickle

from kiosk.core import visits
from kiosk.core.model import History
from kiosk.core.visits import Visits
from kiosk.core.visits.debounce import Codes
from tests.fakes.data.people import moment
from tests.fakes.data.visitors import ANH, BINH, IN, LET_IN, NO, OUT, A, B


def test_codes_are_forgotten_oldest_first() -> None:
    here = Visits(window_s=1e9)
    for number in range(visits.MAX_CODES + 1):
        here.answered([b"%d" % number], (), NO, moment(number / 1000))
    assert here.waiting([b"0"], moment(10)) == (b"0",)
    assert here.waiting([b"1"], moment(10)) == ()


def test_a_code_in_view_outlives_newer_ones() -> None:
    here = Visits(window_s=1e9)
    here.answered([A], (), NO, moment())
    for number in range(visits.MAX_CODES - 1):
        here.answered([b"%d" % number], (), NO, moment(number / 1000))
    assert here.waiting([A], moment(10)) == ()
    here.answered([B], (), NO, moment(11))
    assert here.waiting([A], moment(12)) == ()


def test_people_are_forgotten_oldest_first_and_counted() -> None:
    here = Visits(max_names=2)
    for number in range(3):
        here.answered([b"%d" % number], (b"name %d" % number,), IN, moment(number))
    assert here.forgotten == 1
    assert here.inside(moment(4)) == 2
    assert here.history((b"name 0",), moment(4)) == History()


def test_the_nameless_are_bounded_too() -> None:
    here = Visits(max_names=3)
    for second in range(5):
        here.answered((), (), LET_IN, moment(second))
    assert here.inside(moment(6)) == 3


def test_passes_of_two_days_ago_are_dropped() -> None:
    here = Visits()
    here.answered([A], ANH, IN, moment())
    here.answered((), (), LET_IN, moment())
    here.answered([B], BINH, IN, moment(visits.KEEP_S))
    assert here.history(ANH, moment(visits.KEEP_S)).last_pass_age_s == visits.KEEP_S
    here.answered([B], BINH, OUT, moment(visits.KEEP_S + 1))
    assert here.history(ANH, moment(visits.KEEP_S + 1)) == History()
    assert here.forgotten == len(here._people._nameless) == 0


def test_a_person_of_many_names_is_forgotten_once() -> None:
    here = Visits(max_names=3)
    here.answered([A], (b"one", b"two", b"three"), IN, moment())
    here.answered([B], (b"four", b"five", b"six"), IN, moment(1))
    assert here.inside(moment(2)) == 1
    assert here.forgotten == 3


def test_what_is_too_old_leaves_no_trace() -> None:
    here = Visits()
    here.answered([A], (b"one", b"two"), IN, moment())
    here.answered([B], BINH, IN, moment(visits.KEEP_S + 1))
    assert (len(here._people._by_name), len(here._people._inside)) == (1, 1)


def test_codes_have_other_names_in_each_life_of_the_process() -> None:
    assert Codes(8)._hash(A) != Codes(8)._hash(A)
    assert len(Codes(8)._hash(A)) == 16


def test_no_raw_code_is_kept() -> None:
    here = Visits()
    here.answered([A], ANH, IN, moment())
    here.waiting([A, B], moment(1))
    held = pickle.dumps(here)  # everything that it holds, however deep
    assert ANH[0] in held
    assert A not in held
