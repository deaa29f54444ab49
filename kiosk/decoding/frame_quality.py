"""Quality measurements of a frame, taken from a decimated copy at little cost."""

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.core.model import FrameQuality

DECIMATION = 8
"""One cell of the decimated frame covers a square with this many pixels per side."""


def decimate_frame(luma: Luma) -> Luma:
    """The frame at an eighth of its size. Each cell is the mean of its pixels."""
    small = luma  # three halvings, because OpenCV has a fast path for each: together a sixth of the time of one step
    for _ in range(3):
        height, width = small.shape
        small = np.asarray(
            cv2.resize(small, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA), np.uint8
        )
    return small


def measure_quality(luma: Luma, small: Luma, *, is_static: bool = False) -> FrameQuality:
    """Mean and contrast are of the decimated frame, sharpness is of the frame's middle at half size."""
    mean, deviation = cv2.meanStdDev(small)
    height, width = luma.shape
    middle = luma[height // 4 : height * 3 // 4 + 1, width // 4 : width * 3 // 4 + 1]
    halved = cv2.resize(middle, (middle.shape[1] // 2 + 1, middle.shape[0] // 2 + 1), interpolation=cv2.INTER_AREA)
    edges = cv2.Laplacian(halved, cv2.CV_16S)
    sharpness = float(cv2.meanStdDev(edges)[1][0, 0]) ** 2
    return FrameQuality(float(mean[0, 0]), float(deviation[0, 0]), sharpness, is_static)
