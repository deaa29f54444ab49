"""One frame during decoding: intermediate results shared by several stages, computed on first use."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.core.model import DecodedCode
from kiosk.decoding.engines.zxing import ImagePlacement
from kiosk.decoding.locate.finder_patterns import FINE_SIZES, SIZES, FinderPattern, find_finder_patterns
from kiosk.decoding.locate.grid import Grid, fit_grids
from kiosk.decoding.locate.image_ops import Doubles, even_rows
from kiosk.decoding.locate.regions import SMALL_IMAGE_PX, Region, textured_regions

MAX_REGIONS = 2
_ROOM = 2.5  # a region reaches beyond its code by 40 px on each side
_GROWTH = 1.15  # two modules of the smallest code
_SUFFIXES = ("", "-half", "-quarter")
_MIN_FINDER_SCORE = 0.55  # in 19 of 20 images without a code the best finder pattern scores lower


@dataclass(frozen=True, slots=True)
class RegionView:
    """One way to look at one region."""

    rank: int = 0
    inverted: bool = False
    plain: bool = False
    """As the camera gave it, without the evening of rows."""
    fine: bool = False
    """Small modules only, whatever the size of the region."""


class Scene:
    """Exists for one frame. One thread."""

    def __init__(self, luma: Luma, *, level: int = 0) -> None:
        """`level`: how often the frame was halved to give `luma`."""
        self.luma = luma
        self.level = level
        self._cuts: dict[RegionView, Luma] = {}
        self._finders: dict[RegionView, list[FinderPattern]] = {}
        self._grids: dict[RegionView, list[Grid]] = {}
        self._beside: list[Scene | None] = []

    @cached_property
    def half(self) -> Luma:
        """The frame at half size."""
        height, width = self.luma.shape
        size = (max(1, width // 2), max(1, height // 2))
        return np.asarray(cv2.resize(self.luma, size, interpolation=cv2.INTER_AREA), np.uint8)

    @cached_property
    def reduced(self) -> "Scene":
        """The frame at half size, as a scene of its own. The modules of close codes then have a size that the stages know."""
        return Scene(self.half, level=self.level + 1)

    def stage(self, name: str) -> str:
        """The name of a stage in this scene."""
        return name + _SUFFIXES[self.level]

    @cached_property
    def regions(self) -> list[Region]:
        """Regions that may contain a code, best first."""
        return textured_regions(self.half, MAX_REGIONS, small_image_px=SMALL_IMAGE_PX if self.level < 2 else 0)

    def region(self, rank: int) -> Region | None:
        """The region with this rank, or None."""
        return self.regions[rank] if rank < len(self.regions) else None

    def placement(self, rank: int, scale: float = 1.0) -> ImagePlacement:
        """Where the region is in the frame. `scale`: size of a pixel of the image that was decoded, in pixels of the region."""
        region, size = self.regions[rank], 2.0**self.level
        return ImagePlacement(scale * size, region.left * size, region.top * size)

    @property
    def whole(self) -> ImagePlacement:
        """Where the image is in the frame."""
        return ImagePlacement(2.0**self.level)

    def beside(self, codes: Sequence[DecodedCode]) -> "Scene | None":
        """The same frame with the codes found painted over, or None if no region has room for a further code. Computed once."""
        if not codes:
            return self
        if not self._beside:
            corners = [np.array(code.corners) / 2.0**self.level for code in codes if code.corners]
            self._beside.append(self._painted_over(corners) if self._has_room_beside(corners) else None)
        return self._beside[0]

    def _has_room_beside(self, corners: list[Doubles]) -> bool:
        areas = [(points.mean(0), cv2.contourArea(points.astype(np.float32))) for points in corners]
        for region in self.regions:
            inside = sum(
                area for (x, y), area in areas if region.left <= x < region.right and region.top <= y < region.bottom
            )
            if (region.right - region.left) * (region.bottom - region.top) > _ROOM * inside:
                return True
        return False

    def _painted_over(self, corners: list[Doubles]) -> "Scene":
        luma, grey = self.luma.copy(), float(np.median(self.half[::16, ::16]))
        for points in corners:
            grown = points.mean(0) + (points - points.mean(0)) * _GROWTH
            polygon = np.rint(grown).astype(np.int32)
            cv2.fillConvexPoly(luma, polygon, grey)
        return Scene(luma, level=self.level)

    def crop(self, view: RegionView) -> Luma:
        """The region's pixels as the view says."""
        if view not in self._cuts:
            cut = self.regions[view.rank].crop(self.luma)
            if not view.plain:
                cut = even_rows(cut)
            self._cuts[view] = np.asarray(cv2.bitwise_not(cut), np.uint8) if view.inverted else cut
        return self._cuts[view]

    def finders(self, view: RegionView) -> list[FinderPattern]:
        """Finder patterns of a region, best first."""
        if view not in self._finders:
            sizes = FINE_SIZES if view.fine else SIZES[self.level]
            self._finders[view] = find_finder_patterns(self.crop(view), sizes)
        return self._finders[view]

    def grids(self, view: RegionView) -> list[Grid]:
        """Grids fitted to a region, best first."""
        if view not in self._grids:
            self._grids[view] = fit_grids(self.crop(view), self.finders(view))
        return self._grids[view]

    def has_finder(self, rank: int) -> bool:
        """Whether the region contains something like a finder pattern, so that expensive stages are worthwhile."""
        return any(finder.score >= _MIN_FINDER_SCORE for finder in self.finders(RegionView(rank)))
