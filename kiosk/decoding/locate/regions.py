"""Where in a frame a code may be: the areas that are textured through and through, strongest first.

A QR code is fine black and white everywhere inside its square, while edges, letters and faces are so only along lines. An erosion
of the map of local detail takes lines away and leaves such squares. On blurred, dark or noisy frames this finds the code where no
engine sees a finder pattern, for a tenth of what one engine call on the whole frame costs.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from kiosk.core.frame import Luma

CELL_PX = 8
_DETAIL_PX = 5  # half-size pixels: modules of 2 to 8 frame pixels differ from the mean over this square
_SOLID_CELLS = 7  # the smallest code of interest, 29 modules of 2 px, covers 7 cells
_MARGIN_CELLS = 2
_RELATIVE_FLOOR = 2.0
"""Every code that could be read on a separate seed stood out more; a third of the empty area does not."""
_SPREAD = 0.25
_SMALL_PICTURE_PX = 400
"""No camera frame is so small; a cut-out may be filled with one code, and then nothing stands out."""


@dataclass(frozen=True, slots=True)
class Region:
    """A box in frame pixels: rows top..bottom, columns left..right, ends excluded."""

    left: int
    top: int
    right: int
    bottom: int
    strength: float
    """Detail inside, as a multiple of the frame's median detail."""

    def cut(self, luma: Luma) -> Luma:
        """The region's pixels, a view into the frame."""
        return luma[self.top : self.bottom, self.left : self.right]


def textured_regions(half: Luma, max_count: int) -> list[Region]:
    """At most so many regions, in pixels of the whole frame; `half` is the frame at half its size."""
    height, width = half.shape
    if max(height, width) <= _SMALL_PICTURE_PX // 2:
        return [Region(0, 0, 2 * width, 2 * height, strength=float("inf"))]
    cells = (width // (CELL_PX // 2), height // (CELL_PX // 2))
    if min(cells) < _SOLID_CELLS:
        return []
    detail = cv2.absdiff(half, cv2.blur(half, (_DETAIL_PX, _DETAIL_PX)))
    detail = cv2.resize(detail, cells, interpolation=cv2.INTER_AREA)
    if cv2.minMaxLoc(detail)[1] < 64:
        detail = cv2.convertScaleAbs(detail, alpha=4)
    solid = cv2.erode(cv2.blur(detail, (3, 3)), np.ones((_SOLID_CELLS, _SOLID_CELLS), np.uint8))
    median = float(np.median(solid[::3, ::3]))
    regions: list[Region] = []
    left_over = solid.copy()
    while len(regions) < max_count:
        _, peak, _, (x, y) = cv2.minMaxLoc(left_over)
        if peak < max(median * _RELATIVE_FLOOR, 2):
            break
        alike = (solid >= median + (peak - median) * _SPREAD).astype(np.uint8)
        labels, stats = cv2.connectedComponentsWithStats(alike, connectivity=4)[1:3]
        x0, y0, w, h, _ = (int(value) for value in stats[labels[y, x]])
        left_over[max(0, y0 - 1) : y0 + h + 1, max(0, x0 - 1) : x0 + w + 1] = 0
        grow = _SOLID_CELLS // 2 + _MARGIN_CELLS
        left, top = max(0, x0 - grow) * CELL_PX, max(0, y0 - grow) * CELL_PX
        right, bottom = min(cells[0], x0 + w + grow) * CELL_PX, min(cells[1], y0 + h + grow) * CELL_PX
        regions.append(Region(left, top, right, bottom, strength=peak / max(median, 0.5)))
    return regions
