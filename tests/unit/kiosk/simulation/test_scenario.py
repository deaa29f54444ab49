"""The stage of synthetic people: who is in which frame."""

from kiosk.core.model import Outcome, Reason
from kiosk.simulation.scenario import Pace, Stage, Visitor

PACE = Pace(frames_per_s=10, hold_frames=3, patience_frames=6, gap_frames=2)
ANNA = Visitor("An", "An", (b"an",), (Outcome.PASS, Reason.OK))
STILL_ANNA = Visitor("An vẫn đứng", "An, still there", (b"an",), None)
BINH = Visitor("Bình", "Binh", (b"binh",), (Outcome.FAIL, Reason.EXPIRED))


def seen(stage: Stage, frames: int) -> str:
    """One letter a frame: who is in it, a dot for nobody."""
    return "".join((visitor.en[0] if visitor else ".") for _, visitor in (stage.next_frame() for _ in range(frames)))


def test_a_visitor_leaves_once_answered_but_not_before_the_hold_is_over() -> None:
    stage = Stage([ANNA, BINH], PACE, loop=False)
    assert seen(stage, 3) == "..A"
    stage.answered(3)
    assert seen(stage, 5) == "AA..B"


def test_a_visitor_without_an_answer_loses_patience() -> None:
    assert seen(Stage([ANNA], PACE, loop=False), 12) == "..AAAAAA...."


def test_the_same_one_still_in_view_follows_without_a_gap() -> None:
    stage = Stage([ANNA, STILL_ANNA, BINH], PACE, loop=False)
    seen(stage, 3)
    stage.answered(3)
    assert seen(stage, 8) == "AAAAA..B"
    assert [turn.visitor for turn in stage.turns] == [ANNA, STILL_ANNA, BINH]


def test_an_answer_is_traced_to_the_turn_of_its_frame() -> None:
    stage = Stage([ANNA, BINH], PACE, loop=False)
    seen(stage, 3)
    stage.answered(3)
    seen(stage, 5)
    turn = stage.answered(8)
    assert turn is not None
    assert turn.visitor == BINH
    assert stage.answered(1) is None


def test_a_queue_that_does_not_loop_is_over_when_the_last_has_left() -> None:
    stage = Stage([BINH], PACE, loop=False)
    seen(stage, 8)
    over_early = stage.over
    seen(stage, 1)
    assert (over_early, stage.over) == (False, True)
    assert stage.current() is None


def test_a_queue_that_loops_begins_again() -> None:
    assert seen(Stage([BINH], PACE, loop=True), 18) == "..BBBBBB..BBBBBB.."


def test_somebody_who_comes_later_keeps_the_stage_empty_for_so_long() -> None:
    late = Visitor("Bình", "Binh", (b"binh",), None, away_s=0.4)
    assert seen(Stage([ANNA, late], PACE, loop=False), 16) == "..AAAAAA......BB"
