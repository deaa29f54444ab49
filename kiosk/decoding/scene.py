"""One frame under examination: what several stages need of it is made once, and only when the first of them asks."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.decoding.locate.finder_patterns import Finder, find_finders
from kiosk.decoding.locate.grid import Grid, lay_grids
from kiosk.decoding.locate.regions import Region, textured_regions

REGIONS = 2
_LEAST_EVIDENCE = 0.55  # on pictures without a code, the likeliest finder pattern stays below in 19 of 20


@dataclass(frozen=True, slots=True)
class Aspect:
    """One way of looking into one region."""

    region: int = 0
    """Rank of the region."""
    inverted: bool = False
    """Light for dark."""
    fine: bool = False
    """Only the smallest modules, whatever the region's size."""


class Scene:
    """Lives as long as one frame; one thread."""

    def __init__(self, luma: Luma) -> None:
        self.luma = luma
        self._finders: dict[Aspect, list[Finder]] = {}
        self._grids: dict[Aspect, list[Grid]] = {}

    @cached_property
    def half(self) -> Luma:
        """The frame at half its size."""
        height, width = self.luma.shape
        size = (max(1, width // 2), max(1, height // 2))
        return np.asarray(cv2.resize(self.luma, size, interpolation=cv2.INTER_AREA), np.uint8)

    @cached_property
    def regions(self) -> list[Region]:
        """Where a code may be, likeliest first."""
        return textured_regions(self.half, REGIONS)

    def region(self, rank: int) -> Region | None:
        """The region of that rank, where there is one."""
        return self.regions[rank] if rank < len(self.regions) else None

    def cut(self, view: Aspect) -> Luma:
        """The region's pixels, light for dark where asked."""
        cut = self.regions[view.region].cut(self.luma)
        return np.asarray(cv2.bitwise_not(cut), np.uint8) if view.inverted else cut

    def finders(self, view: Aspect) -> list[Finder]:
        """Finder patterns of a region, likeliest first."""
        if view not in self._finders:
            self._finders[view] = find_finders(self.cut(view), fine=view.fine)
        return self._finders[view]

    def grids(self, view: Aspect) -> list[Grid]:
        """Grids laid over a region, best first."""
        if view not in self._grids:
            self._grids[view] = lay_grids(self.cut(view), self.finders(view))
        return self._grids[view]

    def promising(self, rank: int) -> bool:
        """Whether something like a finder pattern is in the region: worth more than a cheap look."""
        return any(finder.likeness >= _LEAST_EVIDENCE for finder in self.finders(Aspect(rank)))
