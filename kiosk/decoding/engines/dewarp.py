"""Codes on cloth and bent paper: every module is looked for a little beside its place on the flat grid.

Samples in the middle of modules are far from grey, samples on the edge between two are near to it. So for each neighbourhood the
shift is taken that makes its samples most decided; nothing needs to be known of the symbol for that.
"""

import numpy as np

from kiosk.core.frame import Luma
from kiosk.decoding.locate.grid import Grid
from kiosk.decoding.locate.image_ops import Doubles, Floats, evened_out, samples_at, seen_through, smoothed
from kiosk.decoding.locate.symbol import modules_a_side

_FINE = 4  # samples along a module
_REACH = 3  # in samples: three quarters of a module
_PAD = 2  # modules
_STIFFNESS = 0.03  # what a shift of one sample must bring, in units of local contrast
SUPPLE, STIFF = (9, 5), (11, 7)
"""Modules that move together: first many, then few."""


def bent_values(picture: Luma, grid: Grid, windows: tuple[int, ...] = SUPPLE) -> Floats:
    """How light each module is (side, side), 0 is the border, each taken where its neighbourhood lies."""
    side = modules_a_side(grid.version)
    samples = _samples(picture, grid, side)
    rows, columns = np.indices((side, side)).astype(np.float64) * _FINE + _PAD * _FINE + _FINE // 2
    down, across = np.zeros((side, side)), np.zeros((side, side))
    for window in windows:
        step_down, step_across = _best_shifts(samples, rows + np.rint(down), columns + np.rint(across), window)
        down = smoothed(down + step_down, window)
        across = smoothed(across + step_across, window)
    return samples_at(samples, (columns + across).astype(np.float32), (rows + down).astype(np.float32))


def _best_shifts(samples: Floats, rows: Doubles, columns: Doubles, window: int) -> tuple[Doubles, Doubles]:
    """For every module the shift, in samples, by which its window of modules is most decided."""
    shifts = [(dy, dx) for dy in range(-_REACH, _REACH + 1) for dx in range(-_REACH, _REACH + 1)]
    last = samples.shape[0] - 1
    decided = []
    for dy, dx in shifts:
        ys, xs = np.clip(rows + dy, 0, last).astype(int), np.clip(columns + dx, 0, last).astype(int)
        strength = smoothed(np.minimum(np.abs(samples[ys, xs]), 1.0).astype(np.float64), window)
        decided.append(strength - _STIFFNESS * (dy * dy + dx * dx) ** 0.5)
    best = np.argmax(decided, 0)
    table = np.array(shifts, np.float64)
    return table[best, 0], table[best, 1]


def _samples(picture: Luma, grid: Grid, side: int) -> Floats:
    count = (side + 2 * _PAD) * _FINE
    to_modules = np.array([[1 / _FINE, 0, -_PAD], [0, 1 / _FINE, -_PAD], [0, 0, 1.0]])
    warped = seen_through(picture, grid.to_picture @ to_modules, count)
    return evened_out(smoothed(warped.astype(np.float64), 3).astype(np.float32), 9 * _FINE)
