"""Facts about a frame for aiming and for the self-check, taken from a decimated copy of it: nearly free."""

import cv2
import numpy as np

from kiosk.model import Luma, View

DECIMATION = 8
"""One cell of the decimated frame is this many pixels square."""


def decimate(luma: Luma) -> Luma:
    """The frame at an eighth of its size, every cell the mean of its pixels."""
    height, width = luma.shape
    size = (max(1, width // DECIMATION), max(1, height // DECIMATION))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)


def view_of(luma: Luma, small: Luma, *, still: bool = False) -> View:
    """Mean and contrast of the decimated frame; sharpness of the frame's middle, at its own resolution."""
    mean, deviation = cv2.meanStdDev(small)
    height, width = luma.shape
    middle = luma[height * 3 // 8 : height * 5 // 8 + 1, width * 3 // 8 : width * 5 // 8 + 1]
    edges = cv2.Laplacian(middle, cv2.CV_16S)
    sharpness = float(cv2.meanStdDev(edges)[1][0, 0]) ** 2
    return View(float(mean[0, 0]), float(deviation[0, 0]), sharpness, still)
