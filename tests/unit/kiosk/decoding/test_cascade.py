"""What reading promises: every code in view, byte for byte, no misread, and nothing where there is nothing."""

import threading

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.core.frame import Frame, Luma
from kiosk.core.model import Reading, Sight
from kiosk.decoding import Cascade
from kiosk.decoding.confirmation import REMEMBERED_S, Witnesses
from kiosk.decoding.engines.equaliser import module_values, read_modules
from kiosk.decoding.preview.image_files import folder_pictures, load_luma
from kiosk.decoding.scene import Aspect, Scene
from kiosk.decoding.stages import heavy_stages, plain
from kiosk.decoding.still_image import read_picture
from kiosk.decoding.time_limit import BoundedDecoder, ReadingStuck
from tests.fakes.data.qr_images import code_picture, frames, noisy, scene, smeared, turned
from tests.paths import SHARED

IMAGES = SHARED / "qr-images"
CARD = "046090001234|191234567|Nguyễn Thị Ánh Tuyết|02011990|Nữ|Phường Vỹ Dạ, Thành phố Huế|15062021"


def texts(sight: Sight) -> list[str]:
    return sorted(reading.data.decode() for reading in sight.readings)


def test_a_code_held_up_is_read_in_its_first_frame() -> None:
    [frame] = frames(scene(code_picture(CARD)))
    assert texts(Cascade().read(frame)) == [CARD]


def test_a_reading_says_where_the_code_is_and_how_large_its_modules_are() -> None:
    [frame] = frames(scene(code_picture("HUE1:ABC", module_px=5)))
    [reading] = Cascade().read(frame).readings
    assert reading.corners is not None
    assert reading.module_px == pytest.approx(5, rel=0.05)
    assert reading.corners[0] == pytest.approx((20 + 4 * 5, (480 - 29 * 5) / 2 + 4 * 5), abs=2)


def test_two_different_codes_in_view_are_both_reported() -> None:
    [frame] = frames(scene(code_picture("HUE1:FIRST"), code_picture("HUE1:SECOND")))
    assert texts(Cascade().read(frame)) == ["HUE1:FIRST", "HUE1:SECOND"]


def test_a_code_and_its_reflection_are_one() -> None:
    code = code_picture("HUE1:TWICE")
    [frame] = frames(scene(code, np.ascontiguousarray(code[:, ::-1])))
    assert texts(Cascade().read(frame)) == ["HUE1:TWICE"]


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_a_code_is_read_at_any_angle(degrees: int) -> None:
    assert [r.data.decode() for r in read_picture(turned(code_picture(CARD), degrees))] == [CARD]


@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
def test_a_code_in_the_very_corner_of_the_frame_is_read(corner: str) -> None:
    code = code_picture("HUE1:CORNER")[12:-12, 12:-12]  # one module of quiet zone is left
    frame = np.full((480, 640), 230, np.uint8)
    h, w = code.shape
    rows = slice(0, h) if "top" in corner else slice(480 - h, 480)
    columns = slice(0, w) if "left" in corner else slice(640 - w, 640)
    frame[rows, columns] = code
    assert [r.data for r in read_picture(frame)] == [b"HUE1:CORNER"]


def test_a_dark_mode_code_is_read() -> None:
    assert [r.data.decode() for r in read_picture(scene(255 - code_picture(CARD), background=30))] == [CARD]


def test_a_mirrored_frame_is_read() -> None:
    assert [r.data.decode() for r in read_picture(np.ascontiguousarray(scene(code_picture(CARD))[:, ::-1]))] == [CARD]


def test_what_no_engine_reads_through_motion_blur_the_equaliser_reads() -> None:
    frame = noisy(smeared(scene(code_picture(CARD, module_px=3)), 5), 2.0, seed=1)
    assert not plain(Scene(frame)).readings
    assert [(r.data.decode(), r.stage) for r in read_picture(frame)] == [(CARD, "grid-near")]


def test_a_code_on_cloth_is_read_module_by_module() -> None:
    code = code_picture("HUE1:ON CLOTH, ON BENT PAPER, ON A SLEEVE", module_px=6)
    ys, xs = np.indices(code.shape).astype(np.float32)
    creased = cv2.remap(code, xs + 2 * np.sin(ys / 25), ys + 2 * np.sin(xs / 20), cv2.INTER_LINEAR, borderValue=235)
    picture = scene(np.asarray(creased, np.uint8))
    assert not plain(Scene(picture)).readings
    stages = {
        reading.stage for stage in heavy_stages() for look in stage.run(Scene(picture)) for reading in look.readings
    }
    assert "bent-stiff" in stages
    assert not stages & {"grid", "grid-near", "enlarged", "zbar"}


