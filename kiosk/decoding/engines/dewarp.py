"""Dewarping for codes on cloth and bent paper: each module is sampled near its place on the flat grid.

A sample at the middle of a module is far from grey. A sample on the edge between two modules is near grey. So each neighbourhood
takes the shift that makes its samples least grey. This needs no knowledge of the symbol.
"""

import numpy as np

from kiosk.core.frame import Luma
from kiosk.decoding.locate.grid import Grid
from kiosk.decoding.locate.image_ops import Doubles, Floats, box_blur, normalize_contrast, sample_at, warp
from kiosk.decoding.locate.symbol import modules_per_side

_SAMPLES_PER_MODULE = 4  # samples along a module
_SAMPLED_MODULE_PX = 5.0
_MAX_SHIFT = 3  # in samples: three quarters of a module
_PADDING_MODULES = 2  # modules
_SHIFT_PENALTY = 0.03  # minimum gain for a shift of one sample, in units of local contrast
FLEXIBLE_WINDOWS, RIGID_WINDOWS = (9, 5), (11, 7)
"""Size of the neighbourhoods that move together, in modules: first large, then small."""


def dewarped_modules(picture: Luma, grid: Grid, windows: tuple[int, ...] = FLEXIBLE_WINDOWS) -> Floats:
    """Brightness of each module (side, side); 0 is the threshold. Each module is sampled at its shifted place."""
    side = modules_per_side(grid.version)
    samples = _samples(*grid.shrunk(picture, _SAMPLED_MODULE_PX), side)
    rows, columns = (
        np.indices((side, side)).astype(np.float64) * _SAMPLES_PER_MODULE
        + _PADDING_MODULES * _SAMPLES_PER_MODULE
        + _SAMPLES_PER_MODULE // 2
    )
    down, across = np.zeros((side, side)), np.zeros((side, side))
    for window in windows:
        step_down, step_across = _best_shifts(samples, rows + np.rint(down), columns + np.rint(across), window)
        down = box_blur(down + step_down, window)
        across = box_blur(across + step_across, window)
    return sample_at(samples, (columns + across).astype(np.float32), (rows + down).astype(np.float32))


def _best_shifts(samples: Floats, rows: Doubles, columns: Doubles, window: int) -> tuple[Doubles, Doubles]:
    """For each module the shift, in samples, that makes the modules around it least grey."""
    shifts = [(dy, dx) for dy in range(-_MAX_SHIFT, _MAX_SHIFT + 1) for dx in range(-_MAX_SHIFT, _MAX_SHIFT + 1)]
    last = samples.shape[0] - 1
    decided = []
    for dy, dx in shifts:
        ys, xs = np.clip(rows + dy, 0, last).astype(int), np.clip(columns + dx, 0, last).astype(int)
        strength = box_blur(np.minimum(np.abs(samples[ys, xs]), 1.0).astype(np.float64), window)
        decided.append(strength - _SHIFT_PENALTY * (dy * dy + dx * dx) ** 0.5)
    best = np.argmax(decided, 0)
    table = np.array(shifts, np.float64)
    return table[best, 0], table[best, 1]


def _samples(picture: Luma, grid: Grid, side: int) -> Floats:
    count = (side + 2 * _PADDING_MODULES) * _SAMPLES_PER_MODULE
    to_modules = np.array(
        [[1 / _SAMPLES_PER_MODULE, 0, -_PADDING_MODULES], [0, 1 / _SAMPLES_PER_MODULE, -_PADDING_MODULES], [0, 0, 1.0]]
    )
    warped = warp(picture, grid.homography @ to_modules, count)
    return normalize_contrast(box_blur(warped.astype(np.float64), 3).astype(np.float32), 9 * _SAMPLES_PER_MODULE)
