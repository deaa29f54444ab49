"""The scenario of synthetic people: which visitor is in which frame."""

from kiosk.core.model import Outcome, Reason
from kiosk.simulation.scenario import Scenario, ScenarioTiming, Visitor

PACE = ScenarioTiming(frames_per_s=10, min_frames=3, max_wait_frames=6, gap_frames=2)
ANNA = Visitor("anna", (b"an",), (Outcome.PASS, Reason.OK))
STILL_ANNA = Visitor("anna-still-there", (b"an",), None)
BINH = Visitor("binh", (b"binh",), (Outcome.FAIL, Reason.EXPIRED))


def seen(stage: Scenario, frames: int) -> str:
    """One letter per frame: the visitor in it, a dot for none."""
    return "".join(
        (visitor.description[0].upper() if visitor else ".")
        for _, visitor in (stage.next_frame() for _ in range(frames))
    )


def test_a_visitor_leaves_once_answered_but_not_before_the_minimum_time() -> None:
    stage = Scenario([ANNA, BINH], PACE, loop=False)
    assert seen(stage, 3) == "..A"
    stage.record_answer(3)
    assert seen(stage, 5) == "AA..B"


def test_a_visitor_without_an_answer_leaves_after_the_maximum_wait() -> None:
    assert seen(Scenario([ANNA], PACE, loop=False), 12) == "..AAAAAA...."


def test_the_same_visitor_still_in_view_follows_without_a_gap() -> None:
    stage = Scenario([ANNA, STILL_ANNA, BINH], PACE, loop=False)
    seen(stage, 3)
    stage.record_answer(3)
    assert seen(stage, 8) == "AAAAA..B"
    assert [turn.visitor for turn in stage.turns] == [ANNA, STILL_ANNA, BINH]


def test_an_answer_is_traced_to_the_turn_of_its_frame() -> None:
    stage = Scenario([ANNA, BINH], PACE, loop=False)
    seen(stage, 3)
    stage.record_answer(3)
    seen(stage, 5)
    turn = stage.record_answer(8)
    assert turn is not None
    assert turn.visitor == BINH
    assert stage.record_answer(1) is None


def test_a_scenario_without_loop_ends_when_the_last_visitor_has_left() -> None:
    stage = Scenario([BINH], PACE, loop=False)
    seen(stage, 8)
    over_early = stage.is_finished
    seen(stage, 1)
    assert (over_early, stage.is_finished) == (False, True)
    assert stage.current_visitor() is None


def test_a_looping_scenario_begins_again() -> None:
    assert seen(Scenario([BINH], PACE, loop=True), 18) == "..BBBBBB..BBBBBB.."


def test_the_view_stays_empty_before_a_visitor_who_comes_later() -> None:
    late = Visitor("binh", (b"binh",), None, absent_before_s=0.4)
    assert seen(Scenario([ANNA, late], PACE, loop=False), 16) == "..AAAAAA......BB"
