"""The motion gate: an unchanging empty scene costs almost nothing, and no code is missed because of it."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from kiosk.core.frame import Frame, Luma
from kiosk.decoding import Cascade
from kiosk.decoding.frame_quality import decimate_frame
from kiosk.decoding.motion_gate import MotionGate
from tests.fakes.data.qr_images import code_picture, frames, noisy, scene

HALL = np.kron(np.arange(12).reshape(3, 4) * 15.0 + 40, np.ones((160, 160)))


def hall(seed: int, sigma: float = 4.0) -> Luma:
    return noisy(HALL, sigma, seed)


def with_code(seed: int, module_px: int = 2, x: int = 300, contrast: tuple[int, int] = (20, 235)) -> Luma:
    picture = HALL.copy()
    code = code_picture("HUE1:HELD STILL", module_px=module_px, dark=contrast[0], light=contrast[1])
    picture[200 : 200 + code.shape[0], x : x + code.shape[1]] = code
    return noisy(picture, 2.0, seed)


@dataclass
class Turn:
    gate: MotionGate = field(default_factory=MotionGate)
    now_s: float = 0.0

    def wants(self, picture: Luma, after_s: float = 0.1) -> bool:
        self.now_s += after_s
        return self.gate.should_search(decimate_frame(picture), self.now_s)


def test_an_unchanging_scene_is_skipped_after_several_searches() -> None:
    turn = Turn(MotionGate(max_searches=4, reopen_s=60))
    assert [turn.wants(hall(seed)) for seed in range(10)] == [True] * 4 + [False] * 6


def test_noise_alone_does_not_open_the_gate() -> None:
    turn = Turn(MotionGate(max_searches=1, reopen_s=1e9))
    turn.wants(hall(0, sigma=12.0))
    assert not any(turn.wants(hall(seed, sigma=12.0)) for seed in range(1, 200))


@pytest.mark.parametrize("contrast", [(20, 235), (100, 130)], ids=["black on white", "faint"])
def test_the_smallest_code_that_appears_opens_the_gate(contrast: tuple[int, int]) -> None:
    turn = Turn(MotionGate(max_searches=1, reopen_s=1e9))
    turn.wants(hall(0))
    assert turn.wants(with_code(1, contrast=contrast))


def test_a_gradual_change_opens_the_gate() -> None:
    turn = Turn(MotionGate(max_searches=1, reopen_s=1e9))
    turn.wants(HALL.astype(np.uint8))
    assert any(turn.wants((HALL + level).astype(np.uint8)) for level in range(1, 40))


def test_a_closed_gate_opens_by_itself_from_time_to_time() -> None:
    turn = Turn(MotionGate(max_searches=1, reopen_s=3.0))
    turn.wants(hall(0), after_s=1.0)
    assert [turn.wants(hall(seed), after_s=1.0) for seed in range(1, 7)] == [False, False, True, False, False, True]


def test_a_code_that_was_there_when_the_daemon_started_is_read() -> None:
    cascade = Cascade()
    sights = [cascade.decode(frame) for frame in frames(*(with_code(seed, module_px=4) for seed in range(3)))]
    assert [reading.data for reading in sights[0].codes] == [b"HUE1:HELD STILL"]


def test_a_code_held_still_is_reported_in_every_frame() -> None:
    cascade = Cascade()
    sights = [cascade.decode(frame) for frame in frames(*(with_code(seed, module_px=4) for seed in range(40)))]
    assert all(sight.codes for sight in sights)


def test_a_code_that_replaces_another_in_the_same_place_is_read_at_once() -> None:
    cascade = Cascade()
    first, second = (scene(code_picture(f"HUE1:{name}")) for name in ("FIRST", "OTHER"))
    sights = [cascade.decode(frame) for frame in frames(*[first] * 20, *[second] * 2)]
    assert [reading.data for reading in sights[20].codes] == [b"HUE1:OTHER"]


def test_a_static_scene_keeps_the_last_frame_quality() -> None:
    cascade = Cascade()
    views = [cascade.decode(frame).frame_quality for frame in frames(*(hall(seed) for seed in range(30)))]
    last = views[-1]
    assert last is not None
    assert last.is_static
    assert last.mean_luma == pytest.approx(HALL.mean(), abs=2)


def test_a_frame_of_another_size_opens_the_gate() -> None:
    turn = Turn(MotionGate(max_searches=1, reopen_s=1e9))
    turn.wants(hall(0))
    assert turn.wants(hall(0)[:400])


def test_a_reopened_camera_with_restarted_numbers_is_searched() -> None:
    cascade = Cascade()
    for frame in frames(*(hall(seed) for seed in range(30))):
        cascade.decode(frame)
    sight = cascade.decode(
        Frame(with_code(99, module_px=4), 3, 1.0)
    )  # the camera was reopened: number and time start again
    assert sight.codes
