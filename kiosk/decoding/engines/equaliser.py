"""Equaliser for blurred codes: a filter trained, code by code, on the modules whose colour is known.

Defocus and motion spread a module over its neighbours. The finder, timing and alignment patterns show how. A linear filter that
is right on those (ridge regression) is nearly right on the rest, and Reed-Solomon corrects what remains. A modem trains its
equaliser on its preamble in the same way.
"""

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.core.model import Corners
from kiosk.decoding.engines import zxing
from kiosk.decoding.locate.grid import Grid
from kiosk.decoding.locate.image_ops import Floats, matmul, normalize_contrast, warp
from kiosk.decoding.locate.symbol import Modules, known_modules, modules_per_side

_SAMPLES_PER_MODULE = 2  # samples along a module
_SAMPLED_MODULE_PX = 4.0
_PADDING_MODULES = 2  # modules sampled beyond the symbol's edge
_QUIET_MODULES = 4
_MODULE_PX = 3


def equalised_modules(picture: Luma, grid: Grid, filter_radius: int) -> Floats:
    """Brightness of each module (side, side); 0 is the threshold. `filter_radius` is in half modules."""
    samples = _samples(*grid.shrunk(picture, _SAMPLED_MODULE_PX))
    side, known = modules_per_side(grid.version), known_modules(grid.version)
    first = _PADDING_MODULES * _SAMPLES_PER_MODULE
    columns = []
    for dy in range(-filter_radius, filter_radius + 1):
        for dx in range(-filter_radius, filter_radius + 1):
            rows = slice(first + dy, first + dy + side * _SAMPLES_PER_MODULE, _SAMPLES_PER_MODULE)
            across = slice(first + dx, first + dx + side * _SAMPLES_PER_MODULE, _SAMPLES_PER_MODULE)
            columns.append(samples[rows, across].ravel())
    columns.append(np.ones(side * side, np.float32))
    features = np.stack(columns)
    taught = features[:, known.is_fixed.ravel()]
    target = np.where(known.is_light[known.is_fixed], 1.0, -1.0).astype(np.float32)
    ridge = np.float32(0.02 * len(target)) * np.eye(len(features), dtype=np.float32)
    square = matmul(taught, taught, transpose_b=True) + ridge
    weights = cv2.solve(square, matmul(taught, target[:, None]), flags=cv2.DECOMP_CHOLESKY)[1]
    return matmul(np.asarray(weights, np.float32), features, transpose_a=True).reshape(side, side)


def decode_modules(
    modules: Modules, grid: Grid, stage: str, placement: zxing.ImagePlacement = zxing.WHOLE_FRAME
) -> zxing.ScanResult:
    """Draw the modules as a clean symbol with all known modules corrected. The engine then undoes mask and Reed-Solomon code."""
    known = known_modules(grid.version)
    drawn = np.where(known.is_fixed, known.is_light, modules)
    drawn = np.pad(drawn, _QUIET_MODULES, constant_values=True).astype(np.uint8) * 255
    drawn = cv2.resize(drawn, None, fx=_MODULE_PX, fy=_MODULE_PX, interpolation=cv2.INTER_NEAREST)
    found = zxing.scan_qr_codes(
        np.asarray(drawn, np.uint8), stage, try_invert=False, try_downscale=False, fixed_threshold=True
    )
    side = modules_per_side(grid.version)
    corners = placement.to_frame(_corners(grid, side))
    return zxing.ScanResult(tuple(zxing.with_frame_corners(reading, corners, side) for reading in found.codes))


def _samples(picture: Luma, grid: Grid) -> Floats:
    """Two by two samples per module, with contrast normalised over nine modules."""
    side = modules_per_side(grid.version)
    count = (side + 2 * _PADDING_MODULES) * _SAMPLES_PER_MODULE
    # sample i of a row is at module (i + 1) / 2 - padding, so that every second one is the middle of a module
    to_modules = np.array(
        [
            [1 / _SAMPLES_PER_MODULE, 0, 0.5 - _PADDING_MODULES],
            [0, 1 / _SAMPLES_PER_MODULE, 0.5 - _PADDING_MODULES],
            [0, 0, 1.0],
        ]
    )
    return normalize_contrast(warp(picture, grid.homography @ to_modules, count), 9 * _SAMPLES_PER_MODULE)


def _corners(grid: Grid, side: int) -> Corners:
    square = np.array([[[0, 0], [side, 0], [side, side], [0, side]]], np.float64)
    a, b, c, d = ((float(x), float(y)) for x, y in cv2.perspectiveTransform(square, grid.homography)[0])
    return a, b, c, d
