"""The cascade: all codes in view, byte for byte, no misread, and no result without a code."""

import threading

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.core.frame import Frame, Luma
from kiosk.core.model import DecodedCode, DecodeResult
from kiosk.decoding import Cascade
from kiosk.decoding.confirmation import CONFIRMATION_WINDOW_S, CodeConfirmation
from kiosk.decoding.engines.equaliser import decode_modules, equalised_modules
from kiosk.decoding.preview.image_files import list_image_files, load_luma
from kiosk.decoding.scene import RegionView, Scene
from kiosk.decoding.stages import make_slow_stages, run_fast_stage
from kiosk.decoding.still_image import decode_image
from kiosk.decoding.time_limit import DecoderHungError, TimeLimitedDecoder
from tests.examples import examples
from tests.fakes.data.qr_images import code_picture, frames, noisy, scene, smeared, turned
from tests.paths import SHARED

IMAGES = SHARED / "qr-images"
CARD = "046090001234|191234567|Nguyễn Thị Ánh Tuyết|02011990|Nữ|Phường Vỹ Dạ, Thành phố Huế|15062021"


def texts(sight: DecodeResult) -> list[str]:
    return sorted(reading.data.decode() for reading in sight.codes)


def test_a_code_is_read_in_its_first_frame() -> None:
    [frame] = frames(scene(code_picture(CARD)))
    assert texts(Cascade().decode(frame)) == [CARD]


def test_a_result_has_corners_and_module_size() -> None:
    [frame] = frames(scene(code_picture("HUE1:ABC", module_px=5)))
    [reading] = Cascade().decode(frame).codes
    assert reading.corners is not None
    assert reading.module_px == pytest.approx(5, rel=0.05)
    assert reading.corners[0] == pytest.approx((20 + 4 * 5, (480 - 29 * 5) / 2 + 4 * 5), abs=2)


def test_two_different_codes_in_view_are_both_reported() -> None:
    [frame] = frames(scene(code_picture("HUE1:FIRST"), code_picture("HUE1:SECOND")))
    assert texts(Cascade().decode(frame)) == ["HUE1:FIRST", "HUE1:SECOND"]


def test_a_code_and_its_reflection_count_once() -> None:
    code = code_picture("HUE1:TWICE")
    [frame] = frames(scene(code, np.ascontiguousarray(code[:, ::-1])))
    assert texts(Cascade().decode(frame)) == ["HUE1:TWICE"]


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_a_code_is_read_at_any_angle(degrees: int) -> None:
    assert [r.data.decode() for r in decode_image(turned(code_picture(CARD), degrees))] == [CARD]


@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
def test_a_code_in_the_very_corner_of_the_frame_is_read(corner: str) -> None:
    code = code_picture("HUE1:CORNER")[12:-12, 12:-12]  # one module of quiet zone is left
    frame = np.full((480, 640), 230, np.uint8)
    h, w = code.shape
    rows = slice(0, h) if "top" in corner else slice(480 - h, 480)
    columns = slice(0, w) if "left" in corner else slice(640 - w, 640)
    frame[rows, columns] = code
    assert [r.data for r in decode_image(frame)] == [b"HUE1:CORNER"]


def test_a_dark_mode_code_is_read() -> None:
    assert [r.data.decode() for r in decode_image(scene(255 - code_picture(CARD), background=30))] == [CARD]


def test_a_mirrored_frame_is_read() -> None:
    assert [r.data.decode() for r in decode_image(np.ascontiguousarray(scene(code_picture(CARD))[:, ::-1]))] == [CARD]


def test_the_equaliser_reads_motion_blur_that_no_engine_reads() -> None:
    frame = noisy(smeared(scene(code_picture(CARD, module_px=3)), 5), 2.0, seed=1)
    assert not run_fast_stage(Scene(frame)).codes
    assert [(r.data.decode(), r.stage) for r in decode_image(frame)] == [(CARD, "grid-near")]


