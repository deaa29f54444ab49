"""The check of a demo result: it must report failures."""

from collections import Counter

from kiosk.core.model import Direction, Outcome, Reason
from kiosk.simulation.assertions import ObservedDecision, check_demo
from kiosk.simulation.scenario import Visitor, VisitorTurn

IN = VisitorTurn(Visitor("", (b"a",), (Outcome.PASS, Reason.OK), Direction.IN), 1, 9)
NO_CODE = VisitorTurn(Visitor("", (), None), 10, 19)
OK_IN = ObservedDecision(3, "pass", "ok", "in")


def test_a_demo_with_all_results_as_expected_is_ok() -> None:
    verdict = check_demo([IN, NO_CODE], [OK_IN], Counter([b"1"]), Counter([b"1"]))
    assert verdict.is_ok
    assert verdict.as_json() == {
        "visitors": 2, "as_expected": 2, "recorded": 1, "received": 1, "lost": 0, "duplicated": 0,
    }  # fmt: skip


def test_a_wrong_outcome_reason_or_direction_is_detected() -> None:
    for answer in (
        ObservedDecision(3, "fail", "ok", "in"),
        ObservedDecision(3, "pass", "manual", "in"),
        ObservedDecision(3, "pass", "ok", "out"),
    ):
        assert check_demo([IN], [answer], Counter(), Counter()).as_expected == 0


def test_a_missing_or_second_decision_is_detected() -> None:
    assert not check_demo([IN], [], Counter(), Counter()).is_ok
    assert not check_demo([IN], [OK_IN, OK_IN], Counter(), Counter()).is_ok


def test_a_decision_without_a_visitor_is_detected() -> None:
    assert not check_demo([NO_CODE], [ObservedDecision(12, "fail", "unknown-code", None)], Counter(), Counter()).is_ok


def test_a_lost_event_is_counted_even_if_another_arrived() -> None:
    verdict = check_demo([IN], [OK_IN], Counter([b"1", b"2"]), Counter([b"2", b"3"]))
    assert verdict.lost == 1
    assert not verdict.is_ok


def test_an_event_twice_at_the_centre_is_a_duplicate() -> None:
    verdict = check_demo([IN], [OK_IN], Counter([b"1"]), Counter([b"1", b"1"]))
    assert verdict.duplicated == 1
    assert not verdict.is_ok


def test_a_demo_without_visitors_is_not_ok() -> None:
    assert not check_demo([], [], Counter(), Counter()).is_ok
