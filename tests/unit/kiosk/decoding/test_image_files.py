"""Pictures in and out, advice for aiming, and `kiosk read`."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from kiosk.cli.read import read
from kiosk.core.model import View
from kiosk.decoding.frame_quality import decimate, view_of
from kiosk.decoding.locate.symbol import alignment_places, known_modules, modules_a_side
from kiosk.decoding.preview.aiming import advice, judge_view
from kiosk.decoding.preview.image_files import PictureTrouble, load_luma, save_masked
from kiosk.decoding.still_image import read_picture
from tests.fakes.data.qr_images import code_picture, noisy, scene, turned

GOOD_VIEW = View(mean_luma=120, contrast=45, sharpness=400)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(read, arguments)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_a_picture_file_of_each_kind_is_read(tmp_path: Path, suffix: str) -> None:
    cv2.imwrite(str(tmp_path / f"card{suffix}"), scene(code_picture("HUE1:FILE")))
    assert [r.data for r in read_picture(load_luma(tmp_path / f"card{suffix}"))] == [b"HUE1:FILE"]


def test_a_transparent_picture_lies_on_white(tmp_path: Path) -> None:
    picture = np.zeros((40, 40, 4), np.uint8)
    picture[10:20, 10:20, 3] = 255
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    luma = load_luma(tmp_path / "a.png")
    assert (luma[0, 0], luma[15, 15]) == (255, 0)


def test_sixteen_bits_a_pixel_become_eight(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((30, 30), 0x8000, np.uint16))
    assert load_luma(tmp_path / "a.png")[0, 0] == 0x80


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), (b"", "empty"), (b"no picture at all", "not a picture")],
    ids=["none", "empty", "text"],
)
def test_a_file_that_is_no_picture_is_trouble_with_a_sentence(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PictureTrouble, match=says):
        load_luma(path)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_trouble(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.png"
    path.write_bytes(content)
    trouble = ""
    try:
        luma = load_luma(path)
    except PictureTrouble as found:
        trouble = str(found)
    assert str(path) in trouble or luma.ndim == 2


def test_a_view_that_is_kept_shows_no_code(tmp_path: Path) -> None:
    picture = scene(code_picture("HUE1:SECRET", module_px=10))
    [reading] = read_picture(picture)
    assert reading.corners is not None
    save_masked(picture, [reading.corners], tmp_path / "view.png")
    save_masked(picture, [], tmp_path / "unread.png")
    assert load_luma(tmp_path / "view.png").shape == picture.shape
    assert [read_picture(load_luma(tmp_path / name)) for name in ("view.png", "unread.png")] == [(), ()]


def test_read_prints_one_json_line_per_picture(tmp_path: Path) -> None:
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


def test_a_picture_that_cannot_be_opened_is_an_error_in_its_line_and_the_others_are_read(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "b.png"), scene(code_picture("HUE1:B")))
    (tmp_path / "a.png").write_bytes(b"garbage")
    result = run("--json", str(tmp_path / "a.png"), str(tmp_path / "b.png"), str(tmp_path / "none.png"))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert ["error" in line for line in lines] == [True, False, True]
    assert lines[1]["codes"][0]["text"] == "HUE1:B"
    assert result.exit_code == 1


def test_read_speaks_to_people_without_json(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "card.png"), scene(code_picture("HUE1:B")))
    assert "zxing: HUE1:B" in run(str(tmp_path / "card.png")).stdout


@pytest.mark.parametrize(
    ("view", "module_px", "says"),
    [
        (View(20, 30, 400), 5.0, "too dark"),
        (View(240, 30, 400), 5.0, "too bright"),
        (View(120, 5, 400), 5.0, "contrast"),
        (View(120, 45, 3), 5.0, "not sharp"),
        (GOOD_VIEW, None, "No code was read"),
        (GOOD_VIEW, 1.9, "too small"),
        (GOOD_VIEW, 3.0, "nearer would read faster"),
        (GOOD_VIEW, 20.0, "move the camera back"),
        (GOOD_VIEW, 5.0, "are good"),
    ],
)
def test_advice_says_what_to_change(view: View, module_px: float | None, says: str) -> None:
    assert any(says in sentence for sentence in advice(view, module_px, "en"))
    assert len(advice(view, module_px, "vi")) == len(judge_view(view, module_px))


def test_a_view_out_of_focus_has_less_sharpness_than_the_same_view_in_focus() -> None:
    sharp = turned(code_picture("HUE1:FOCUS"), 0)
    soft = noisy(cv2.GaussianBlur(sharp, (0, 0), 6.0), 2.0, seed=1)
    views = [view_of(picture, decimate(picture)) for picture in (sharp, soft)]
    assert views[0].sharpness > 10 * views[1].sharpness
    assert any("not sharp" in sentence for sentence in advice(views[1], 5.0, "en"))


def test_the_known_modules_of_every_version_are_those_of_a_real_code() -> None:
    import segno

    for version in range(1, 41):
        for data in ("A", "HUE"):
            matrix = np.array(list(segno.make(data, version=version, error="l", micro=False).matrix)) == 0
            known = known_modules(version)
            assert (matrix == known.light)[known.fixed].all(), version
    assert alignment_places(32) == (6, 34, 60, 86, 112, 138)
    assert modules_a_side(40) == 177


def test_a_creased_code_in_a_large_photograph_is_read_at_a_smaller_size() -> None:
    code = code_picture("HUE1:ON CLOTH, ON BENT PAPER, ON A SLEEVE", module_px=24)
    ys, xs = np.indices(code.shape).astype(np.float32)
    creased = cv2.remap(code, xs + 8 * np.sin(ys / 80), ys + 8 * np.sin(xs / 64), cv2.INTER_LINEAR, borderValue=235)
    picture = noisy(np.pad(creased, 400, constant_values=120), 3.0, seed=2)
    [reading] = read_picture(picture)
    assert reading.data == b"HUE1:ON CLOTH, ON BENT PAPER, ON A SLEEVE"
    assert reading.stage != "zxing"
    assert reading.module_px == pytest.approx(24, rel=0.1)