def test_a_code_on_cloth_is_read_by_dewarping() -> None:
    code = code_picture("HUE1:ON CLOTH, ON BENT PAPER, ON A SLEEVE", module_px=6)
    ys, xs = np.indices(code.shape).astype(np.float32)
    creased = cv2.remap(code, xs + 2 * np.sin(ys / 25), ys + 2 * np.sin(xs / 20), cv2.INTER_LINEAR, borderValue=235)
    picture = scene(np.asarray(creased, np.uint8))
    assert not run_fast_stage(Scene(picture)).codes
    stages = {
        reading.stage for stage in make_slow_stages() for look in stage.run(Scene(picture)) for reading in look.codes
    }
    assert stages
    assert {name.partition("-")[0] for name in stages} == {"bent"}


def test_a_frame_that_is_a_view_into_a_larger_buffer_is_read() -> None:
    buffer = np.zeros((700, 1024), np.uint8)
    buffer[:480, :640] = scene(code_picture(CARD))
    assert texts(Cascade().decode(Frame(buffer[:480, :640], 0, 1.0))) == [CARD]


def test_images_without_a_code_give_no_result() -> None:
    pictures = list_image_files(IMAGES / "negatives")
    assert len(pictures) >= 40
    assert [path.name for path in pictures if decode_image(load_luma(path))] == []


def test_most_photographs_are_read_and_none_is_misread() -> None:
    expected = {path: path.with_suffix(".txt") for path in list_image_files(IMAGES / "zxing-cpp")}
    expected = {path: text for path, text in expected.items() if text.exists()}
    right, wrong = 0, []
    for path, text in expected.items():
        found = [reading.data for reading in decode_image(load_luma(path))]
        wanted = text.read_bytes().replace(b"\r\n", b"\n")
        charsets = ("utf-8", "shift_jis", "latin-1")
        if any(
            data.decode(charset, "replace").replace("\r\n", "\n").encode() == wanted
            for data in found
            for charset in charsets
        ):
            right += 1
        elif found:
            wrong.append(path.name)
    assert right / len(expected) >= 0.95
    assert wrong == ["33.png"]  # GB2312 in byte mode without an ECI mark; the bytes are right


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(
        st.characters(min_codepoint=32, max_codepoint=0x1EF9, exclude_categories=["Cs", "Cn"]), min_size=3, max_size=90
    )
)
def test_every_stage_gives_vietnamese_text_byte_for_byte(text: str) -> None:
    data = ("Thừa Thiên Huế|" + text).encode()
    picture = scene(code_picture(data, module_px=3), width=700, height=460)
    looks = [
        run_fast_stage(Scene(picture)),
        *(look for stage in make_slow_stages() for look in stage.run(Scene(picture))),
    ]
    found = {(reading.stage, reading.data) for look in looks for reading in look.codes}
    assert {read for _, read in found} == {data}
    assert {"zxing", "grid", "grid-near"} <= {stage for stage, _ in found}


def test_zbar_returns_bytes_without_guessing_a_charset() -> None:
    zbar = next(stage for stage in make_slow_stages() if stage.name == "zbar")
    [found] = list(zbar.run(Scene(scene(code_picture(CARD.encode())))))
    assert [reading.data.decode() for reading in found.codes] == [CARD]


def test_a_single_slow_result_is_not_accepted() -> None:
    confirmation = CodeConfirmation(is_known_format=lambda _: False)
    assert confirmation.confirm_slow([DecodedCode(b"12345", "grid")], 10.0) == ()


@pytest.mark.parametrize(
    ("stage", "after_s", "believed"),
    [("grid", 0.1, True), ("zbar", 0.0, True), ("grid", 0.0, False), ("grid", CONFIRMATION_WINDOW_S + 0.1, False)],
    ids=["another frame", "another stage", "the same look again", "too long ago"],
)
def test_another_frame_or_another_stage_confirms_a_slow_result(stage: str, after_s: float, believed: bool) -> None:
    confirmation = CodeConfirmation(is_known_format=lambda _: False)
    confirmation.confirm_slow([DecodedCode(b"12345", "grid")], 10.0)
    assert bool(confirmation.confirm_slow([DecodedCode(b"12345", stage)], 10.0 + after_s)) is believed


