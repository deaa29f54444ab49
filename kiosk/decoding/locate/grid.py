"""Fits a module grid to a code: from three finder patterns to a homography that matches all known modules."""

from dataclasses import dataclass
from itertools import combinations, permutations

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.decoding.locate.finder_patterns import FinderPattern
from kiosk.decoding.locate.image_ops import Doubles, Floats, normalize_contrast, shrink
from kiosk.decoding.locate.symbol import MAX_DECODED_VERSION, KnownModules, known_modules, modules_per_side

_MAX_FINDERS = 7
_MAX_TRIPLES = 2
_MAX_CANDIDATES = 2
_MAX_SLANT = 0.32  # how much nearer one side of the code may be than the other: 45 degrees at arm's length
_MIN_FIT = 0.42
_GOOD_FIT = 0.75
_FITTED_MODULE_PX = 3.2  # larger modules are reduced to this size
_MIN_TOTAL_SCORE = 1.75  # of three finder patterns together; without a code the best one is seldom above 0.54
_MAX_ITERATIONS = 9
_MIN_GAIN = 0.002
_FINDER_MIDDLE = 3.5  # modules from the corner


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Position of each module of a code in the image."""

    version: int
    homography: Doubles
    """Homography from module coordinates (0 at the outer edge of the symbol) to pixel centres."""
    fit: float
    """Correlation of the image with the known modules."""

    def shrunk(self, picture: Luma, module_px: float) -> tuple[Luma, "Grid"]:
        """The image and the grid with modules of at most `module_px`, so that a sample stands for most of its module."""
        side = modules_per_side(self.version)
        corners = np.array([[[0, 0], [side, 0], [side, side], [0, side]]], np.float64)
        points = cv2.perspectiveTransform(corners, self.homography)[0]
        longest = max(float(np.linalg.norm(points[i] - points[i - 1])) for i in range(4))
        factor = longest / side / module_px
        if factor <= 1:
            return picture, self
        small, back = shrink(picture, factor)
        return small, Grid(self.version, np.linalg.inv(back) @ self.homography, self.fit)


def fit_grids(picture: Luma, finders: list[FinderPattern]) -> list[Grid]:
    """Grids that fit, best first, of the first arrangement of three finder patterns that gives one."""
    for three in _triples(finders[:_MAX_FINDERS])[:_MAX_TRIPLES]:
        grids = _fit_around(picture, three)
        if grids:
            return grids
    return []


def _fit_around(picture: Luma, three: tuple[FinderPattern, FinderPattern, FinderPattern]) -> list[Grid]:
    """Fit within the code's surroundings. Large modules are reduced, so that a sample stands for most of its module."""
    modules = tuple(finder.module_px for finder in three)
    module_px = sum(modules) / 3
    corners = np.array([[finder.x, finder.y] for finder in three])
    fourth = corners[1] + corners[2] - corners[0]
    around = np.concatenate([corners, fourth[None]])
    margin = 10 * module_px + 0.15 * float(np.linalg.norm(corners[1] - corners[2]))
    left, top = np.maximum(0, np.floor(around.min(0) - margin)).astype(int)
    right, bottom = np.ceil(around.max(0) + margin).astype(int)
    cut, back = picture[top:bottom, left:right], np.eye(3)
    factor = module_px / _FITTED_MODULE_PX
    if factor > 1:
        cut, back = shrink(cut, factor)
    factor = max(factor, 1.0)
    flat = normalize_contrast(cut.astype(np.float32), max(3, int(module_px / factor * 9) | 1))
    inside = (corners - (left, top) - back[:2, 2]) / back.diagonal()[:2]
    grids = []
    for version, points in _estimate_versions(flat, inside, tuple(module / factor for module in modules)):
        grids.append(_refine(flat, version, points))
        if grids[-1].fit >= _GOOD_FIT:
            break
    back = np.array([[1, 0, left], [0, 1, top], [0, 0, 1.0]]) @ back
    good = [Grid(grid.version, back @ grid.homography, grid.fit) for grid in grids if grid.fit >= _MIN_FIT]
    return sorted(good, key=lambda grid: -grid.fit)


def _triples(finders: list[FinderPattern]) -> list[tuple[FinderPattern, FinderPattern, FinderPattern]]:
    """(top left, top right, bottom left) of the symbol, best first."""
    rated = []
    for three in combinations(finders, 3):
        sizes = [finder.module_px for finder in three]
        if max(sizes) > 1.5 * min(sizes) or sum(finder.score for finder in three) < _MIN_TOTAL_SCORE:
            continue
        for one, two, other in permutations(three):
            rating = _score_triple(one, two, other)
            if rating is not None:
                rated.append((rating, (one, two, other)))
    rated.sort(key=lambda pair: -pair[0])
    return [triple for _, triple in rated]


