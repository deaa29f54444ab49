"""One frame during decoding: intermediate results shared by several stages, computed on first use."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.decoding.locate.finder_patterns import FinderPattern, find_finder_patterns
from kiosk.decoding.locate.grid import Grid, fit_grids
from kiosk.decoding.locate.regions import Region, textured_regions

MAX_REGIONS = 2
_MIN_FINDER_SCORE = 0.55  # in 19 of 20 images without a code the best finder pattern scores lower


@dataclass(frozen=True, slots=True)
class RegionView:
    """One way to look at one region."""

    rank: int = 0
    inverted: bool = False
    fine: bool = False
    """Small modules only, whatever the size of the region."""


class Scene:
    """Exists for one frame. One thread."""

    def __init__(self, luma: Luma) -> None:
        self.luma = luma
        self._finders: dict[RegionView, list[FinderPattern]] = {}
        self._grids: dict[RegionView, list[Grid]] = {}

    @cached_property
    def half(self) -> Luma:
        """The frame at half size."""
        height, width = self.luma.shape
        size = (max(1, width // 2), max(1, height // 2))
        return np.asarray(cv2.resize(self.luma, size, interpolation=cv2.INTER_AREA), np.uint8)

    @cached_property
    def regions(self) -> list[Region]:
        """Regions that may contain a code, best first."""
        return textured_regions(self.half, MAX_REGIONS)

    def region(self, rank: int) -> Region | None:
        """The region with this rank, or None."""
        return self.regions[rank] if rank < len(self.regions) else None

    def crop(self, view: RegionView) -> Luma:
        """The region's pixels, inverted if the view says so."""
        cut = self.regions[view.rank].crop(self.luma)
        return np.asarray(cv2.bitwise_not(cut), np.uint8) if view.inverted else cut

    def finders(self, view: RegionView) -> list[FinderPattern]:
        """Finder patterns of a region, best first."""
        if view not in self._finders:
            self._finders[view] = find_finder_patterns(self.crop(view), fine=view.fine)
        return self._finders[view]

    def grids(self, view: RegionView) -> list[Grid]:
        """Grids fitted to a region, best first."""
        if view not in self._grids:
            self._grids[view] = fit_grids(self.crop(view), self.finders(view))
        return self._grids[view]

    def has_finder(self, rank: int) -> bool:
        """Whether the region contains something like a finder pattern, so that expensive stages are worthwhile."""
        return any(finder.score >= _MIN_FINDER_SCORE for finder in self.finders(RegionView(rank)))
