"""`kiosk doctor camera`: look through the camera as the daemon would, and say what to change."""

import sys
from pathlib import Path

import click

from kiosk import config
from kiosk.core.frame import Frame
from kiosk.core.model import DecodeResult, FrameQuality
from kiosk.core.ports import Camera
from kiosk.decoding import Cascade
from kiosk.decoding.preview.aiming import aiming_advice
from kiosk.decoding.preview.image_files import save_masked_image
from kiosk.hardware.cameras.factory import open_camera


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, help="Configuration file."
)
@click.option("--camera", "source", default=None, help="Another camera than the configured one, such as webcam:0.")
@click.option(
    "--frames", default=60, show_default=True, type=click.IntRange(1, 1000), help="Look at no more frames than this."
)
@click.option(
    "--picture", type=click.Path(path_type=Path), default=None, help="Write a coarse picture of the view here (PNG)."
)
def camera(path: Path, source: str | None, frames: int, picture: Path | None) -> None:
    """Check aim, light and focus. Hold up a card with a code while it runs. It ends when the code was read.

    The kiosk must not be running, because a camera serves one program. Exit status 1 when something has to be changed.
    """
    settings = config.load_settings(path)
    wanted = settings.camera if source is None else settings.camera.model_copy(update={"source": source})
    frame, sight = _capture_until_decoded(open_camera(wanted), frames, wanted.timeout_s)
    view, module_px = sight.frame_quality, _module_px(sight)
    assert view is not None, "a camera gives frames that have pixels"
    height, width = frame.luma.shape
    click.echo(_format_quality(view, module_px, (width, height), settings.site.language))
    sentences = aiming_advice(view, module_px)
    for each in sentences:
        mark = click.style("pass ", fg="green") if each.is_ok else click.style("warn ", fg="yellow")
        click.echo(mark + (each.vi if settings.site.language == "vi" else each.en))
    if picture is not None:
        save_masked_image(frame.luma, [reading.corners for reading in sight.codes if reading.corners], picture)
        click.echo(f"{picture}")
    sys.exit(0 if all(each.is_ok for each in sentences) else 1)


def _capture_until_decoded(driver: Camera, frames: int, timeout_s: float) -> tuple[Frame, DecodeResult]:
    """The first frame with a code in it, or the last one."""
    cascade = Cascade(motion_gate=False, is_known_format=lambda _: True)
    driver.open()
    try:
        for _ in range(frames):
            frame = driver.capture(timeout_s)
            sight = cascade.decode(frame)
            if sight.codes:
                break
        return Frame(frame.luma.copy(), frame.number, frame.captured_s), sight
    finally:
        driver.close()


def _module_px(result: DecodeResult) -> float | None:
    return next((reading.module_px for reading in result.codes if reading.module_px is not None), None)


def _format_quality(quality: FrameQuality, module_px: float | None, size: tuple[int, int], language: str) -> str:
    module = "-" if module_px is None else f"{module_px:.1f} px"
    numbers = (
        f"{size[0]}x{size[1]}",
        f"{quality.mean_luma:.0f}",
        f"{quality.contrast:.0f}",
        f"{quality.sharpness:.0f}",
        module,
    )
    if language == "vi":
        return "Hình {}; độ sáng {} / 255; tương phản {}; độ nét {}; một ô của mã: {}.".format(*numbers)
    return "Picture {}; light {} of 255; contrast {}; sharpness {}; one module of the code: {}.".format(*numbers)
