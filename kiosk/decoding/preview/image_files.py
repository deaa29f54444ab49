"""Reads image files as luma (all formats of OpenCV: png, jpg, webp, ...) and writes masked images."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.core.model import Corners
from kiosk.core.ports import KioskError
from kiosk.decoding.preview.redaction import coarsen

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".pgm", ".tif", ".tiff"})
MAX_IMAGE_BYTES = 64 * 1024 * 1024


class ImageFileError(KioskError):
    """A file that cannot be opened as an image. The message says why."""


def load_luma(path: Path) -> Luma:
    """Open an image as uint8 (height, width), owned by the caller. Transparent pixels become white. Raises ImageFileError."""
    try:
        size = path.stat().st_size
        if size > MAX_IMAGE_BYTES:
            raise ImageFileError(f"{path}: {size} bytes are more than an image file may have ({MAX_IMAGE_BYTES})")
        raw = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise ImageFileError(f"{path}: cannot be read: {error.strerror}") from error
    if not raw.size:
        raise ImageFileError(f"{path}: the file is empty")
    try:
        picture = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageFileError(f"{path}: not an image that can be opened ({error.err})") from error
    if picture is None:
        raise ImageFileError(f"{path}: not an image, or a damaged one")
    return _to_luma(np.asarray(picture))


def list_image_files(folder: Path) -> list[Path]:
    """All image files below a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())


def save_masked_image(luma: Luma, codes: Iterable[Corners], path: Path) -> None:
    """Write a PNG in which no code can be read: coarse cells, and codes painted over. Raises ImageFileError."""
    shown = cv2.cvtColor(coarsen(luma), cv2.COLOR_GRAY2BGR)
    for corners in codes:
        outline = np.array(corners).astype(np.int32).reshape(-1, 1, 2)
        cv2.fillPoly(shown, [outline], (120, 200, 120))
        cv2.polylines(shown, [outline], True, (0, 120, 0), 3)
    try:
        path.write_bytes(cv2.imencode(".png", shown)[1].tobytes())
    except OSError as error:
        raise ImageFileError(f"{path}: cannot be written: {error.strerror}") from error


def _to_luma(picture: np.ndarray) -> Luma:
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    elif picture.dtype != np.uint8:
        picture = np.clip(picture * 255.0, 0, 255).astype(np.uint8)
    if picture.ndim == 2:
        return np.ascontiguousarray(picture)
    if picture.shape[2] == 2:  # grey and alpha
        return _on_white(picture[:, :, 0], picture[:, :, 1])
    if picture.shape[2] == 4:
        return _on_white(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2GRAY), np.uint8), picture[:, :, 3])
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def _on_white(grey: np.ndarray, alpha: np.ndarray) -> Luma:
    weight = alpha.astype(np.float32) / 255.0
    return np.asarray(grey * weight + 255.0 * (1.0 - weight) + 0.5, np.uint8)
