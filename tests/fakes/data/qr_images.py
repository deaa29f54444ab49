"""Rendered images of QR codes: rotated, blurred, placed in frames."""

import cv2
import numpy as np
import segno

from kiosk.core.frame import Frame, Luma

WIDTH, HEIGHT = 640, 480


def code_picture(data: bytes | str, module_px: int = 4, *, error: str = "m", light: int = 235, dark: int = 20) -> Luma:
    """One upright code with its quiet zone."""
    symbol = segno.make(data, error=error, micro=False, boost_error=False, encoding=None)
    modules = np.array([[bool(bit) for bit in row] for row in symbol.matrix_iter(border=4)])
    return np.kron(np.where(modules, dark, light), np.ones((module_px, module_px))).astype(np.uint8)


def scene(*codes: Luma, background: int = 120, width: int = WIDTH, height: int = HEIGHT, seed: int = 5) -> Luma:
    """A frame with codes side by side, from left to right, and some sensor noise."""
    frame = np.full((height, width), background, np.float64)
    x = 20
    for code in codes:
        h, w = code.shape
        y = (height - h) // 2
        frame[y : y + h, x : x + w] = code
        x += w + 20
    return noisy(frame, 2.0, seed)


def noisy(picture: np.ndarray, sigma: float, seed: int) -> Luma:
    """Add sensor noise."""
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def turned(picture: Luma, degrees: float, width: int = WIDTH, height: int = HEIGHT, background: int = 120) -> Luma:
    """An image rotated in the middle of a frame."""
    h, w = picture.shape
    matrix = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), degrees, 1.0)
    matrix[:, 2] += ((width - w) / 2, (height - h) / 2)
    border = cv2.BORDER_CONSTANT
    return np.asarray(
        cv2.warpAffine(picture, matrix, (width, height), borderMode=border, borderValue=background), np.uint8
    )


def smeared(picture: Luma, length_px: int) -> Luma:
    """Horizontal motion blur."""
    return np.asarray(cv2.blur(picture, (length_px, 1)), np.uint8)


def frames(*pictures: Luma, interval_s: float = 1 / 15, started_s: float = 100.0) -> list[Frame]:
    """Images as frames of a camera, evenly spaced in time."""
    return [Frame(picture, number, started_s + number * interval_s) for number, picture in enumerate(pictures)]
