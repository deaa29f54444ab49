"""Finds finder patterns, also blurred ones: the three squares that give position and rotation of a code.

Engines look for runs of 1:1:3:1:1 in a black and white image, and a blurred image has none. Here each pixel is tested in four
directions on grey levels: it must be darker than a ring two modules away, which must be lighter than a ring at three to four
modules. Candidates are compared with templates of a finder pattern in all rotations.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.decoding.locate.image_ops import Floats, matmul, sample_at

MAX_FINE_SIDE_PX = 400
Sizes = tuple[tuple[int, float, int], ...]
# Decimation, module px in the decimated image, and the largest region side in which modules that small are searched. A code of
# version 20 is 97 modules wide, and codes on cards and phones are smaller. Small modules in a larger region are left to FINE_SIZES.
_SIZES: Sizes = ((1, 2.0, MAX_FINE_SIDE_PX), (2, 1.4, 600), (2, 1.9, 1000), (2, 2.5, 1300))
SIZES: tuple[Sizes, ...] = (_SIZES, _SIZES[1:], _SIZES[:3])
"""For the frame, for the frame at half size (modules of 5 to 12 px) and at a quarter (7 to 18 px)."""
FINE_SIZES: Sizes = ((1, 2.0, 1000), (1, 2.55, 1000), (2, 1.6, 1000))
_MIN_CODE_MODULES = 23  # modules: version 1 with one module of quiet zone
_LIGHT_RADII = (2.0, 2.5)
_DARK_RADII = (3.1, 3.9)
_MARGIN_PX = 16
_MIN_RESPONSE = 3
_MAX_PER_SIZE = 250
_PATCH_SIDE = 11  # samples per side over 9 modules: the pattern and the light ring around it
_ROTATIONS = 8
_SCALES = (0.84, 1.0, 1.19)
_MIN_SCORE = 0.42


@dataclass(frozen=True, slots=True)
class FinderPattern:
    """A finder pattern, in pixels of the region."""

    x: float
    y: float
    module_px: float
    rotation: float
    """Radians, from 0 to a quarter turn."""
    score: float
    """Correlation with the ideal pattern, at most 1."""


def find_finder_patterns(picture: Luma, sizes: Sizes, max_count: int = 14) -> list[FinderPattern]:
    """The best finder patterns (dark on light) of an image, best first. `sizes`: modules to search."""
    side = max(picture.shape)
    wanted = [
        (decimation, module)
        for decimation, module, largest in sizes
        if _MIN_CODE_MODULES * decimation * module <= side <= largest
    ]
    candidates = [found for found in (_candidates(picture, *size) for size in wanted) if len(found)]
    if not candidates:
        return []
    return _best_matches(picture, np.concatenate(candidates), max_count)


def _candidates(picture: Luma, decimation: int, module: float) -> Floats:
    """(x, y, module px) in image pixels: local maxima of the ring response at one size."""
    height, width = picture.shape[0] // decimation, picture.shape[1] // decimation
    if min(height, width) < 8 * module:
        return np.empty((0, 3), np.float32)
    if decimation > 1:
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    response = _ring_response(picture, module)
    window = np.ones((5, 5) if module < 2 else (7, 7), np.uint8)
    peaks = cv2.compare(response, cv2.dilate(response, window), cv2.CMP_EQ)
    floor = max(_MIN_RESPONSE, 0.1 * float(cv2.minMaxLoc(response)[1]))
    high = cv2.bitwise_and(peaks, cv2.threshold(response, floor, 255, cv2.THRESH_BINARY)[1])
    if not cv2.countNonZero(high):
        return np.empty((0, 3), np.float32)
    xs, ys = np.asarray(cv2.findNonZero(high)).reshape(-1, 2).T  # (n, 2) in OpenCV 5, (n, 1, 2) in OpenCV 4
    if len(xs) > _MAX_PER_SIZE:
        best = np.argpartition(response[ys, xs], -_MAX_PER_SIZE)[-_MAX_PER_SIZE:]
        ys, xs = ys[best], xs[best]
    size = np.full(len(xs), module * decimation)
    return np.stack([(xs + 0.5) * decimation - 0.5, (ys + 0.5) * decimation - 0.5, size], 1).astype(np.float32)


@cache
def _ring_offsets(module: float) -> tuple[tuple[tuple[int, int], ...], ...]:
    """For each of four directions the offsets (dx, dy) in pixels to two light and two dark places."""
    angles = [direction * np.pi / 4 for direction in range(4)]
    radii = [radius * module for radius in (*_LIGHT_RADII, *_DARK_RADII)]
    return tuple(
        tuple((round(radius * float(np.cos(angle))), round(radius * float(np.sin(angle)))) for radius in radii)
        for angle in angles
    )


def _ring_response(picture: Luma, module: float) -> Luma:
    """How clearly each pixel is the middle of a dark spot in a light ring in a dark ring, in grey levels."""
    height, width = picture.shape
    halved = cv2.convertScaleAbs(
        picture, alpha=0.5
    )  # so that a sum of two opposite pixels is their mean and fits into a byte
    soft = halved if module < 2 or module == 2.0 else cv2.blur(halved, (3, 3))
    core_px = 3 if module < 2.6 else 5
    core = cv2.blur(halved, (core_px, core_px))
    core = cv2.add(core, core)
    padded = cv2.copyMakeBorder(soft, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX, cv2.BORDER_REPLICATE)

    def pair(dx: int, dy: int) -> cv2.typing.MatLike:
        one = padded[_MARGIN_PX + dy : _MARGIN_PX + dy + height, _MARGIN_PX + dx : _MARGIN_PX + dx + width]
        other = padded[_MARGIN_PX - dy : _MARGIN_PX - dy + height, _MARGIN_PX - dx : _MARGIN_PX - dx + width]
        return cv2.add(one, other)

    rings, spots = [], []
    for light_near, light_far, dark_near, dark_far in _ring_offsets(module):
        light = cv2.max(pair(*light_near), pair(*light_far))
        dark = cv2.min(pair(*dark_near), pair(*dark_far))
        rings.append(cv2.subtract(light, dark))
        spots.append(cv2.subtract(light, core))
    # Motion can erase the ring in one of the four directions, so the second lowest response counts.
    a, b = cv2.min(rings[0], rings[1]), cv2.max(rings[0], rings[1])
    c, d = cv2.min(rings[2], rings[3]), cv2.max(rings[2], rings[3])
    ring = cv2.min(cv2.max(a, c), cv2.min(b, d))
    spot = cv2.min(cv2.min(spots[0], spots[1]), cv2.min(spots[2], spots[3]))
    return np.asarray(cv2.min(ring, spot), np.uint8)


@cache
def _templates() -> tuple[Floats, Floats, Floats]:
    """Templates (variants, samples) with unit length and zero mean, and rotation and scale of each."""
    grid = (np.arange(_PATCH_SIDE) - _PATCH_SIDE // 2) * 9.0 / _PATCH_SIDE
    xs, ys = np.meshgrid(grid, grid)
    patches, turns, stretches = [], [], []
    fine = (np.arange(5) - 2) / 5 * (9.0 / _PATCH_SIDE)
    for turn in np.arange(_ROTATIONS) * np.pi / 2 / _ROTATIONS:
        for stretch in _SCALES:
            patch = np.zeros_like(xs)
            for dx in fine:
                for dy in fine:
                    u = ((xs + dx) * np.cos(turn) + (ys + dy) * np.sin(turn)) / stretch
                    v = (-(xs + dx) * np.sin(turn) + (ys + dy) * np.cos(turn)) / stretch
                    radius = np.maximum(np.abs(u), np.abs(v))
                    patch += np.where((radius < 1.5) | ((radius > 2.5) & (radius < 3.5)), -1.0, 1.0)
            patch -= patch.mean()
            patches.append((patch / np.linalg.norm(patch)).ravel())
            turns.append(turn)
            stretches.append(stretch)
    return np.array(patches, np.float32), np.array(turns, np.float32), np.array(stretches, np.float32)


def _best_matches(picture: Luma, candidates: Floats, max_count: int) -> list[FinderPattern]:
    patches, turns, stretches = _templates()
    grid = ((np.arange(_PATCH_SIDE) - _PATCH_SIDE // 2) * 9.0 / _PATCH_SIDE).astype(np.float32)
    dx, dy = (axis.ravel() for axis in np.meshgrid(grid, grid))
    xs = candidates[:, :1] + candidates[:, 2:] * dx
    ys = candidates[:, 1:2] + candidates[:, 2:] * dy
    samples = sample_at(picture, xs, ys)
    samples -= samples.mean(1, keepdims=True)
    samples /= np.maximum(np.linalg.norm(samples, axis=1, keepdims=True), 1e-3)
    likeness = matmul(samples, patches, transpose_b=True)
    variant = likeness.argmax(1)
    best = likeness[np.arange(len(variant)), variant]
    found: list[FinderPattern] = []
    for i in np.argsort(-best):
        if best[i] < _MIN_SCORE or len(found) == max_count:
            break
        x, y, module = (float(value) for value in candidates[i])
        if any((x - f.x) ** 2 + (y - f.y) ** 2 < (2.5 * f.module_px) ** 2 for f in found):
            continue
        found.append(
            FinderPattern(x, y, module * float(stretches[variant[i]]), float(turns[variant[i]]), float(best[i]))
        )
    return found
