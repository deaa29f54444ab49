"""Reading one still picture: no budget, every stage; what heavy stages read needs two of them, or a known grammar."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2

from kiosk.core.frame import Luma
from kiosk.core.model import DecodedCode
from kiosk.decoding.cascade import LARGEST_SIDE_PX, nothing_known
from kiosk.decoding.confirmation import Witnesses
from kiosk.decoding.engines.zxing import Found, Placing
from kiosk.decoding.scene import Scene
from kiosk.decoding.stages import heavy_stages, plain

_ONE_PICTURE_S = 0.0
_CAMERA_SIDE_PX, _LEAST_SIDE_PX = 1300, 400
"""Stages are made for camera frames; a larger photograph is looked at once more at half its size, and again, down to the second."""


def read_picture(luma: Luma, *, is_known_format: Callable[[bytes], bool] = nothing_known) -> tuple[DecodedCode, ...]:
    """All distinct codes in a picture (uint8, height x width). Never raises on any picture."""
    if luma.ndim != 2 or not luma.size:
        return ()
    cv2.setNumThreads(1)
    scene, scale = Scene(luma), 1.0
    while max(scene.luma.shape) > LARGEST_SIDE_PX:
        scene, scale = Scene(scene.half), scale * 2
    witnesses = Witnesses(is_known_format)
    readings = tuple(_enlarged(reading, scale) for reading in plain(scene).readings)
    if readings:
        return witnesses.of_light(readings, _ONE_PICTURE_S)
    for found in _heavy_looks(scene, scale):
        believed = witnesses.of_heavy(found.readings, _ONE_PICTURE_S)
        if believed:
            return believed
    return ()


def _heavy_looks(scene: Scene, scale: float) -> Iterator[Found]:
    for stage in heavy_stages():
        for found in stage.run(scene):
            yield Found(tuple(_enlarged(reading, scale) for reading in found.readings))
    side = max(scene.luma.shape)
    if side * scale > _CAMERA_SIDE_PX and side > 2 * _LEAST_SIDE_PX:
        smaller = Scene(scene.half)
        yield Found(tuple(_enlarged(replace(reading, stage="half"), 2 * scale) for reading in plain(smaller).readings))
        yield from _heavy_looks(smaller, 2 * scale)


def _enlarged(reading: DecodedCode, scale: float) -> DecodedCode:
    if scale == 1.0 or reading.corners is None:
        return reading
    module_px = reading.module_px and reading.module_px * scale
    return replace(reading, corners=Placing(scale).in_frame(reading.corners), module_px=module_px)