def test_a_frame_that_is_a_view_into_a_larger_buffer_is_read() -> None:
    buffer = np.zeros((700, 1024), np.uint8)
    buffer[:480, :640] = scene(code_picture(CARD))
    assert texts(Cascade().read(Frame(buffer[:480, :640], 0, 1.0))) == [CARD]


def test_nothing_is_reported_on_pictures_without_a_code() -> None:
    pictures = folder_pictures(IMAGES / "negatives")
    assert len(pictures) >= 40
    assert [path.name for path in pictures if read_picture(load_luma(path))] == []


def test_most_photographs_are_read_and_none_is_misread() -> None:
    expected = {path: path.with_suffix(".txt") for path in folder_pictures(IMAGES / "zxing-cpp")}
    expected = {path: text for path, text in expected.items() if text.exists()}
    right, wrong = 0, []
    for path, text in expected.items():
        found = [reading.data for reading in read_picture(load_luma(path))]
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
    assert wrong == ["33.png"]  # GB2312 in byte mode without a mark; the bytes themselves are right


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(
        st.characters(min_codepoint=32, max_codepoint=0x1EF9, exclude_categories=["Cs", "Cn"]), min_size=3, max_size=90
    )
)
def test_every_stage_gives_vietnamese_text_byte_for_byte(text: str) -> None:
    data = ("Thừa Thiên Huế|" + text).encode()
    picture = scene(code_picture(data, module_px=3), width=700, height=460)
    looks = [plain(Scene(picture)), *(look for stage in heavy_stages() for look in stage.run(Scene(picture)))]
    found = {(reading.stage, reading.data) for look in looks for reading in look.readings}
    assert {read for _, read in found} == {data}
    assert {"zxing", "grid", "grid-near"} <= {stage for stage, _ in found}


def test_zbar_gives_the_bytes_of_a_card_and_not_its_guess_at_a_charset() -> None:
    zbar = next(stage for stage in heavy_stages() if stage.name == "zbar")
    [found] = list(zbar.run(Scene(scene(code_picture(CARD.encode())))))
    assert [reading.data.decode() for reading in found.readings] == [CARD]


def test_a_heavy_reading_alone_is_not_believed() -> None:
    witnesses = Witnesses(known=lambda _: False)
    assert witnesses.of_heavy([Reading(b"12345", "grid")], 10.0) == ()


@pytest.mark.parametrize(
    ("stage", "after_s", "believed"),
    [("grid", 0.1, True), ("zbar", 0.0, True), ("grid", 0.0, False), ("grid", REMEMBERED_S + 0.1, False)],
    ids=["another frame", "another stage", "the same look again", "too long ago"],
)
def test_a_second_witness_is_another_frame_or_another_stage(stage: str, after_s: float, believed: bool) -> None:
    witnesses = Witnesses(known=lambda _: False)
    witnesses.of_heavy([Reading(b"12345", "grid")], 10.0)
    assert bool(witnesses.of_heavy([Reading(b"12345", stage)], 10.0 + after_s)) is believed


def test_two_witnesses_must_say_the_same() -> None:
    witnesses = Witnesses(known=lambda _: False)
    witnesses.of_heavy([Reading(b"12345", "grid")], 10.0)
    assert witnesses.of_heavy([Reading(b"12346", "zbar")], 10.1) == ()


def test_a_heavy_reading_that_fits_a_known_grammar_needs_no_witness() -> None:
    witnesses = Witnesses(known=lambda data: data.startswith(b"HUE1:"))
    assert len(witnesses.of_heavy([Reading(b"HUE1:X", "grid"), Reading(b"777", "grid")], 10.0)) == 1


def test_heavy_stages_keep_to_their_budget() -> None:
    ticks = iter(range(10_000))
    cascade = Cascade(
        motion_gate=False, frame_budget_s=2.5, clock_s=lambda: float(next(ticks))
    )  # every stage "takes" a second
    empty = noisy(np.full((480, 640), 120.0), 8.0, seed=3)
    for frame in frames(*[empty] * 40):
        cascade.read(frame)
    assert next(ticks) / 2 <= 40 * 2.5 + len(heavy_stages())


def test_the_configured_share_of_the_measured_interval_is_the_budget() -> None:
    def spent(share: float) -> float:
        ticks = iter(range(100_000))
        cascade = Cascade(motion_gate=False, budget_share=share, clock_s=lambda: float(next(ticks)))
        empty = noisy(np.full((480, 640), 120.0), 8.0, seed=3)
        for number in range(60):  # two seconds apart; every heavy stage "takes" a second
            cascade.read(Frame(empty, number, 2.0 * number))
        return next(ticks) / 2

    assert spent(0.1) < spent(0.9)


