"""The modules of a QR symbol that are the same in all codes of a version (ISO/IEC 18004 6.3)."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Modules = NDArray[np.bool_]

MAX_VERSION = 40
MAX_DECODED_VERSION = 25
"""Codes with more than 117 modules per side do not occur on cards or phones."""


def modules_per_side(version: int) -> int:
    """Number of modules on a side."""
    return 17 + 4 * version


def alignment_positions(version: int) -> tuple[int, ...]:
    """Rows (and columns) of alignment pattern centres, computed (ISO/IEC 18004 annex E)."""
    if version == 1:
        return ()
    count = version // 7 + 2
    last = modules_per_side(version) - 7
    step = 26 if version == 32 else (version * 4 + count * 2 + 1) // (count * 2 - 2) * 2
    return (6, *(last - step * i for i in range(count - 2, -1, -1)))


@dataclass(frozen=True, slots=True, eq=False)
class KnownModules:
    """Arrays (side, side). True is light."""

    is_light: Modules
    is_fixed: Modules
    """Where `is_light` is the same in all codes of this version."""
    xs: NDArray[np.float32]
    """Columns of the centres of the fixed modules."""
    ys: NDArray[np.float32]
    signs: NDArray[np.float32]
    """+1 for light and -1 for dark fixed modules, shifted to mean 0 and scaled to length 1."""


@cache
def known_modules(version: int) -> KnownModules:
    """Finder, separator, timing, alignment and version modules of a version."""
    side = modules_per_side(version)
    light, fixed = np.zeros((side, side), np.bool_), np.zeros((side, side), np.bool_)
    light[6, :] = light[:, 6] = np.arange(side) % 2 == 1
    fixed[6, :] = fixed[:, 6] = True
    _draw_alignments(light, fixed, version)
    _draw_finders(light, fixed)
    if version >= 7:
        _draw_version(light, fixed, version)
    ys, xs = np.nonzero(fixed)
    signs = np.where(light[ys, xs], 1.0, -1.0)
    signs -= signs.mean()
    signs /= np.linalg.norm(signs)
    middle = np.float32(0.5)
    return KnownModules(
        light, fixed, xs.astype(np.float32) + middle, ys.astype(np.float32) + middle, signs.astype(np.float32)
    )


def _draw_finders(light: Modules, fixed: Modules) -> None:
    corner = np.ones((8, 8), np.bool_)
    corner[:7, :7] = False
    corner[1:6, 1:6] = True
    corner[2:5, 2:5] = False
    light[:8, :8], light[:8, -8:], light[-8:, :8] = corner, corner[:, ::-1], corner[::-1]
    fixed[:8, :8] = fixed[:8, -8:] = fixed[-8:, :8] = True


def _draw_alignments(light: Modules, fixed: Modules, version: int) -> None:
    places = alignment_positions(version)
    last = modules_per_side(version) - 7
    for y in places:
        for x in places:
            if (y, x) in ((6, 6), (6, last), (last, 6)):
                continue
            light[y - 2 : y + 3, x - 2 : x + 3] = False
            light[y - 1 : y + 2, x - 1 : x + 2] = True
            light[y, x] = False
            fixed[y - 2 : y + 3, x - 2 : x + 3] = True


def _draw_version(light: Modules, fixed: Modules, version: int) -> None:
    """18 bits, a Golay code (ISO/IEC 18004 7.10), in two blocks of 6 x 3."""
    rest = version << 12
    for shift in range(17, 11, -1):
        if rest >> shift & 1:
            rest ^= 0x1F25 << (shift - 12)
    bits = version << 12 | rest
    side = modules_per_side(version)
    for i in range(18):
        row, column = i // 3, side - 11 + i % 3
        light[row, column] = light[column, row] = not bits >> i & 1
        fixed[row, column] = fixed[column, row] = True
