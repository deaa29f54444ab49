"""Hard views of a code: light that changes along rows, codes close to the camera, and a second code beside the first."""

import cv2
import numpy as np
import pytest

from kiosk.core.frame import Frame, Luma
from kiosk.decoding import Cascade
from kiosk.decoding.locate.image_ops import even_rows, shrink
from kiosk.decoding.scene import Scene
from kiosk.decoding.stages import run_fast_stage
from kiosk.decoding.still_image import decode_image
from tests.fakes.data.qr_images import code_picture, frames, noisy, scene, smeared

CARD = "046090001234|191234567|Nguyễn Thị Ánh Tuyết|02011990|Nữ|Phường Vỹ Dạ, Thành phố Huế|15062021"


def known(data: bytes) -> bool:
    return data.startswith((b"HUE1:", b"046"))


def banded(picture: Luma, period_px: float, darkest: float, share: float, seed: int = 1) -> Luma:
    """Rows darkened to `darkest` over a share of each period, as a screen's refresh looks to a rolling shutter."""
    phase = (np.arange(picture.shape[0])[:, None] % period_px) / period_px
    light = darkest + (1 - darkest) * np.clip((np.abs(phase - 0.5) - share / 2) / 0.04, 0, 1)
    return noisy(picture * light, 2.0, seed)


@pytest.mark.parametrize(("period_px", "darkest"), [(37, 0.25), (60, 0.15), (130, 0.1)])
def test_a_code_under_dark_bands_is_read(period_px: int, darkest: float) -> None:
    picture = banded(scene(code_picture(CARD, module_px=5), seed=2), period_px, darkest, 0.45)
    assert not run_fast_stage(Scene(picture)).codes
    assert [reading.data.decode() for reading in decode_image(picture)] == [CARD]
    assert [
        reading.data.decode() for reading in Cascade(is_known_format=known).decode(Frame(picture, 0, 0.0)).codes
    ] == [CARD]


@pytest.mark.parametrize("seed", range(6))
def test_bands_over_a_scene_without_a_code_give_no_result(seed: int) -> None:
    rng = np.random.default_rng(seed)
    texture = cv2.resize(rng.integers(0, 255, (90, 120), dtype=np.uint8), (640, 480), interpolation=cv2.INTER_NEAREST)
    assert (
        decode_image(
            banded(np.asarray(texture, np.uint8), 40 + 20 * seed, 0.2, 0.4, seed), is_known_format=lambda _: True
        )
        == ()
    )


def test_evening_removes_what_multiplies_a_whole_row() -> None:
    flat = np.kron(np.indices((24, 24)).sum(0) % 2, np.ones((5, 5))) * 150 + 50
    rows = np.linspace(0.3, 1.0, 120)[:, None]
    evened, expected = even_rows((flat * rows).astype(np.uint8)), even_rows(flat.astype(np.uint8))
    assert np.abs(evened.astype(int) - expected.astype(int)).max() <= 8


def test_the_matrix_of_a_shrunk_image_leads_back_to_the_same_places() -> None:
    picture = np.zeros((90, 140), np.uint8)
    picture[60:70, 100:110] = 255
    small, back = shrink(picture, 2.7)
    ys, xs = np.nonzero(small > 127)
    x, y, _ = back @ (xs.mean(), ys.mean(), 1.0)
    assert (x, y) == pytest.approx((104.5, 64.5), abs=0.8)


def close_and_damaged(module_px: int, seed: int) -> Luma:
    """A code that fills much of a large frame, out of focus by more than half a module, with stains."""
    rng = np.random.default_rng(seed)
    code = code_picture(CARD, module_px=module_px, error="q")
    for x, y in rng.integers(9 * module_px, code.shape[0] - 9 * module_px, (5, 2)):
        cv2.circle(code, (int(x), int(y)), int(1.5 * module_px), 128, -1)
    blurred = cv2.GaussianBlur(scene(code, width=1280, height=960), (0, 0), 0.62 * module_px)
    return noisy(blurred, 3.0, seed)


@pytest.mark.parametrize("module_px", [9, 11, 13])
def test_a_close_code_out_of_focus_is_read_in_the_reduced_frame(module_px: int) -> None:
    picture = close_and_damaged(module_px, seed=module_px)
    assert not run_fast_stage(Scene(picture)).codes
    [reading] = decode_image(picture)
    assert reading.data.decode() == CARD
    assert reading.module_px == pytest.approx(module_px, rel=0.05)
    assert reading.corners is not None
    assert reading.corners[0] == pytest.approx((20 + 4 * module_px, 480 - 53 / 2 * module_px + 4 * module_px), abs=200)
    cascade = Cascade(is_known_format=known, frame_budget_s=0.5, motion_gate=False)
    live = [reading.data.decode() for frame in frames(*[picture] * 9) for reading in cascade.decode(frame).codes]
    assert set(live) == {CARD}


def test_a_blurred_second_code_beside_a_sharp_one_is_found() -> None:
    picture = scene(code_picture("HUE1:FAST"), smeared(code_picture(CARD, module_px=3), 5))
    assert [reading.data for reading in run_fast_stage(Scene(picture)).codes] == [b"HUE1:FAST"]
    live = Cascade(is_known_format=known).decode(Frame(picture, 0, 0.0)).codes
    assert {reading.data.decode() for reading in live} == {"HUE1:FAST", CARD}
    assert {reading.data.decode() for reading in decode_image(picture, is_known_format=known)} == {"HUE1:FAST", CARD}


def test_a_dark_mode_code_beside_a_light_one_is_found() -> None:
    picture = scene(code_picture("HUE1:LIGHT"), 255 - code_picture("HUE1:DARK"))
    assert {reading.data for reading in decode_image(picture)} == {b"HUE1:LIGHT", b"HUE1:DARK"}


def test_a_code_alone_is_not_seen_twice() -> None:
    for module_px in (2, 3, 4, 6):
        picture = scene(code_picture(CARD, module_px=module_px))
        assert [reading.data.decode() for reading in decode_image(picture, is_known_format=lambda _: True)] == [CARD]
