"""One light a second, whatever changes in view: one phone gets the answers of one person, and honest people notice nothing."""

from collections.abc import Callable, Iterable
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.core import rules
from kiosk.core.gate import Gate
from kiosk.core.model import ClockReading, Decision, Outcome, Reason
from kiosk.core.visits import REFUSAL_BURST, SETTLE_S, VisitTracker
from kiosk.core.visits.refusals import COUNT_INTERVAL_S, PRESENCE_GAP_S, REFILL_S
from tests.examples import examples
from tests.fakes.data.people import WORLD, moment
from tests.fakes.data.visitors import ANH, IN, A, B
from tests.fakes.parts.gate import FRAME, Scene

FRAMES_PER_S = 15
Code = Callable[[int], bytes]


def forged_card(number: int) -> bytes:
    return f"046{number:09}||Nguyễn Văn A|01011990|Nam|Huế|01012021".encode()


def garbage(number: int) -> bytes:
    return b"garbage %d" % number


def show(scene: Scene, gate: Gate, code: Code, span_s: tuple[float, float], changes_per_s: float) -> list[float]:
    """Hold up a phone that changes its code. Returns when lights were shown."""
    start_s, seconds = span_s
    shown: list[float] = []
    for frame in range(round(seconds * FRAMES_PER_S)):
        now_s = start_s + frame / FRAMES_PER_S
        scene.codes, scene.now = (code(int((now_s - start_s) * changes_per_s)),), moment(now_s)
        before = len(scene.lights)
        gate.process_frame(FRAME)
        shown += [now_s] * (len(scene.lights) - before)
    return shown


def greens(scene: Scene) -> int:
    return scene.lights.count(Outcome.PASS)


@pytest.mark.parametrize("changes_per_s", [0.7, 0.9, 1, 1.5, 2, 3, 5, 7.5, FRAMES_PER_S])
@pytest.mark.parametrize("code", [forged_card, garbage])
def test_a_phone_that_changes_its_code_gets_at_most_one_light_a_second(code: Code, changes_per_s: float) -> None:
    scene = Scene()
    shown = show(scene, scene.gate(), code, (0, 20), changes_per_s)
    assert 1 <= len(shown) <= 20
    assert all(later - earlier >= SETTLE_S - 1e-6 for earlier, later in pairwise(shown))


@pytest.mark.parametrize("changes_per_s", [1, 1.5, 2, 3, 5, 7.5, FRAMES_PER_S])
def test_one_phone_cannot_fill_the_place(changes_per_s: float) -> None:
    scene = Scene()
    gate = scene.gate(rules.AccessPolicy(capacity=20))
    show(scene, gate, forged_card, (0, 600), changes_per_s)
    assert greens(scene) <= 11
    scene.codes, scene.now = (WORLD["valid"].data,), moment(603)
    stored = gate.process_frame(FRAME).stored
    assert stored is not None
    assert stored.event.reason is Reason.OK


def test_the_next_person_is_answered_at_once_after_such_a_phone_left() -> None:
    scene = Scene()
    gate = scene.gate()
    show(scene, gate, forged_card, (0, 20), FRAMES_PER_S)
    before = greens(scene)
    shown = show(scene, gate, lambda _: WORLD["valid"].data, (20, 5), 1)
    assert greens(scene) == before + 1
    assert shown[0] <= 21.3, "and without any pause after at most 1.2 s"


def test_a_person_beside_such_a_phone_is_answered() -> None:
    scene = Scene()
    gate = scene.gate()
    for frame in range(6 * FRAMES_PER_S):
        scene.codes, scene.now = (garbage(frame), WORLD["valid"].data), moment(frame / FRAMES_PER_S)
        gate.process_frame(FRAME)
    assert greens(scene) == 1


def test_a_queue_without_any_pause_gets_all_its_answers() -> None:
    scene = Scene()
    gate = scene.gate()
    for number in range(200):
        show(scene, gate, lambda _, number=number: forged_card(number), (1.5 * number, 1.5), 1)  # type: ignore[misc]
    assert greens(scene) == 200


