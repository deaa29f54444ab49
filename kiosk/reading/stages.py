"""The stages of the cascade: each prepares a picture in its own way and hands it to an engine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np

from kiosk.reading import zxing
from kiosk.reading.bent import STIFF, SUPPLE, bent_values
from kiosk.reading.equaliser import module_values, read_modules
from kiosk.reading.scene import Scene
from kiosk.reading.zbar import Zbar
from kiosk.reading.zxing import Found, Placing

_COMFORTABLE_PX = 4.5  # per module, for an engine
_LARGEST_ENLARGED_PX = 640_000
_LARGEST_ZBAR_PX = 250_000
_GOOD_FIT = 0.93
_LARGEST_BENT_VERSION = 12
_STRONG = 7.0  # times the frame's median detail: half of the regions without a code have less than 4, with a code more than 13


@dataclass(frozen=True, slots=True)
class Stage:
    """One way to look at a frame. `run` may yield several looks, each named in its readings."""

    name: str
    run: Callable[[Scene], Iterator[Found]]


def plain(scene: Scene) -> Found:
    """The light stage: zxing-cpp on the frame as it is. Reads four frames of five, and sees every code in view."""
    return zxing.scan(scene.luma, "zxing")


def heavy_stages() -> tuple[Stage, ...]:
    """In the order of what they read that others do not, per CPU time."""
    zbar = Zbar()
    return (
        Stage("grid", lambda scene: _grid(scene, 0)),
        Stage("enlarged", lambda scene: _enlarged(scene, 0)),
        Stage("bent", lambda scene: _bent(scene, 0)),
        Stage("zbar", lambda scene: _zbar(scene, zbar)),
        Stage("second", lambda scene: chain(_grid(scene, 1), _enlarged(scene, 1))),
        Stage("inverted", lambda scene: _grid(scene, 0, inverted=True)),
    )


def _grid(scene: Scene, number: int, *, inverted: bool = False) -> Iterator[Found]:
    """Our own grid and equaliser; two equalisers of different reach are two looks."""
    region = scene.region(number)
    if region is None or ((number or inverted) and region.strength < _STRONG):
        return
    placing = Placing(1.0, float(region.left), float(region.top))
    cut = scene.cut(number, inverted=inverted)
    for grid in scene.grids(number, inverted=inverted):
        for reach, stage in ((3, "grid"), (2, "grid-near")):
            values = module_values(cut, grid, reach)
            found = read_modules(values > 0, grid, stage, placing)
            if found.readings:
                yield found


def _bent(scene: Scene, number: int) -> Iterator[Found]:
    """Cloth and bent paper: the grid fits what is known of the symbol, and yet the modules could not be read."""
    region = scene.region(number)
    if region is None:
        return
    placing = Placing(1.0, float(region.left), float(region.top))
    for grid in scene.grids(number):
        if grid.fit >= _GOOD_FIT and grid.version <= _LARGEST_BENT_VERSION:
            for windows, stage in ((SUPPLE, "bent"), (STIFF, "bent-stiff")):
                values = bent_values(scene.cut(number), grid, windows)
                yield read_modules(values > 0, grid, stage, placing)


def _enlarged(scene: Scene, number: int) -> Iterator[Found]:
    """zxing-cpp on a region at a comfortable size, sharpened."""
    region = scene.region(number)
    if region is None or (number and region.strength < _STRONG) or not scene.promising(number):
        return
    cut = scene.cut(number)
    module_px = scene.finders(number)[0].module_px
    scale = min(max(_COMFORTABLE_PX / module_px, 1.0), (_LARGEST_ENLARGED_PX / cut.size) ** 0.5, 2.5)
    big = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    placing = Placing(1 / scale, float(region.left), float(region.top))
    yield zxing.scan(np.asarray(big, np.uint8), "enlarged", placing=placing, try_downscale=False)
    soft = cv2.GaussianBlur(big, (0, 0), 1.2 * scale)
    sharp = cv2.addWeighted(big, 3.0, soft, -2.0, 0)
    yield zxing.scan(np.asarray(sharp, np.uint8), "sharpened", placing=placing, try_downscale=False)


def _zbar(scene: Scene, zbar: Zbar) -> Iterator[Found]:
    region = scene.region(0)
    if region is not None and scene.promising(0) and (cut := scene.cut(0)).size <= _LARGEST_ZBAR_PX:
        yield Found(zbar.scan(cut, "zbar", Placing(1.0, float(region.left), float(region.top))))
