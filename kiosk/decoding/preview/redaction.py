"""Makes the codes in an image unreadable before a person sees the image."""

from collections.abc import Iterable

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.core.model import Corners
from kiosk.decoding.engines.zxing import locate_codes

_CELL_PX = 16  # modules up to that size become one grey
_FILL_SCALE = 1.3  # covers the quiet zone, and what the corners of a code leave out
_MIN_FILL_MARGIN_PX = 6.0  # a barcode's corners may lie on one line
_FILL_LUMA = 128
_MAX_PASSES = 4


def redact_codes(image: Luma, codes: Iterable[Corners]) -> Luma:
    """A copy in which no code is found any more. It is coarse where painting over does not suffice."""
    painted = image.copy()
    _fill(painted, codes)
    for _ in range(_MAX_PASSES):
        found = locate_codes(painted)
        if not found:
            return painted
        _fill(painted, found)
    return coarsen(painted)


def coarsen(image: Luma) -> Luma:
    """A copy of the same size in which each cell of 16 x 16 pixels has one grey: no code can be read in it."""
    height, width = image.shape
    cells = (max(1, width // _CELL_PX), max(1, height // _CELL_PX))
    coarse = cv2.resize(image, cells, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _fill(image: Luma, codes: Iterable[Corners]) -> None:
    for corners in codes:
        outline = np.array(corners, np.float64)
        middle = outline.mean(axis=0)
        outwards = outline - middle
        far = np.linalg.norm(outwards, axis=1, keepdims=True)
        grown = (
            (middle + outwards * (_FILL_SCALE + _MIN_FILL_MARGIN_PX / np.maximum(far, 1.0))).round().astype(np.int32)
        )
        cv2.fillPoly(image, [grown.reshape(-1, 1, 2)], (_FILL_LUMA,))
