"""The aiming preview: small, without readable codes, with correct advice about light, focus and distance."""

import threading
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kiosk.app.sources.frame_slot import LatestFrameSlot
from kiosk.core.frame import Frame, Luma
from kiosk.core.model import DecodeResult
from kiosk.decoding.preview import preview as module
from kiosk.decoding.preview.aiming import AimingAdvice
from kiosk.decoding.preview.preview import MAX_JPEG_BYTES, CameraPreview, PreviewError, PreviewImage
from kiosk.decoding.still_image import decode_image
from tests.fakes.data.qr_images import code_picture, scene, turned

NAME = "HUE1:SOMEBODY"


def look(luma: Luma) -> PreviewImage:
    finder = CameraPreview(lambda _: Frame(luma, 1, 1.0))
    try:
        return finder.capture()
    finally:
        finder.close()


def opened(still: PreviewImage) -> Luma:
    picture = cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return np.asarray(picture, np.uint8)


@pytest.mark.parametrize("module_px", [2, 4, 9])
@pytest.mark.parametrize("degrees", [0, 17])
def test_the_preview_has_no_readable_code_and_gives_its_outline(module_px: int, degrees: int) -> None:
    luma = turned(scene(code_picture(NAME, module_px)), degrees, 1280, 960)
    still = look(luma)
    assert decode_image(luma), "the test's picture has a code that can be read"
    assert decode_image(opened(still)) == ()
    assert len(still.codes) == 1
    width, height = still.size_px
    assert all(0 <= x <= width and 0 <= y <= height for x, y in still.codes[0])


def test_two_cards_with_the_same_code_are_both_redacted() -> None:
    card = code_picture(NAME, 4)
    assert decode_image(opened(look(scene(card, card, width=800)))) == ()


@pytest.mark.parametrize("kind", ["MicroQRCode", "Aztec", "DataMatrix", "PDF417", "Code128", "EAN13"])
def test_codes_of_other_kinds_are_redacted_too(kind: str) -> None:
    text = "590123412345" if kind == "EAN13" else "DL4711"
    made = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(kind))
    drawn = np.asarray(zxingcpp.write_barcode_to_image(made, scale=4), np.uint8)
    drawn = drawn if drawn.shape[0] >= 40 else np.repeat(drawn, 40, axis=0)
    luma = scene(np.pad(drawn, 20, constant_values=255), width=1000, height=560)
    assert zxingcpp.read_barcodes(luma), "the test's picture has a code that can be read"
    picture = opened(look(luma))
    assert [code for code in zxingcpp.read_barcodes(picture) if code.valid and text in code.text] == []
    assert picture.std() > 1, "the rest of the picture is still there"


def test_the_module_size_is_in_frame_pixels() -> None:
    still = look(scene(code_picture(NAME, 6), width=1280, height=720))
    assert still.frame_size_px == (1280, 720)
    assert still.size_px == (640, 360)
    assert still.module_px == pytest.approx(6, rel=0.1)


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (lambda luma: luma // 8, AimingAdvice.TOO_DARK),
        (lambda luma: 255 - (255 - luma) // 8, AimingAdvice.TOO_BRIGHT),
        (lambda luma: cv2.GaussianBlur(luma, (0, 0), 12), AimingAdvice.OUT_OF_FOCUS),
        (lambda luma: luma[:, :60], AimingAdvice.NO_CODE),
    ],
)
def test_the_advice_says_what_to_change(change: Callable[[Luma], Luma], advice: AimingAdvice) -> None:
    still = look(np.ascontiguousarray(change(scene(code_picture(NAME, 6))), np.uint8))
    assert advice in still.advice
    assert not all(each.is_ok for each in still.advice)


def test_a_good_view_gets_a_positive_advice() -> None:
    assert [each.is_ok for each in look(turned(code_picture(NAME, 8), 0)).advice] == [True]


@pytest.mark.parametrize(("background", "aside"), [(0, False), (500, True)])
def test_a_code_near_the_edge_is_reported(background: int, aside: bool) -> None:
    code = turned(code_picture(NAME, 6), 0, 400, 400)
    still = look(np.hstack([np.full((400, background), 120, np.uint8), code]))
    assert (AimingAdvice.NEAR_EDGE in still.advice) is aside


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 1400), height=st.integers(1, 1200))
@example(seed=1, width=640, height=480)
@settings(max_examples=20, deadline=None)
def test_any_image_fits_into_the_size_limit(seed: int, width: int, height: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    still = look(noise)
    assert len(still.jpeg) <= MAX_JPEG_BYTES
    assert opened(still).shape == still.size_px[::-1]


def test_a_camera_without_frames_is_an_error() -> None:
    with pytest.raises(PreviewError, match="delivers no image"):
        CameraPreview(lambda _: None).capture()


class DecoderOutOfTime:
    """Nothing is found out about an image."""

    def decode(self, _frame: Frame) -> DecodeResult:
        return DecodeResult()

    def close(self) -> None:
        """Nothing to do."""


def test_an_image_that_was_not_searched_is_not_shown() -> None:
    late = CameraPreview(lambda _: Frame(np.zeros((40, 40), np.uint8), 1, 1.0))
    late._decoder = DecoderOutOfTime()  # type: ignore[assignment] # the preview asks for these two methods only
    with pytest.raises(PreviewError, match="is not shown"):
        late.capture()
    late.close()


def test_an_image_without_pixels_is_none() -> None:
    empty = CameraPreview(lambda _: Frame(np.zeros((0, 0), np.uint8), 1, 1.0))
    with pytest.raises(PreviewError, match="delivers no image"):
        empty.capture()
    empty.close()


def test_the_preview_copies_a_later_frame_that_the_gate_also_gets() -> None:
    frame_slot, asked = LatestFrameSlot(), threading.Event()
    luma = np.zeros((4, 4), np.uint8)
    frame_slot.put(Frame(luma, 1, 1.0))
    found: list[Frame | None] = []

    def ask() -> None:
        asked.set()
        found.append(frame_slot.snapshot(10.0))

    thread = threading.Thread(target=ask)
    thread.start()
    asked.wait()
    number = 2
    while thread.is_alive():
        frame_slot.put(Frame(luma, number, 1.0))
        thread.join(0.01)
        number += 1
    taken = frame_slot.take(0)
    assert found[0] is not None
    assert found[0].number >= 2
    assert found[0].luma is not luma
    assert taken is not None
    assert taken.number == number - 1


def test_waiting_for_a_copy_ends_with_the_camera() -> None:
    frame_slot = LatestFrameSlot()
    frame_slot.close()
    assert frame_slot.snapshot(60.0) is None


def test_the_size_limit_is_far_below_the_limit_of_a_response() -> None:
    from kiosk.app.control_socket import MAX_RESPONSE_BYTES

    assert module.MAX_JPEG_BYTES * 4 / 3 < MAX_RESPONSE_BYTES / 2
