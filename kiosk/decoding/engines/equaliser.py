"""From a grid to modules through blur: a filter that is learnt, code by code, from the modules whose colour is known beforehand.

Defocus and motion smear a module over its neighbours. What the smear looks like can be seen on the finder, timing and alignment
patterns; a linear filter that is right on those (ridge regression) is nearly right on the rest, and Reed-Solomon does the rest.
This is the equaliser of a modem, trained on its preamble.
"""

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.core.model import Corners
from kiosk.decoding.engines import zxing
from kiosk.decoding.locate.grid import Grid
from kiosk.decoding.locate.image_ops import Floats, evened_out, product, seen_through
from kiosk.decoding.locate.symbol import Modules, known_modules, modules_a_side

_PER_MODULE = 2  # samples along a module
_PAD = 2  # modules sampled beyond the symbol's edge
_QUIET = 4
_DRAWN_PX = 3


def module_values(picture: Luma, grid: Grid, filter_radius: int) -> Floats:
    """How light each module is (side, side), 0 is the border; `reach` is the filter's, in half modules."""
    samples = _samples(picture, grid)
    side, known = modules_a_side(grid.version), known_modules(grid.version)
    first = _PAD * _PER_MODULE
    columns = []
    for dy in range(-filter_radius, filter_radius + 1):
        for dx in range(-filter_radius, filter_radius + 1):
            rows = slice(first + dy, first + dy + side * _PER_MODULE, _PER_MODULE)
            across = slice(first + dx, first + dx + side * _PER_MODULE, _PER_MODULE)
            columns.append(samples[rows, across].ravel())
    columns.append(np.ones(side * side, np.float32))
    features = np.stack(columns)
    taught = features[:, known.fixed.ravel()]
    target = np.where(known.light[known.fixed], 1.0, -1.0).astype(np.float32)
    ridge = np.float32(0.02 * len(target)) * np.eye(len(features), dtype=np.float32)
    square = product(taught, taught, transpose_b=True) + ridge
    weights = cv2.solve(square, product(taught, target[:, None]), flags=cv2.DECOMP_CHOLESKY)[1]
    return product(np.asarray(weights, np.float32), features, transpose_a=True).reshape(side, side)


def read_modules(modules: Modules, grid: Grid, stage: str, placement: zxing.Placing = zxing.WHOLE) -> zxing.Found:
    """Draw the modules cleanly, all that is known put right, and let the engine undo mask and Reed-Solomon code."""
    known = known_modules(grid.version)
    drawn = np.where(known.fixed, known.light, modules)
    drawn = np.pad(drawn, _QUIET, constant_values=True).astype(np.uint8) * 255
    drawn = cv2.resize(drawn, None, fx=_DRAWN_PX, fy=_DRAWN_PX, interpolation=cv2.INTER_NEAREST)
    found = zxing.scan(np.asarray(drawn, np.uint8), stage, try_invert=False, try_downscale=False, fixed_threshold=True)
    side = modules_a_side(grid.version)
    corners = placement.in_frame(_corners(grid, side))
    return zxing.Found(tuple(zxing.placed(reading, corners, side) for reading in found.readings))


def _samples(picture: Luma, grid: Grid) -> Floats:
    """Two by two samples a module, evened out over nine modules."""
    side = modules_a_side(grid.version)
    count = (side + 2 * _PAD) * _PER_MODULE
    # sample i of a row stands at module (i + 1) / 2 - PAD, so that every second one is a module's middle
    to_modules = np.array([[1 / _PER_MODULE, 0, 0.5 - _PAD], [0, 1 / _PER_MODULE, 0.5 - _PAD], [0, 0, 1.0]])
    return evened_out(seen_through(picture, grid.to_picture @ to_modules, count), 9 * _PER_MODULE)


def _corners(grid: Grid, side: int) -> Corners:
    square = np.array([[[0, 0], [side, 0], [side, side], [0, side]]], np.float64)
    a, b, c, d = ((float(x), float(y)) for x, y in cv2.perspectiveTransform(square, grid.to_picture)[0])
    return a, b, c, d
