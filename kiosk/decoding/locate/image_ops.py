"""Array types of the decoder, and OpenCV calls whose type stubs are narrower than the functions."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_NO_MATRIX: Any = None


def matmul(a: Floats, b: Floats, *, transpose_a: bool = False, transpose_b: bool = False) -> Floats:
    """Matrix product on the calling thread. numpy would start as many threads as there are cores."""
    flags = (cv2.GEMM_1_T if transpose_a else 0) | (cv2.GEMM_2_T if transpose_b else 0)
    return np.asarray(cv2.gemm(a, b, 1.0, _NO_MATRIX, 0.0, flags=flags), np.float32)


def normalize_contrast(picture: Floats, window: int) -> Floats:
    """The image with local mean 0 and local contrast 1. `window`: side of the neighbourhood, in pixels."""
    mean = cv2.blur(picture, (window, window))
    variance = cv2.sqrBoxFilter(picture, cv2.CV_32F, (window, window)) - mean * mean
    return np.asarray((picture - mean) / np.sqrt(np.maximum(variance, 4.0)), np.float32)


_ROW_WINDOW_PX = 61  # more than the seven dark modules of a finder pattern's edge, up to 8 px a module
DARKEST_PEAK = 12  # darker rows hold nothing but noise


def even_rows(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image with each pixel as a share of the brightest near it in its row: bands of a screen and a shadow's edge vanish."""
    soft = cv2.blur(picture, (3, 1))  # a single bright pixel is noise
    brightest = cv2.dilate(soft, np.ones((1, _ROW_WINDOW_PX), np.uint8))
    return np.asarray(cv2.divide(picture, np.maximum(brightest, np.uint8(DARKEST_PEAK)), scale=230), np.uint8)


def warp(picture: NDArray[np.uint8], homography: Doubles, side: int) -> Floats:
    """Samples (side, side) of an image. `homography` maps sample coordinates to pixel coordinates."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(picture, homography, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def shrink(picture: NDArray[np.uint8], factor: float) -> tuple[NDArray[np.uint8], Doubles]:
    """The image at 1 / `factor` of its size, and the matrix (3, 3) from its pixels to those of the original."""
    height, width = picture.shape
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    across, down = width / size[0], height / size[1]
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small, np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1.0]])


def sample_at(picture: NDArray[Any], xs: Floats, ys: Floats) -> Floats:
    """Interpolated values of an image at positions of any shape (n, m). The border pixels are repeated."""
    found = cv2.remap(picture, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32).reshape(xs.shape)


def box_blur(values: Doubles, window: int) -> Doubles:
    """The mean over a square neighbourhood."""
    return np.asarray(cv2.blur(values, (window, window), borderType=cv2.BORDER_REPLICATE), np.float64)
