"""Decodes one still image: no time budget, all stages. Slow results need two stages or a known format."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2

from kiosk.core.frame import Luma
from kiosk.core.model import DecodedCode
from kiosk.decoding.cascade import LARGEST_SIDE_PX, no_known_format
from kiosk.decoding.confirmation import CodeConfirmation, unique_codes
from kiosk.decoding.engines.zxing import ImagePlacement, ScanResult
from kiosk.decoding.scene import Scene
from kiosk.decoding.stages import make_beside_stage, make_slow_stages, run_fast_stage

_CAPTURED_S = 0.0
_CAMERA_SIDE_PX, _MIN_SIDE_PX = 1300, 400
"""The stages are made for camera frames. A larger photo is also decoded at half size, again and again down to the second value."""


def decode_image(luma: Luma, *, is_known_format: Callable[[bytes], bool] = no_known_format) -> tuple[DecodedCode, ...]:
    """All distinct codes in an image (uint8, height x width). Never raises, whatever the image."""
    if luma.ndim != 2 or not luma.size:
        return ()
    cv2.setNumThreads(1)
    scene, scale = Scene(luma), 1.0
    while max(scene.luma.shape) > LARGEST_SIDE_PX:
        scene, scale = Scene(scene.half), scale * 2
    confirmation = CodeConfirmation(is_known_format)
    fast = run_fast_stage(scene)
    readings = tuple(_scale_to_full_size(reading, scale) for reading in fast.codes)
    if readings:
        believed = confirmation.accept_fast(readings, _CAPTURED_S)
        for found in make_beside_stage(fast.codes).run(scene):
            beside = (_scale_to_full_size(reading, scale) for reading in found.codes)
            believed += confirmation.confirm_slow(beside, _CAPTURED_S)
        return unique_codes(believed)
    for found in _run_slow_stages(scene, scale):
        believed = confirmation.confirm_slow(found.codes, _CAPTURED_S)
        if believed:
            return believed
    return ()


def _run_slow_stages(scene: Scene, scale: float) -> Iterator[ScanResult]:
    for stage in make_slow_stages():
        for found in stage.run(scene):
            yield ScanResult(tuple(_scale_to_full_size(reading, scale) for reading in found.codes))
    side = max(scene.luma.shape)
    if side * scale > _CAMERA_SIDE_PX and side > 2 * _MIN_SIDE_PX:
        smaller = Scene(scene.half)
        yield ScanResult(
            tuple(
                _scale_to_full_size(replace(reading, stage="half"), 2 * scale)
                for reading in run_fast_stage(smaller).codes
            )
        )
        yield from _run_slow_stages(smaller, 2 * scale)


def _scale_to_full_size(reading: DecodedCode, scale: float) -> DecodedCode:
    if scale == 1.0 or reading.corners is None:
        return reading
    module_px = reading.module_px and reading.module_px * scale
    return replace(reading, corners=ImagePlacement(scale).to_frame(reading.corners), module_px=module_px)
