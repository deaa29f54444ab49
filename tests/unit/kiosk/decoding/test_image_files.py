"""Image files: reading and masked writing, aiming advice, and `kiosk read`."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from kiosk.cli.read import read
from kiosk.core.model import FrameQuality
from kiosk.decoding.frame_quality import decimate_frame, measure_quality
from kiosk.decoding.locate.symbol import alignment_positions, known_modules, modules_per_side
from kiosk.decoding.preview.aiming import AimingAdvice, aiming_advice
from kiosk.decoding.preview.image_files import ImageFileError, load_luma, save_masked_image
from kiosk.decoding.still_image import decode_image
from tests.fakes.data.qr_images import code_picture, noisy, scene, turned

GOOD_VIEW = FrameQuality(mean_luma=120, contrast=45, sharpness=400)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(read, arguments)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_image_files_of_each_format_are_read(tmp_path: Path, suffix: str) -> None:
    cv2.imwrite(str(tmp_path / f"card{suffix}"), scene(code_picture("HUE1:FILE")))
    assert [r.data for r in decode_image(load_luma(tmp_path / f"card{suffix}"))] == [b"HUE1:FILE"]


def test_transparent_pixels_become_white(tmp_path: Path) -> None:
    picture = np.zeros((40, 40, 4), np.uint8)
    picture[10:20, 10:20, 3] = 255
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    luma = load_luma(tmp_path / "a.png")
    assert (luma[0, 0], luma[15, 15]) == (255, 0)


def test_sixteen_bits_per_pixel_become_eight(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((30, 30), 0x8000, np.uint16))
    assert load_luma(tmp_path / "a.png")[0, 0] == 0x80


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), (b"", "empty"), (b"no picture at all", "not an image")],
    ids=["none", "empty", "text"],
)
def test_a_file_that_is_not_an_image_gives_a_clear_error(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageFileError, match=says):
        load_luma(path)


@given(st.binary(max_size=300))
def test_any_bytes_give_an_image_or_an_image_file_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.png"
    path.write_bytes(content)
    error = ""
    try:
        luma = load_luma(path)
    except ImageFileError as found:
        error = str(found)
    assert str(path) in error or luma.ndim == 2


def test_a_masked_image_shows_no_code(tmp_path: Path) -> None:
    picture = scene(code_picture("HUE1:SECRET", module_px=10))
    [reading] = decode_image(picture)
    assert reading.corners is not None
    save_masked_image(picture, [reading.corners], tmp_path / "view.png")
    save_masked_image(picture, [], tmp_path / "unread.png")
    assert load_luma(tmp_path / "view.png").shape == picture.shape
    assert [decode_image(load_luma(tmp_path / name)) for name in ("view.png", "unread.png")] == [(), ()]


def test_read_prints_one_json_line_per_image(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    cv2.imwrite(str(tmp_path / "deep" / "card.png"), scene(code_picture("Huế".encode())))
    cv2.imwrite(str(tmp_path / "empty.png"), scene())
    result = run("--json", str(tmp_path))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(Path(line["file"]).name, line["codes"]) for line in lines] == [
        ("card.png", [{"text": "Huế", "stage": "zxing"}]),
        ("empty.png", []),
    ]
    assert all(line["ms"] > 0 for line in lines)
    assert result.exit_code == 0


def test_an_unreadable_file_gives_an_error_line_and_the_others_are_read(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "b.png"), scene(code_picture("HUE1:B")))
    (tmp_path / "a.png").write_bytes(b"garbage")
    result = run("--json", str(tmp_path / "a.png"), str(tmp_path / "b.png"), str(tmp_path / "none.png"))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert ["error" in line for line in lines] == [True, False, True]
    assert lines[1]["codes"][0]["text"] == "HUE1:B"
    assert result.exit_code == 1


def test_read_prints_text_without_the_json_option(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "card.png"), scene(code_picture("HUE1:B")))
    assert "zxing: HUE1:B" in run(str(tmp_path / "card.png")).stdout


@pytest.mark.parametrize(
    ("view", "module_px", "advice"),
    [
        (FrameQuality(20, 30, 400), 5.0, AimingAdvice.TOO_DARK),
        (FrameQuality(240, 30, 400), 5.0, AimingAdvice.TOO_BRIGHT),
        (FrameQuality(120, 5, 400), 5.0, AimingAdvice.LOW_CONTRAST),
        (FrameQuality(120, 45, 3), 5.0, AimingAdvice.OUT_OF_FOCUS),
        (GOOD_VIEW, None, AimingAdvice.NO_CODE),
        (GOOD_VIEW, 1.9, AimingAdvice.TOO_FAR),
        (GOOD_VIEW, 3.0, AimingAdvice.SLIGHTLY_FAR),
        (GOOD_VIEW, 20.0, AimingAdvice.TOO_NEAR),
        (GOOD_VIEW, 5.0, AimingAdvice.GOOD),
    ],
)
def test_advice_says_what_to_change(view: FrameQuality, module_px: float | None, advice: AimingAdvice) -> None:
    assert aiming_advice(view, module_px) == (advice,)


def test_a_frame_out_of_focus_has_lower_sharpness() -> None:
    sharp = turned(code_picture("HUE1:FOCUS"), 0)
    soft = noisy(cv2.GaussianBlur(sharp, (0, 0), 6.0), 2.0, seed=1)
    views = [measure_quality(picture, decimate_frame(picture)) for picture in (sharp, soft)]
    assert views[0].sharpness > 10 * views[1].sharpness
    assert AimingAdvice.OUT_OF_FOCUS in aiming_advice(views[1], 5.0)


def test_the_known_modules_of_each_version_match_a_real_code() -> None:
    import segno

    for version in range(1, 41):
        for data in ("A", "HUE"):
            matrix = np.array(list(segno.make(data, version=version, error="l", micro=False).matrix)) == 0
            known = known_modules(version)
            assert (matrix == known.is_light)[known.is_fixed].all(), version
    assert alignment_positions(32) == (6, 34, 60, 86, 112, 138)
    assert modules_per_side(40) == 177


def test_a_creased_code_in_a_large_photo_is_read_at_a_smaller_size() -> None:
    code = code_picture("HUE1:ON CLOTH, ON BENT PAPER, ON A SLEEVE", module_px=24)
    ys, xs = np.indices(code.shape).astype(np.float32)
    creased = cv2.remap(code, xs + 8 * np.sin(ys / 80), ys + 8 * np.sin(xs / 64), cv2.INTER_LINEAR, borderValue=235)
    picture = noisy(np.pad(creased, 400, constant_values=120), 3.0, seed=2)
    [reading] = decode_image(picture)
    assert reading.data == b"HUE1:ON CLOTH, ON BENT PAPER, ON A SLEEVE"
    assert reading.stage != "zxing"
    assert reading.module_px == pytest.approx(24, rel=0.1)