def _score_triple(one: FinderPattern, two: FinderPattern, three: FinderPattern) -> float | None:
    ax, ay, bx, by = two.x - one.x, two.y - one.y, three.x - one.x, three.y - one.y
    a, b = float(np.hypot(ax, ay)), float(np.hypot(bx, by))
    if ax * by - ay * bx <= 0 or min(a, b) < 11 * one.module_px or not 0.55 < a / max(b, 1e-6) < 1.8:
        return None
    cosine = abs(ax * bx + ay * by) / (a * b)
    if cosine > 0.5 or max(a, b) > 1.25 * modules_per_side(MAX_DECODED_VERSION) * one.module_px:
        return None
    turned = np.arctan2(ay, ax) - one.rotation
    askew = abs((turned + np.pi / 4) % (np.pi / 2) - np.pi / 4)
    if askew > 0.5:
        return None
    return one.score + two.score + three.score - 0.6 * cosine - 0.4 * abs(float(np.log(a / b))) - 0.3 * float(askew)


def _homographies(side: int, points: Doubles) -> Doubles:
    """Closed form (Heckbert 1989), (n, 3, 3), from finder centres and the fourth corner of their square to points (n, 4, 2)."""
    p0, p1, p3, p2 = points[:, 0], points[:, 1], points[:, 2], points[:, 3]  # p2 is opposite to p0
    total = p0 - p1 + p2 - p3
    d1, d2 = p1 - p2, p3 - p2
    determinant = d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0]
    determinant = np.where(np.abs(determinant) < 1e-9, 1e-9, determinant)
    g = (total[:, 0] * d2[:, 1] - total[:, 1] * d2[:, 0]) / determinant
    h = (d1[:, 0] * total[:, 1] - d1[:, 1] * total[:, 0]) / determinant
    square = np.empty((len(points), 3, 3))
    square[:, :2, 0] = p1 - p0 + g[:, None] * p1
    square[:, :2, 1] = p3 - p0 + h[:, None] * p3
    square[:, :2, 2] = p0
    square[:, 2, 0], square[:, 2, 1], square[:, 2, 2] = g, h, 1.0
    span = side - 2 * _FINDER_MIDDLE
    shrink = np.array([[1 / span, 0, -_FINDER_MIDDLE / span], [0, 1 / span, -_FINDER_MIDDLE / span], [0, 0, 1]])
    return np.asarray(square @ shrink)


