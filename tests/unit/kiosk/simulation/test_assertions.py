"""The demonstration's verdict: it must be able to say no."""

from collections import Counter

from kiosk.core.model import Direction, Outcome, Reason
from kiosk.simulation.assertions import ObservedDecision, check_demo
from kiosk.simulation.scenario import Visitor, VisitorTurn

IN = VisitorTurn(Visitor("", "", (b"a",), (Outcome.PASS, Reason.OK), Direction.IN), 1, 9)
NOBODY = VisitorTurn(Visitor("", "", (), None), 10, 19)
OK_IN = ObservedDecision(3, "pass", "ok", "in")


def test_everything_as_expected_is_good() -> None:
    verdict = check_demo([IN, NOBODY], [OK_IN], Counter([b"1"]), Counter([b"1"]))
    assert verdict.is_ok
    assert verdict.as_json() == {
        "shown": 2, "expected_outcomes_met": 2, "passages": 1, "received": 1, "lost": 0, "doubled": 0,
    }  # fmt: skip


def test_a_wrong_outcome_a_wrong_reason_and_a_wrong_way_are_seen() -> None:
    for answer in (
        ObservedDecision(3, "fail", "ok", "in"),
        ObservedDecision(3, "pass", "manual", "in"),
        ObservedDecision(3, "pass", "ok", "out"),
    ):
        assert check_demo([IN], [answer], Counter(), Counter()).as_expected == 0


def test_a_missing_and_a_second_answer_are_seen() -> None:
    assert not check_demo([IN], [], Counter(), Counter()).is_ok
    assert not check_demo([IN], [OK_IN, OK_IN], Counter(), Counter()).is_ok


def test_an_answer_for_nobody_is_seen() -> None:
    assert not check_demo([NOBODY], [ObservedDecision(12, "fail", "unknown-code", None)], Counter(), Counter()).is_ok


def test_a_lost_record_is_counted_even_when_another_came_instead() -> None:
    verdict = check_demo([IN], [OK_IN], Counter([b"1", b"2"]), Counter([b"2", b"3"]))
    assert verdict.lost == 1
    assert not verdict.is_ok


def test_a_record_twice_at_the_centre_is_doubled() -> None:
    verdict = check_demo([IN], [OK_IN], Counter([b"1"]), Counter([b"1", b"1"]))
    assert verdict.duplicated == 1
    assert not verdict.is_ok


def test_a_demonstration_without_visitors_proves_nothing() -> None:
    assert not check_demo([], [], Counter(), Counter()).is_ok