def test_only_the_same_content_confirms_a_slow_result() -> None:
    confirmation = CodeConfirmation(is_known_format=lambda _: False)
    confirmation.confirm_slow([DecodedCode(b"12345", "grid")], 10.0)
    assert confirmation.confirm_slow([DecodedCode(b"12346", "zbar")], 10.1) == ()


def test_a_slow_result_in_a_known_format_needs_no_confirmation() -> None:
    confirmation = CodeConfirmation(is_known_format=lambda data: data.startswith(b"HUE1:"))
    assert len(confirmation.confirm_slow([DecodedCode(b"HUE1:X", "grid"), DecodedCode(b"777", "grid")], 10.0)) == 1


def test_slow_stages_keep_to_their_budget() -> None:
    ticks = iter(range(10_000))
    cascade = Cascade(
        motion_gate=False, frame_budget_s=2.5, clock_s=lambda: float(next(ticks))
    )  # every stage "takes" a second
    empty = noisy(np.full((480, 640), 120.0), 8.0, seed=3)
    for frame in frames(*[empty] * 40):
        cascade.decode(frame)
    assert next(ticks) / 2 <= 40 * 2.5 + len(make_slow_stages())


def test_the_configured_share_of_the_measured_interval_is_the_budget() -> None:
    def spent(share: float) -> float:
        ticks = iter(range(100_000))
        cascade = Cascade(motion_gate=False, budget_share=share, clock_s=lambda: float(next(ticks)))
        empty = noisy(np.full((480, 640), 120.0), 8.0, seed=3)
        for number in range(60):  # two seconds apart; every heavy stage "takes" a second
            cascade.decode(Frame(empty, number, 2.0 * number))
        return next(ticks) / 2

    assert spent(0.1) < spent(0.9)


def test_each_slow_stage_gets_its_turn_even_if_it_costs_more_than_one_budget() -> None:
    ticks = iter(range(10_000))
    cascade = Cascade(motion_gate=False, frame_budget_s=0.4, clock_s=lambda: float(next(ticks)))
    empty = noisy(np.full((480, 640), 120.0), 8.0, seed=3)
    for frame in frames(*[empty] * 60):
        cascade.decode(frame)
    assert 40 * 0.4 <= next(ticks) / 2 <= 60 * 0.4 + len(make_slow_stages())


def test_the_grid_of_a_flat_code_fits_and_names_its_version() -> None:
    examined = Scene(scene(code_picture(CARD, module_px=3)))
    [best, *_] = examined.grids(RegionView())
    assert best.fit > 0.9
    values = equalised_modules(examined.crop(RegionView()), best, 3)
    assert values.shape == (17 + 4 * best.version,) * 2
    assert [reading.data.decode() for reading in decode_modules(values > 0, best, "grid").codes] == [CARD]


class Stuck:
    """A decoder whose engine hangs on frames with an odd number."""

    def __init__(self, release: threading.Event) -> None:
        self._release = release

    def decode(self, frame: Frame) -> DecodeResult:
        if frame.number % 2:
            self._release.wait()
        return DecodeResult((DecodedCode(b"seen", "fake"),))


class Broken:
    """A decoder that raises."""

    def decode(self, frame: Frame) -> DecodeResult:
        raise MemoryError(f"frame {frame.number}")


def blank(number: int) -> Frame:
    return Frame(np.zeros((48, 64), np.uint8), number, float(number))


def test_an_engine_that_hangs_costs_one_frame_and_is_counted() -> None:
    release = threading.Event()
    decoder = TimeLimitedDecoder(lambda: Stuck(release), limit_s=0.05)
    assert [len(decoder.decode(blank(number)).codes) for number in (0, 1, 2, 4)] == [1, 0, 1, 1]
    assert decoder.timed_out_frames == 1
    release.set()
    decoder.close()


