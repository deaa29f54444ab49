"""The stages of the cascade: each prepares an image in its own way and passes it to an engine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import cv2
import numpy as np

from kiosk.core.model import DecodedCode
from kiosk.decoding.engines import zxing
from kiosk.decoding.engines.dewarp import FLEXIBLE_WINDOWS, RIGID_WINDOWS, dewarped_modules
from kiosk.decoding.engines.equaliser import decode_modules, equalised_modules
from kiosk.decoding.engines.zbar import ZbarScanner
from kiosk.decoding.engines.zxing import ScanResult
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

_EQUALISERS = ((False, 3, "grid"), (False, 2, "grid-near"), (True, 3, "grid"), (True, 2, "grid-near"))
_INVERTED_STRENGTH = 12.0
_REDUCED_STRENGTH = 5.0  # a close code that no other stage reads stands out in the reduced frame


@dataclass(frozen=True, slots=True)
class Stage:
    """One way to decode a frame. `run` may yield several results. Each code carries its own stage name."""

    name: str
    run: Callable[[Scene], Iterator[ScanResult]]


def run_fast_stage(scene: Scene) -> ScanResult:
    """zxing-cpp on the unchanged frame, and on inverted regions outside the codes found, for codes in dark mode."""
    found = zxing.scan_qr_codes(scene.luma, scene.stage("zxing"), placement=scene.whole, try_invert=False)
    rest = scene.beside(found.codes)
    dark = [code for rank in range(len(rest.regions)) for code in _scan_inverted(rest, rank).codes] if rest else []
    return ScanResult((*found.codes, *dark))


def _scan_inverted(scene: Scene, rank: int) -> ScanResult:
    return zxing.scan_qr_codes(
        scene.crop(RegionView(rank, inverted=True, plain=True)),
        scene.stage("zxing"),
        placement=scene.placement(rank),
        try_invert=False,
    )


def make_slow_stages() -> tuple[Stage, ...]:
    """The slow stages, ordered by the codes that only they read per CPU time. All are cheap if nothing looks like a code."""
    zbar = ZbarScanner()
    return (
        Stage("grid", lambda scene: _decode_grid(scene, RegionView())),
        Stage("half", lambda scene: _decode_again(scene.reduced)),
        Stage("fine", _decode_fine),
        Stage("enlarged", lambda scene: _decode_enlarged(scene, 0)),
        Stage("bent", _decode_dewarped),
        Stage("zbar", lambda scene: _decode_zbar(scene, zbar)),
        Stage("second", lambda scene: chain(_decode_grid(scene, RegionView(1)), _decode_enlarged(scene, 1))),
        Stage("inverted", _decode_inverted),
        Stage("quarter", _decode_quarter),
    )


def _is_worth_decoding(scene: Scene, view: RegionView) -> bool:
    """Whether the region exists and, for other views than the first, stands out clearly."""
    region = scene.region(view.rank)
    if region is None:
        return False
    if view != RegionView():
        return region.strength >= _HIGH_STRENGTH
    return not scene.level or region.strength >= _REDUCED_STRENGTH


def _decode_grid(scene: Scene, view: RegionView) -> Iterator[ScanResult]:
    """Our own grid with two equalisers of different radius, on evened and on plain pixels. Each gives a result."""
    if not _is_worth_decoding(scene, view):
        return
    placing = scene.placement(view.rank)
    for grid in scene.grids(view):
        for plain, reach, stage in _EQUALISERS:
            cut = scene.crop(replace(view, plain=plain))
            found = decode_modules(equalised_modules(cut, grid, reach) > 0, grid, scene.stage(stage), placing)
            if found.codes:
                yield found


def _decode_again(scene: Scene) -> Iterator[ScanResult]:
    """The stages that read most, on the reduced frame."""
    if _is_worth_decoding(scene, RegionView()):
        yield from _decode_grid(scene, RegionView())
        yield _scan_inverted(scene, 0)
        if scene.has_finder(0):
            yield from _decode_enlarged(scene, 0)
            yield from _decode_dewarped(scene)


def _decode_quarter(scene: Scene) -> Iterator[ScanResult]:
    """Very close codes. They also stand out at half size."""
    if _is_worth_decoding(scene.reduced, RegionView()):
        yield from _decode_again(scene.reduced.reduced)


def make_beside_stage(codes: Sequence[DecodedCode]) -> Stage:
    """Looks for a further code, outside the codes that the fast stage found. Two codes in view are not the same as one."""

    def run(scene: Scene) -> Iterator[ScanResult]:
        rest = scene.beside(codes)
        if rest is not None and rest.region(0) is not None and rest.regions[0].strength >= _HIGH_STRENGTH:
            yield from _decode_grid(rest, RegionView())

    return Stage("beside", run)


def _decode_fine(scene: Scene) -> Iterator[ScanResult]:
    """Small modules in a large region, for which the first search of the region was too coarse."""
    if not scene.regions:
        return
    cut = scene.crop(RegionView())
    if max(cut.shape) > MAX_FINE_SIDE_PX and cut.size <= _MAX_FINE_PX:
        yield from _decode_grid(scene, RegionView(fine=True))


def _decode_inverted(scene: Scene) -> Iterator[ScanResult]:
    """Blurred dark mode: tried if nothing in a region that stands out far looks like a finder pattern."""
    region = scene.region(0)
    if region is not None and region.strength >= _INVERTED_STRENGTH and not scene.has_finder(0):
        yield from _decode_grid(scene, RegionView(inverted=True, plain=True))


def _decode_dewarped(scene: Scene) -> Iterator[ScanResult]:
    """Cloth and bent paper: the grid fits the known modules, but the code could not be read."""
    if not scene.regions:
        return
    for grid in scene.grids(RegionView()):
        if grid.fit >= _MIN_DEWARP_FIT and grid.version <= _MAX_DEWARP_VERSION:
            for windows, stage in ((RIGID_WINDOWS, "bent-stiff"), (FLEXIBLE_WINDOWS, "bent")):
                values = dewarped_modules(scene.crop(RegionView()), grid, windows)
                found = decode_modules(values > 0, grid, scene.stage(stage), scene.placement(0))
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
    placing = scene.placement(rank, 1 / scale)
    yield zxing.scan_qr_codes(
        np.asarray(big, np.uint8), scene.stage("enlarged"), placement=placing, try_downscale=False
    )
    soft = cv2.GaussianBlur(big, (0, 0), 1.2 * scale)
    sharp = cv2.addWeighted(big, 3.0, soft, -2.0, 0)
    yield zxing.scan_qr_codes(
        np.asarray(sharp, np.uint8), scene.stage("sharpened"), placement=placing, try_downscale=False
    )


def _decode_zbar(scene: Scene, zbar: ZbarScanner) -> Iterator[ScanResult]:
    if scene.regions and scene.crop(RegionView()).size <= _MAX_ZBAR_PX and scene.has_finder(0):
        yield ScanResult(zbar.scan(scene.crop(RegionView()), scene.stage("zbar"), scene.placement(0)))
