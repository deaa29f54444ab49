"""`kiosk doctor camera`: check aim, light and focus with the decoder of the daemon, and say what to change."""

import sys
from pathlib import Path

import click

from kiosk import config
from kiosk.app.builders.hardware import build_camera
from kiosk.core.frame import Frame
from kiosk.core.model import DecodeResult, FrameQuality
from kiosk.core.ports import Camera
from kiosk.decoding import Cascade
from kiosk.decoding.preview.aiming import aiming_advice
from kiosk.decoding.preview.image_files import save_masked_image
from kiosk.system.number_format import format_number
from kiosk.system.translations import Translator, translator


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
    camera_settings = settings.camera if source is None else settings.camera.model_copy(update={"source": source})
    frame, result = _capture_until_decoded(build_camera(camera_settings), frames, camera_settings.timeout_s)
    quality, module_px = result.frame_quality, _module_px(result)
    assert quality is not None, "a camera gives frames that have pixels"
    height, width = frame.luma.shape
    t = translator(settings.site.language)
    click.echo(_format_quality(t, quality, module_px, (width, height)))
    advice = aiming_advice(quality, module_px)
    for each in advice:
        mark = click.style("pass ", fg="green") if each.is_ok else click.style("warn ", fg="yellow")
        click.echo(mark + t(f"aiming-advice.{each}"))
    if picture is not None:
        save_masked_image(frame.luma, [reading.corners for reading in result.codes if reading.corners], picture)
        click.echo(f"{picture}")
    sys.exit(0 if all(each.is_ok for each in advice) else 1)


def _capture_until_decoded(driver: Camera, frames: int, timeout_s: float) -> tuple[Frame, DecodeResult]:
    """The first frame with a code in it, or the last one."""
    cascade = Cascade(motion_gate=False, is_known_format=lambda _: True)
    driver.open()
    try:
        for _ in range(frames):
            frame = driver.capture(timeout_s)
            result = cascade.decode(frame)
            if result.codes:
                break
        return Frame(frame.luma.copy(), frame.number, frame.captured_s), result
    finally:
        driver.close()


def _module_px(result: DecodeResult) -> float | None:
    return next((reading.module_px for reading in result.codes if reading.module_px is not None), None)


def _format_quality(t: Translator, quality: FrameQuality, module_px: float | None, size: tuple[int, int]) -> str:
    return t(
        "doctor.frame-quality",
        width=size[0],
        height=size[1],
        luma=format_number(t, quality.mean_luma),
        contrast=format_number(t, quality.contrast),
        sharpness=format_number(t, quality.sharpness),
        module="-" if module_px is None else f"{format_number(t, module_px, 1)} px",
    )
