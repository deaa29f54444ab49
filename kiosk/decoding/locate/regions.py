"""Finds regions of a frame that may contain a code: areas with fine texture throughout, strongest first.

A QR code has fine black and white detail everywhere inside its square. Edges, letters and faces have it along lines only. An
erosion of the map of local detail removes lines and keeps such squares. On blurred, dark or noisy frames this finds the code
where no engine sees a finder pattern, at a tenth of the cost of one engine call on the whole frame.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.decoding.locate.image_ops import DARKEST_PEAK, Floats

CELL_PX = 8
_DETAIL_PX = 5  # pixels at half size: modules of 2 to 8 frame pixels differ from the mean over this square
_MIN_CODE_CELLS = 7  # the smallest code of interest, 29 modules of 2 px, covers 7 cells
_MARGIN_CELLS = 2
_ROW_CELLS = 7
_FULL_SCALE = 2 * 255
_MIN_RELATIVE_STRENGTH = 2.0
"""Each readable code of a separate test set stood out more. A third of the empty area does not."""
_GROWTH_SHARE = 0.25
SMALL_IMAGE_PX = 400
"""No camera frame is so small. A cropped image may be filled by one code, which then does not stand out."""


@dataclass(frozen=True, slots=True)
class Region:
    """A box in frame pixels: rows top..bottom, columns left..right, ends excluded."""

    left: int
    top: int
    right: int
    bottom: int
    strength: float
    """Detail inside, as a multiple of the frame's median detail."""

    def crop(self, luma: Luma) -> Luma:
        """The region's pixels, as a view of the frame."""
        return luma[self.top : self.bottom, self.left : self.right]


def _relative_strength(detail: Luma) -> Floats:
    """The weakest detail around each cell, as a multiple of its median in the frame."""
    if cv2.minMaxLoc(detail)[1] < 64:
        detail = np.asarray(cv2.convertScaleAbs(detail, alpha=4), np.uint8)
    solid = cv2.erode(cv2.blur(detail, (3, 3)), np.ones((_MIN_CODE_CELLS, _MIN_CODE_CELLS), np.uint8))
    median = float(np.median(solid[::3, ::3]))
    solid[solid < 2] = 0
    return solid.astype(np.float32) / np.float32(max(median, 0.5))


def textured_regions(half: Luma, max_count: int, *, small_image_px: int = SMALL_IMAGE_PX) -> list[Region]:
    """Regions in pixels of the whole frame. `half` is the frame at half size. An image up to `small_image_px` is one region."""
    height, width = half.shape
    if max(height, width) <= small_image_px // 2:
        return [Region(0, 0, 2 * width, 2 * height, strength=float("inf"))]
    cells = (width // (CELL_PX // 2), height // (CELL_PX // 2))
    if min(cells) < _MIN_CODE_CELLS:
        return []
    detail = cv2.absdiff(half, cv2.blur(half, (_DETAIL_PX, _DETAIL_PX)))
    detail = cv2.resize(detail, cells, interpolation=cv2.INTER_AREA)
    brightest = cv2.dilate(cv2.resize(half, cells, interpolation=cv2.INTER_AREA), np.ones((1, _ROW_CELLS), np.uint8))
    evened = cv2.divide(detail, np.maximum(brightest, np.uint8(DARKEST_PEAK)), scale=_FULL_SCALE)
    # A dark screen, and a dark band of a screen, stand out only as shares of their brightness. A dark scene's noise does so too.
    solid = cv2.max(_relative_strength(np.asarray(detail, np.uint8)), _relative_strength(np.asarray(evened, np.uint8)))
    regions: list[Region] = []
    left_over = solid.copy()
    while len(regions) < max_count:
        _, peak, _, (x, y) = cv2.minMaxLoc(left_over)
        if peak < _MIN_RELATIVE_STRENGTH:
            break
        alike = (solid >= 1 + (peak - 1) * _GROWTH_SHARE).astype(np.uint8)
        labels, stats = cv2.connectedComponentsWithStats(alike, connectivity=4)[1:3]
        x0, y0, w, h, _ = (int(value) for value in stats[labels[y, x]])
        left_over[max(0, y0 - 1) : y0 + h + 1, max(0, x0 - 1) : x0 + w + 1] = 0
        grow = _MIN_CODE_CELLS // 2 + _MARGIN_CELLS
        left, top = max(0, x0 - grow) * CELL_PX, max(0, y0 - grow) * CELL_PX
        right, bottom = min(cells[0], x0 + w + grow) * CELL_PX, min(cells[1], y0 + h + grow) * CELL_PX
        regions.append(Region(left, top, right, bottom, strength=peak))
    return regions
