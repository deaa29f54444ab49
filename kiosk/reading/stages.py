"""The stages of the cascade: each prepares a picture in its own way and hands it to an engine."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from kiosk.model import Corners, Luma, Reading
from kiosk.reading import zxing
from kiosk.reading.zbar import Zbar

Run = Callable[[Luma, tuple[Corners, ...]], zxing.Found]
_REGION_MARGIN = 0.35
_LARGEST_REGION_PX = 700


@dataclass(frozen=True, slots=True)
class Stage:
    """One way to look at a frame: `run(luma, hints)` where hints are frame corners of codes seen and not read."""

    name: str
    heavy: bool
    """What only a heavy stage read needs a second witness."""
    run: Run
    needs_hint: bool = False


def _plain(luma: Luma, _: tuple[Corners, ...]) -> zxing.Found:
    return zxing.scan(luma, "zxing")


def _half(luma: Luma, _: tuple[Corners, ...]) -> zxing.Found:
    height, width = luma.shape
    small = cv2.resize(luma, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    return zxing.scan(np.asarray(small, np.uint8), "half", placing=zxing.Placing(2.0), try_downscale=False)


def _unsharp(luma: Luma, _: tuple[Corners, ...]) -> zxing.Found:
    soft = cv2.GaussianBlur(luma, (0, 0), 1.5)
    sharp = cv2.addWeighted(luma, 2.5, soft, -1.5, 0)
    return zxing.scan(np.asarray(sharp, np.uint8), "unsharp", try_downscale=False)


def _region(luma: Luma, hints: tuple[Corners, ...]) -> zxing.Found:
    readings: list[Reading] = []
    for x0, y0, x1, y1 in _boxes(hints, luma.shape):
        crop = luma[y0:y1, x0:x1]
        big = cv2.resize(crop, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC)
        found = zxing.scan(
            np.asarray(big, np.uint8), "region", placing=zxing.Placing(0.5, float(x0), float(y0)), try_downscale=False
        )
        readings.extend(found.readings)
    return zxing.Found(tuple(readings))


def _boxes(hints: Iterable[Corners], shape: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """Boxes around the hints with a margin, largest first, at most three."""
    height, width = shape
    boxes = []
    for corners in hints:
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        side = max(max(xs) - min(xs), max(ys) - min(ys), 1.0)
        margin = side * _REGION_MARGIN + 8
        x0, y0 = max(0, int(min(xs) - margin)), max(0, int(min(ys) - margin))
        x1, y1 = min(width, int(max(xs) + margin)), min(height, int(max(ys) + margin))
        if x1 > x0 and y1 > y0 and max(x1 - x0, y1 - y0) <= _LARGEST_REGION_PX:
            boxes.append((x0, y0, x1, y1))
    boxes.sort(key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))
    return boxes[:3]


def light_stages() -> tuple[Stage, ...]:
    """Run on every searched frame, in this order, until one reads."""
    return (Stage("zxing", heavy=False, run=_plain), Stage("half", heavy=False, run=_half))


def heavy_stages() -> tuple[Stage, ...]:
    """Run as the budget allows, in turn; zbar last, at ten times the cost of zxing."""
    zbar = Zbar()
    return (
        Stage("region", heavy=True, run=_region, needs_hint=True),
        Stage("unsharp", heavy=True, run=_unsharp),
        Stage("zbar", heavy=True, run=lambda luma, _: zxing.Found(zbar.scan(luma, "zbar"))),
    )
