"""One frame under examination: what several stages need of it is made once, and only when the first of them asks."""

from functools import cached_property

import cv2
import numpy as np

from kiosk.model import Luma
from kiosk.reading.finders import Finder, find_finders
from kiosk.reading.grid import Grid, lay_grids
from kiosk.reading.regions import Region, textured_regions

REGIONS = 2
_LEAST_EVIDENCE = 0.55  # on pictures without a code, the likeliest finder pattern stays below in 19 of 20


class Scene:
    """Lives as long as one frame; one thread."""

    def __init__(self, luma: Luma) -> None:
        self.luma = luma
        self._finders: dict[tuple[int, bool], list[Finder]] = {}
        self._grids: dict[tuple[int, bool], list[Grid]] = {}

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

    def region(self, number: int) -> Region | None:
        """The region of that rank, where there is one."""
        return self.regions[number] if number < len(self.regions) else None

    def cut(self, number: int, *, inverted: bool = False) -> Luma:
        """The region's pixels, light for dark where asked."""
        cut = self.regions[number].cut(self.luma)
        return np.asarray(cv2.bitwise_not(cut), np.uint8) if inverted else cut

    def finders(self, number: int, *, inverted: bool = False) -> list[Finder]:
        """Finder patterns of a region."""
        if (number, inverted) not in self._finders:
            self._finders[number, inverted] = find_finders(self.cut(number, inverted=inverted))
        return self._finders[number, inverted]

    def grids(self, number: int, *, inverted: bool = False) -> list[Grid]:
        """Grids laid over a region, best first."""
        if (number, inverted) not in self._grids:
            finders = self.finders(number, inverted=inverted)
            self._grids[number, inverted] = lay_grids(self.cut(number, inverted=inverted), finders)
        return self._grids[number, inverted]

    def promising(self, number: int) -> bool:
        """Whether something like a finder pattern is in the region: worth more than a cheap look."""
        return any(finder.likeness >= _LEAST_EVIDENCE for finder in self.finders(number))
