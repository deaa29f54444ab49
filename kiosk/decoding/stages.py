"""The stages of the cascade: each prepares an image in its own way and passes it to an engine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np

from kiosk.decoding.engines import zxing
from kiosk.decoding.engines.dewarp import FLEXIBLE_WINDOWS, RIGID_WINDOWS, dewarped_modules
from kiosk.decoding.engines.equaliser import decode_modules, equalised_modules
from kiosk.decoding.engines.zbar import ZbarScanner
from kiosk.decoding.engines.zxing import ImagePlacement, ScanResult
from kiosk.decoding.locate.finder_patterns import MAX_FINE_SIDE_PX
from kiosk.decoding.scene import RegionView, Scene

_TARGET_MODULE_PX = 4.5  # per module, for an engine
_MAX_ENLARGED_PX = 640_000
_MAX_FINE_PX = 350_000
_MAX_ZBAR_PX = 160_000
_MIN_DEWARP_FIT = 0.93  # a grid that fits this well is not blurred: a code that cannot be read is bent or torn
_MAX_DEWARP_VERSION = 12
_HIGH_STRENGTH = (
    7.0  # times the frame's median detail: half of the regions without a code are below 4, with a code above 13
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One way to decode a frame. `run` may yield several results. Each code carries its own stage name."""

    name: str
    run: Callable[[Scene], Iterator[ScanResult]]


def run_fast_stage(scene: Scene) -> ScanResult:
    """zxing-cpp on the unchanged frame. Reads four frames of five and finds all codes in view."""
    return zxing.scan_qr_codes(scene.luma, "zxing")


def make_slow_stages() -> tuple[Stage, ...]:
    """The slow stages, ordered by the codes that only they read per CPU time. All are cheap if nothing looks like a code."""
    zbar = ZbarScanner()
    return (
        Stage("grid", lambda scene: _decode_grid(scene, RegionView())),
        Stage("fine", _decode_fine),
        Stage("enlarged", lambda scene: _decode_enlarged(scene, 0)),
        Stage("bent", _decode_dewarped),
        Stage("zbar", lambda scene: _decode_zbar(scene, zbar)),
        Stage("second", lambda scene: chain(_decode_grid(scene, RegionView(1)), _decode_enlarged(scene, 1))),
        Stage("inverted", _decode_inverted),
    )


def _placement_of(scene: Scene, rank: int, scale: float = 1.0) -> ImagePlacement:
    region = scene.regions[rank]
    return ImagePlacement(scale, float(region.left), float(region.top))


def _is_worth_decoding(scene: Scene, view: RegionView) -> bool:
    """Whether the region exists and, for other views than the first, stands out clearly."""
    region = scene.region(view.rank)
    second_thought = view != RegionView()
    return region is not None and (region.strength >= _HIGH_STRENGTH or not second_thought)


def _decode_grid(scene: Scene, view: RegionView) -> Iterator[ScanResult]:
    """Our own grid with two equalisers of different radius. Each gives a result."""
    if not _is_worth_decoding(scene, view):
        return
    cut, placing = scene.crop(view), _placement_of(scene, view.rank)
    for grid in scene.grids(view):
        for reach, stage in ((3, "grid"), (2, "grid-near")):
            found = decode_modules(equalised_modules(cut, grid, reach) > 0, grid, stage, placing)
            if found.codes:
                yield found


def _decode_fine(scene: Scene) -> Iterator[ScanResult]:
    """Small modules in a large region, for which the first search of the region was too coarse."""
    if not scene.regions:
        return
    cut = scene.crop(RegionView())
    if max(cut.shape) > MAX_FINE_SIDE_PX and cut.size <= _MAX_FINE_PX:
        yield from _decode_grid(scene, RegionView(fine=True))


def _decode_inverted(scene: Scene) -> Iterator[ScanResult]:
    """Dark mode: tried if nothing in the region looks like a finder pattern."""
    if scene.regions and not scene.has_finder(0):
        yield from _decode_grid(scene, RegionView(inverted=True))


def _decode_dewarped(scene: Scene) -> Iterator[ScanResult]:
    """Cloth and bent paper: the grid fits the known modules, but the code could not be read."""
    if not scene.regions:
        return
    for grid in scene.grids(RegionView()):
        if grid.fit >= _MIN_DEWARP_FIT and grid.version <= _MAX_DEWARP_VERSION:
            for windows, stage in ((RIGID_WINDOWS, "bent-stiff"), (FLEXIBLE_WINDOWS, "bent")):
                values = dewarped_modules(scene.crop(RegionView()), grid, windows)
                found = decode_modules(values > 0, grid, stage, _placement_of(scene, 0))
                if not found.codes:
                    break  # the second result confirms the first
                yield found


def _decode_enlarged(scene: Scene, rank: int) -> Iterator[ScanResult]:
    """zxing-cpp on a region enlarged to a good module size, plain and sharpened."""
    if not _is_worth_decoding(scene, RegionView(rank)) or not scene.has_finder(rank):
        return
    cut = scene.crop(RegionView(rank))
    module_px = scene.finders(RegionView(rank))[0].module_px
    scale = min(max(_TARGET_MODULE_PX / module_px, 1.0), (_MAX_ENLARGED_PX / cut.size) ** 0.5, 2.5)
    big = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    placing = _placement_of(scene, rank, 1 / scale)
    yield zxing.scan_qr_codes(np.asarray(big, np.uint8), "enlarged", placement=placing, try_downscale=False)
    soft = cv2.GaussianBlur(big, (0, 0), 1.2 * scale)
    sharp = cv2.addWeighted(big, 3.0, soft, -2.0, 0)
    yield zxing.scan_qr_codes(np.asarray(sharp, np.uint8), "sharpened", placement=placing, try_downscale=False)


def _decode_zbar(scene: Scene, zbar: ZbarScanner) -> Iterator[ScanResult]:
    if scene.regions and scene.crop(RegionView()).size <= _MAX_ZBAR_PX and scene.has_finder(0):
        yield ScanResult(zbar.scan(scene.crop(RegionView()), "zbar", _placement_of(scene, 0)))