def _project(homographies: Doubles, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
    """Pixels (n, points) of module coordinates."""
    h = homographies.astype(np.float32)
    w = h[:, 2, 0, None] * xs + h[:, 2, 1, None] * ys + h[:, 2, 2, None]
    w = np.where(np.abs(w) < 1e-3, np.float32(1e-3), w)
    px = (h[:, 0, 0, None] * xs + h[:, 0, 1, None] * ys + h[:, 0, 2, None]) / w
    py = (h[:, 1, 0, None] * xs + h[:, 1, 1, None] * ys + h[:, 1, 2, None]) / w
    return px, py


def _correlations(flat: Floats, homographies: Doubles, known: tuple[Floats, Floats, Floats]) -> Floats:
    """Correlation of the image with known modules (xs, ys, signs of unit length), for each homography."""
    px, py = _project(homographies, known[0], known[1])
    samples = cv2.remap(flat, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    samples = samples.reshape(px.shape)
    samples = samples - samples.mean(1, keepdims=True)
    return np.asarray(samples @ known[2] / np.maximum(np.linalg.norm(samples, axis=1), 1e-3), np.float32)


def _perspective_points(corners: Doubles, g: Doubles, h: Doubles) -> Doubles:
    """Points (n, 4, 2): the three corners, and the fourth for sides that recede by g and h."""
    one, two, three = corners
    w1, w2, w3 = 1.0 + g, 1.0 + h, 1.0 + g + h
    fourth = (two * w1[:, None] + three * w2[:, None] - one) / w3[:, None]
    fixed = np.broadcast_to(corners, (len(g), 3, 2))
    return np.concatenate([fixed, fourth[:, None]], 1)


def _timing_pattern(side: int, *, down: bool) -> tuple[Floats, Floats, Floats]:
    """Row (or column) 6 between the finder patterns."""
    along = np.arange(side, dtype=np.float32) + np.float32(0.5)
    across = np.full(side, 6.5, np.float32)
    signs = known_modules((side - 17) // 4).is_light[6]
    unit = np.where(signs, 1.0, -1.0).astype(np.float32)
    unit -= unit.mean()
    unit /= np.linalg.norm(unit)
    return (across, along, unit) if down else (along, across, unit)


def _estimate_versions(flat: Floats, corners: Doubles, modules: tuple[float, ...]) -> list[tuple[int, Doubles]]:
    """The best candidates (version, four points). The timing patterns give version and perspective."""
    reach = np.linalg.norm(corners[1] - corners[0]) / (modules[0] + modules[1]) * 2
    reach_down = np.linalg.norm(corners[2] - corners[0]) / (modules[0] + modules[2]) * 2
    side = float((reach * reach_down) ** 0.5) + 2 * _FINDER_MIDDLE
    least, most = (side * 0.88 - 18) / 4, (side * 1.12 - 16) / 4
    guesses = []
    for version in range(max(1, round(least)), min(MAX_DECODED_VERSION, round(most)) + 1):
        modules_now = modules_per_side(version)
        steps = int(np.ceil(_MAX_SLANT * modules_now / 1.6))
        slants = np.linspace(-_MAX_SLANT, _MAX_SLANT, 2 * steps + 1)
        none = np.zeros_like(slants)
        across = _correlations(
            flat,
            _homographies(modules_now, _perspective_points(corners, slants, none)),
            _timing_pattern(modules_now, down=False),
        )
        down = _correlations(
            flat,
            _homographies(modules_now, _perspective_points(corners, none, slants)),
            _timing_pattern(modules_now, down=True),
        )
        penalty = 0.25 * np.abs(slants)
        i, j = int((across - penalty).argmax()), int((down - penalty).argmax())
        points = _perspective_points(corners, slants[i : i + 1], slants[j : j + 1])[0]
        guesses.append((float(across[i] + down[j]), version, points))
    guesses.sort(key=lambda guess: -guess[0])
    return [(version, points) for _, version, points in guesses[:_MAX_CANDIDATES]]


def _subsample(known: KnownModules, max_count: int = 320) -> tuple[Floats, Floats, Floats]:
    """A subset of the known modules for fitting: every n-th, so that there are about `max_count`."""
    step = max(1, len(known.xs) // max_count)
    signs = known.signs[::step]
    signs = signs - signs.mean()
    return known.xs[::step], known.ys[::step], np.asarray(signs / np.linalg.norm(signs), np.float32)


def _refine(flat: Floats, version: int, points: Doubles) -> Grid:
    """Hill climbing: each round moves all eight coordinates to the top of a parabola through three correlations."""
    side, known = modules_per_side(version), _subsample(known_modules(version))
    module = float(np.linalg.norm(points[1] - points[0])) / (side - 7)
    best_points = points = _fourth_corner(flat, side, known, points, module)
    step, best = 0.5 * module, -1.0
    moves = np.concatenate([np.zeros((1, 8)), np.eye(8), -np.eye(8)]).reshape(17, 4, 2)
    for _ in range(_MAX_ITERATIONS):
        fits = _correlations(flat, _homographies(side, points + step * moves), known)
        gain = float(fits[0]) - best
        if gain > 0:
            best_points, best = points, float(fits[0])
            curve = np.maximum(2 * fits[0] - fits[1:9] - fits[9:], 1e-4)
            move = np.clip(0.5 * (fits[1:9] - fits[9:]) / curve, -1, 1) * (0.7 * step)
        else:
            move = move * -0.5  # halfway back
        if abs(gain) < _MIN_GAIN:
            break
        points = points + move.reshape(4, 2)
        step *= 0.7
    return Grid(version, _homographies(side, best_points[None])[0], best)


def _fourth_corner(
    flat: Floats, side: int, known: tuple[Floats, Floats, Floats], points: Doubles, module: float
) -> Doubles:
    """Move the fourth point to its best place within two and a half modules."""
    shifts = np.arange(-5, 6) * 0.5 * module
    dx, dy = (axis.ravel() for axis in np.meshgrid(shifts, shifts))
    trials = np.repeat(points[None], len(dx), 0)
    trials[:, 3, 0] += dx
    trials[:, 3, 1] += dy
    fits = _correlations(flat, _homographies(side, trials), known)
    return np.asarray(trials[int(fits.argmax())])