def test_the_next_person_waits_until_the_signal_was_shown_for_a_second() -> None:
    here = VisitTracker()
    here.record_answer([A], ANH, IN, moment())
    assert here.codes_to_answer([B], moment(SETTLE_S - 0.1)) == ()
    assert here.codes_to_answer([B], moment(SETTLE_S)) == (B,)


class TestFlood:
    def refuse(self, scene: Scene, gate: Gate, times: Iterable[float], numbers: Iterable[int]) -> None:
        for now_s, number in zip(times, numbers, strict=False):
            scene.codes, scene.now = (garbage(number),), moment(now_s)
            gate.process_frame(FRAME)

    def test_a_flood_is_recorded_one_by_one_up_to_a_limit_and_counted_from_there_on(self) -> None:
        scene = Scene()
        gate = scene.gate()
        self.refuse(scene, gate, (1.8 * step for step in range(300)), count())
        scene.codes, scene.now = (), moment(540 + PRESENCE_GAP_S + 0.1)
        gate.process_frame(FRAME)
        assert len(scene.records) <= REFUSAL_BURST + 540 / REFILL_S
        assert len(scene.records) + scene.counted_refusals == 300, "nothing is lost without a word"
        assert len(scene.lights) == len(scene.records)

    def test_the_first_counted_refusal_is_declared_at_once_and_the_rest_at_the_close(self) -> None:
        scene = Scene()
        gate = scene.gate()
        times = (step * 1.3 for step in range(40))
        self.refuse(scene, gate, times, count())
        assert scene.counted_refusals >= 1
        gate.declare_refusals(is_last=True)
        assert len(scene.records) + scene.counted_refusals == 40
        assert scene.counted_refusals < COUNT_INTERVAL_S * 4

    def test_a_pause_ends_it(self) -> None:
        scene = Scene()
        gate = scene.gate()
        self.refuse(scene, gate, (1.8 * step for step in range(30)), count())
        before = len(scene.records)
        self.refuse(scene, gate, (56.5 + (PRESENCE_GAP_S + 0.5) * step for step in range(50)), count(100))
        assert len(scene.records) == before + 50

    def test_a_queue_of_refused_people_gets_all_its_answers(self) -> None:
        scene = Scene()
        self.refuse(scene, scene.gate(), (2.1 * step for step in range(100)), count())
        assert len(scene.records) == len(scene.lights) == 100

    def test_a_valid_code_is_answered_in_the_middle_of_a_flood(self) -> None:
        scene = Scene()
        gate = scene.gate()
        self.refuse(scene, gate, (1.8 * step for step in range(60)), count())
        scene.codes, scene.now = (WORLD["valid"].data,), moment(108)
        stored = gate.process_frame(FRAME).stored
        assert stored is not None
        assert stored.event.outcome is Outcome.PASS

    def test_several_codes_that_change_are_bounded_too(self) -> None:
        scene = Scene()
        gate = scene.gate()
        for frame in range(120 * FRAMES_PER_S):
            number = int(frame / FRAMES_PER_S / 1.8)
            scene.codes, scene.now = (garbage(number), garbage(10_000 + number)), moment(frame / FRAMES_PER_S)
            gate.process_frame(FRAME)
        assert len(scene.records) <= REFUSAL_BURST + 120 / REFILL_S
        gate.declare_refusals(is_last=True)
        assert scene.counted_refusals > 0


@given(st.lists(st.tuples(st.sets(st.integers(0, 30), max_size=3), st.integers(1, 40)), max_size=150))
@settings(max_examples=examples(60))
def test_whatever_is_shown_two_lights_are_a_second_apart(frames: list[tuple[set[int], int]]) -> None:
    here, now_s, shown_s = VisitTracker(window_s=2), 0.0, float("-inf")
    for numbers, steps in frames:
        now_s += steps / 16
        now: ClockReading = moment(now_s)
        waiting = here.codes_to_answer([garbage(number) for number in sorted(numbers)], now)
        if waiting:
            assert now_s - shown_s >= SETTLE_S
            shown_s = now_s
            reason = Reason.OK if len(waiting) == 1 else Reason.MULTIPLE_CODES
            here.record_answer(waiting, (), Decision(Outcome.FAIL, reason), now)