def test_slow_decodes_never_stop_the_daemon() -> None:
    release, others = threading.Event(), set(threading.enumerate())
    decoder = TimeLimitedDecoder(lambda: Stuck(release), limit_s=0.02, max_hung=2)
    for _ in range(6):
        release.clear()
        slow = set(threading.enumerate()) - others
        decoder.decode(blank(1))
        release.set()
        for thread in slow:
            thread.join()
    assert decoder.timed_out_frames == 6
    decoder.close()


def test_several_hanging_engines_require_a_restart() -> None:
    release = threading.Event()
    decoder = TimeLimitedDecoder(lambda: Stuck(release), limit_s=0.02, max_hung=2)
    decoder.decode(blank(1))
    with pytest.raises(DecoderHungError, match="must restart"):
        decoder.decode(blank(3))
    release.set()


def test_an_exception_in_a_decoder_reaches_the_calling_thread() -> None:
    decoder = TimeLimitedDecoder(Broken)
    with pytest.raises(MemoryError, match="frame 5"):
        decoder.decode(blank(5))
    decoder.close()


def test_a_time_limit_does_not_change_the_results() -> None:
    decoder = TimeLimitedDecoder(Cascade)
    [frame] = frames(scene(code_picture(CARD)))
    assert texts(decoder.decode(frame)) == [CARD]
    decoder.close()


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    width=st.integers(1, 400),
    height=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["noise", "flat", "stripes", "blocks", "code"]),
)
def test_frames_of_any_size_and_content_never_raise(width: int, height: int, seed: int, kind: str) -> None:
    luma = any_picture(width, height, seed, kind)
    sight = Cascade(motion_gate=False).decode(Frame(luma, 0, 0.0))
    assert sight.frame_quality is not None
    if kind != "code":
        assert sight.codes == ()


def any_picture(width: int, height: int, seed: int, kind: str) -> Luma:
    """Content of one kind, made from a seed."""
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.integers(0, 256, (height, width), dtype=np.uint8)
    if kind == "stripes":
        return np.asarray(np.indices((height, width)).sum(0) // int(rng.integers(1, 9)) % 2 * 255, np.uint8)
    if kind == "blocks":
        size = int(rng.integers(2, 9))
        blocks = rng.integers(0, 2, (height // size + 1, width // size + 1))
        return np.asarray(np.kron(blocks, np.ones((size, size))) * 255, np.uint8)[:height, :width]
    if kind == "code":
        picture = np.full((max(height, 400), max(width, 400)), 128, np.uint8)
        code = code_picture(f"HUE1:{seed}")
        picture[: code.shape[0], : code.shape[1]] = code
        return picture[:height, :width]
    return np.full((height, width), int(rng.integers(0, 256)), np.uint8)


def test_an_image_wider_than_opencv_can_sample_is_read_at_half_size() -> None:
    code = code_picture("HUE1:WIDE", module_px=12)
    picture = np.full((code.shape[0] + 40, 40_000), 200, np.uint8)
    picture[20:-20, 30_000 : 30_000 + code.shape[1]] = code
    [reading] = decode_image(picture)
    assert reading.data == b"HUE1:WIDE"
    assert reading.corners is not None
    assert reading.corners[0][0] == pytest.approx(30_000 + 48, abs=16)
    assert decode_image(noisy(np.full((60, 40_000), 120.0), 30.0, seed=1)) == ()


@pytest.mark.parametrize("shape", [(0, 0), (0, 7), (7, 0), (4, 4, 3), (1, 20_000)])
def test_frames_that_are_not_images_give_no_result(shape: tuple[int, ...]) -> None:
    assert Cascade().decode(Frame(np.zeros(shape, np.uint8), 0, 0.0)).codes == ()
