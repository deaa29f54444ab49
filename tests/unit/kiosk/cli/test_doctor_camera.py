"""`kiosk doctor camera`: checks aim, light and focus, and says what to change."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from kiosk.cli.doctor.camera import camera
from kiosk.core.frame import Luma
from kiosk.decoding.preview.image_files import load_luma
from kiosk.decoding.still_image import decode_image
from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from tests.fakes.data.qr_images import code_picture, scene


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with temporary_sandbox(port=1883) as sandbox:
        yield sandbox


def run(sandbox: Sandbox, tmp_path: Path, luma: Luma, *arguments: str) -> Result:
    cv2.imwrite(str(tmp_path / "view.png"), luma)
    fixed = ["--config", str(sandbox.config_file), "--camera", f"replay:{tmp_path}", "--frames", "3"]
    return CliRunner().invoke(camera, [*fixed, *arguments])


def test_a_code_at_a_good_distance_needs_no_change(sandbox: Sandbox, tmp_path: Path) -> None:
    result = run(sandbox, tmp_path, scene(code_picture("HUE1:NEAR", module_px=8)))
    assert "đều tốt" in result.output
    assert "8,0 px" in result.output
    assert result.exit_code == 0


def test_without_a_code_it_asks_for_one(sandbox: Sandbox, tmp_path: Path) -> None:
    result = run(sandbox, tmp_path, scene(code_picture("HUE1:NEAR", module_px=8)[:, :60]))
    assert "đưa một thẻ có mã ra trước camera" in result.output
    assert result.exit_code == 1


def test_a_dark_image_is_reported_in_the_language_of_the_site(sandbox: Sandbox, tmp_path: Path) -> None:
    text = sandbox.config_file.read_text()
    sandbox.config_file.write_text(text.replace('device = "cong-1"', 'device = "cong-1"\nlanguage = "en"'))
    result = run(sandbox, tmp_path, np.asarray(scene(code_picture("HUE1:DARK")) // 6, np.uint8))
    assert "put light on the place" in result.output


def test_the_saved_image_has_no_readable_code_and_the_output_no_code_text(sandbox: Sandbox, tmp_path: Path) -> None:
    image = tmp_path / "kept" / "seen.png"
    image.parent.mkdir()
    result = run(sandbox, tmp_path, scene(code_picture("HUE1:SECRET", module_px=8)), "--picture", str(image))
    assert decode_image(load_luma(image)) == ()
    assert "SECRET" not in result.output
