"""Names for the arrays that reading works on, and OpenCV calls whose type stubs are narrower than the functions."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_ABSENT: Any = None


def product(a: Floats, b: Floats, *, transpose_a: bool = False, transpose_b: bool = False) -> Floats:
    """Matrix product on this thread alone; numpy's would wake as many threads as there are cores."""
    flags = (cv2.GEMM_1_T if transpose_a else 0) | (cv2.GEMM_2_T if transpose_b else 0)
    return np.asarray(cv2.gemm(a, b, 1.0, _ABSENT, 0.0, flags=flags), np.float32)


def evened_out(picture: Floats, window: int) -> Floats:
    """The picture without its local mean, its local contrast made one; `window` is the side of a neighbourhood, in pixels."""
    mean = cv2.blur(picture, (window, window))
    variance = cv2.sqrBoxFilter(picture, cv2.CV_32F, (window, window)) - mean * mean
    return np.asarray((picture - mean) / np.sqrt(np.maximum(variance, 4.0)), np.float32)


def seen_through(picture: NDArray[np.uint8], homography: Doubles, side: int) -> Floats:
    """(count, count) samples of a picture; `to_picture` is the homography from sample to pixel coordinates."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(picture, homography, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def samples_at(picture: NDArray[Any], xs: Floats, ys: Floats) -> Floats:
    """Values of a picture between its pixels, at places of any shape (n, m); the border goes on for ever."""
    found = cv2.remap(picture, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32).reshape(xs.shape)


def smoothed(values: Doubles, window: int) -> Doubles:
    """The mean over a square neighbourhood."""
    return np.asarray(cv2.blur(values, (window, window), borderType=cv2.BORDER_REPLICATE), np.float64)
