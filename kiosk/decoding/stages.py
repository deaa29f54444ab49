"""The stages of the cascade: each prepares a picture in its own way and hands it to an engine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np

from kiosk.decoding.engines import zxing
from kiosk.decoding.engines.dewarp import STIFF, SUPPLE, bent_values
from kiosk.decoding.engines.equaliser import module_values, read_modules
from kiosk.decoding.engines.zbar import Zbar
from kiosk.decoding.engines.zxing import Found, Placing
from kiosk.decoding.locate.finder_patterns import LARGEST_SIDE_FINE_PX
from kiosk.decoding.scene import Aspect, Scene

_COMFORTABLE_PX = 4.5  # per module, for an engine
_LARGEST_ENLARGED_PX = 640_000
_LARGEST_FINE_PX = 350_000
_LARGEST_ZBAR_PX = 160_000
_FLAT_FIT = 0.93  # a grid that fits so well is not blurred: what cannot be read is bent, or torn
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
    """In the order of what they read that others do not, per CPU time. None costs much where nothing looks like a code."""
    zbar = Zbar()
    return (
        Stage("grid", lambda scene: _grid(scene, Aspect())),
        Stage("fine", _fine),
        Stage("enlarged", lambda scene: _enlarged(scene, 0)),
        Stage("bent", _bent),
        Stage("zbar", lambda scene: _zbar(scene, zbar)),
        Stage("second", lambda scene: chain(_grid(scene, Aspect(1)), _enlarged(scene, 1))),
        Stage("inverted", _inverted),
    )


def _placing(scene: Scene, rank: int, scale: float = 1.0) -> Placing:
    region = scene.regions[rank]
    return Placing(scale, float(region.left), float(region.top))


def _worthwhile(scene: Scene, view: Aspect) -> bool:
    """Whether there is such a region, and for second thoughts, whether it stands out."""
    region = scene.region(view.region)
    second_thought = view != Aspect()
    return region is not None and (region.strength >= _STRONG or not second_thought)


def _grid(scene: Scene, view: Aspect) -> Iterator[Found]:
    """Our own grid and equaliser; two equalisers of different reach are two looks."""
    if not _worthwhile(scene, view):
        return
    cut, placing = scene.cut(view), _placing(scene, view.region)
    for grid in scene.grids(view):
        for reach, stage in ((3, "grid"), (2, "grid-near")):
            found = read_modules(module_values(cut, grid, reach) > 0, grid, stage, placing)
            if found.readings:
                yield found


def _fine(scene: Scene) -> Iterator[Found]:
    """Small modules in a large region, for which the first search of the region was too coarse."""
    if not scene.regions:
        return
    cut = scene.cut(Aspect())
    if max(cut.shape) > LARGEST_SIDE_FINE_PX and cut.size <= _LARGEST_FINE_PX:
        yield from _grid(scene, Aspect(fine=True))


def _inverted(scene: Scene) -> Iterator[Found]:
    """Dark mode, where nothing in the region looks like a finder pattern as it is."""
    if scene.regions and not scene.promising(0):
        yield from _grid(scene, Aspect(inverted=True))


def _bent(scene: Scene) -> Iterator[Found]:
    """Cloth and bent paper: the grid fits what is known of the symbol, and yet the modules could not be read."""
    if not scene.regions:
        return
    for grid in scene.grids(Aspect()):
        if grid.fit >= _FLAT_FIT and grid.version <= _LARGEST_BENT_VERSION:
            for windows, stage in ((STIFF, "bent-stiff"), (SUPPLE, "bent")):
                values = bent_values(scene.cut(Aspect()), grid, windows)
                found = read_modules(values > 0, grid, stage, _placing(scene, 0))
                if not found.readings:
                    break  # the second is a witness
                yield found


def _enlarged(scene: Scene, rank: int) -> Iterator[Found]:
    """zxing-cpp on a region at a comfortable size, as it is and sharpened."""
    if not _worthwhile(scene, Aspect(rank)) or not scene.promising(rank):
        return
    cut = scene.cut(Aspect(rank))
    module_px = scene.finders(Aspect(rank))[0].module_px
    scale = min(max(_COMFORTABLE_PX / module_px, 1.0), (_LARGEST_ENLARGED_PX / cut.size) ** 0.5, 2.5)
    big = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    placing = _placing(scene, rank, 1 / scale)
    yield zxing.scan(np.asarray(big, np.uint8), "enlarged", placement=placing, try_downscale=False)
    soft = cv2.GaussianBlur(big, (0, 0), 1.2 * scale)
    sharp = cv2.addWeighted(big, 3.0, soft, -2.0, 0)
    yield zxing.scan(np.asarray(sharp, np.uint8), "sharpened", placement=placing, try_downscale=False)


def _zbar(scene: Scene, zbar: Zbar) -> Iterator[Found]:
    if scene.regions and scene.cut(Aspect()).size <= _LARGEST_ZBAR_PX and scene.promising(0):
        yield Found(zbar.scan(scene.cut(Aspect()), "zbar", _placing(scene, 0)))