def test_every_heavy_stage_gets_its_turn_even_where_it_costs_more_than_a_frames_budget() -> None:
    ticks = iter(range(10_000))
    cascade = Cascade(motion_gate=False, frame_budget_s=0.4, clock_s=lambda: float(next(ticks)))
    empty = noisy(np.full((480, 640), 120.0), 8.0, seed=3)
    for frame in frames(*[empty] * 60):
        cascade.read(frame)
    assert 40 * 0.4 <= next(ticks) / 2 <= 60 * 0.4 + len(heavy_stages())


def test_the_grid_of_a_flat_code_fits_and_names_its_version() -> None:
    examined = Scene(scene(code_picture(CARD, module_px=3)))
    [best, *_] = examined.grids(Aspect())
    assert best.fit > 0.9
    values = module_values(examined.cut(Aspect()), best, 3)
    assert values.shape == (17 + 4 * best.version,) * 2
    assert [reading.data.decode() for reading in read_modules(values > 0, best, "grid").readings] == [CARD]


class Stuck:
    """A decoder whose engine hangs on frames with an odd number."""

    def __init__(self, release: threading.Event) -> None:
        self._release = release

    def read(self, frame: Frame) -> Sight:
        if frame.number % 2:
            self._release.wait()
        return Sight((Reading(b"seen", "fake"),))


class Broken:
    """A decoder that raises."""

    def read(self, frame: Frame) -> Sight:
        raise MemoryError(f"frame {frame.number}")


def blank(number: int) -> Frame:
    return Frame(np.zeros((48, 64), np.uint8), number, float(number))


def test_an_engine_that_hangs_costs_one_frame_and_is_counted() -> None:
    release = threading.Event()
    decoder = BoundedDecoder(lambda: Stuck(release), limit_s=0.05)
    assert [len(decoder.read(blank(number)).readings) for number in (0, 1, 2, 4)] == [1, 0, 1, 1]
    assert decoder.overruns == 1
    release.set()
    decoder.close()


def test_readings_that_were_only_slow_never_end_the_daemon_however_many_they_were() -> None:
    release, others = threading.Event(), set(threading.enumerate())
    decoder = BoundedDecoder(lambda: Stuck(release), limit_s=0.02, most_stuck=2)
    for _ in range(6):
        release.clear()
        slow = set(threading.enumerate()) - others
        decoder.read(blank(1))
        release.set()
        for thread in slow:
            thread.join()
    assert decoder.overruns == 6
    decoder.close()


def test_when_several_engines_hang_the_daemon_is_told_to_start_anew() -> None:
    release = threading.Event()
    decoder = BoundedDecoder(lambda: Stuck(release), limit_s=0.02, most_stuck=2)
    decoder.read(blank(1))
    with pytest.raises(ReadingStuck, match="start anew"):
        decoder.read(blank(3))
    release.set()


def test_what_a_decoder_raises_reaches_the_thread_that_asked() -> None:
    decoder = BoundedDecoder(Broken)
    with pytest.raises(MemoryError, match="frame 5"):
        decoder.read(blank(5))
    decoder.close()


def test_the_bounded_cascade_reads_like_the_cascade() -> None:
    decoder = BoundedDecoder(Cascade)
    [frame] = frames(scene(code_picture(CARD)))
    assert texts(decoder.read(frame)) == [CARD]
    decoder.close()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    width=st.integers(1, 400),
    height=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["noise", "flat", "stripes", "blocks", "code"]),
)
def test_frames_of_any_size_and_content_never_raise(width: int, height: int, seed: int, kind: str) -> None:
    luma = any_picture(width, height, seed, kind)
    sight = Cascade(motion_gate=False).read(Frame(luma, 0, 0.0))
    assert sight.view is not None
    if kind != "code":
        assert sight.readings == ()


def any_picture(width: int, height: int, seed: int, kind: str) -> Luma:
    """Content of a kind, from a seed."""
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


def test_a_picture_wider_than_opencv_can_sample_is_read_at_half_its_size() -> None:
    code = code_picture("HUE1:WIDE", module_px=12)
    picture = np.full((code.shape[0] + 40, 40_000), 200, np.uint8)
    picture[20:-20, 30_000 : 30_000 + code.shape[1]] = code
    [reading] = read_picture(picture)
    assert reading.data == b"HUE1:WIDE"
    assert reading.corners is not None
    assert reading.corners[0][0] == pytest.approx(30_000 + 48, abs=16)
    assert read_picture(noisy(np.full((60, 40_000), 120.0), 30.0, seed=1)) == ()


@pytest.mark.parametrize("shape", [(0, 0), (0, 7), (7, 0), (4, 4, 3), (1, 20_000)])
def test_frames_that_are_no_pictures_yield_nothing(shape: tuple[int, ...]) -> None:
    assert Cascade().read(Frame(np.zeros(shape, np.uint8), 0, 0.0)).readings == ()
