"""Picture files as luma: whatever OpenCV opens (png, jpg, webp, ...), grey, whole, in one array."""

from pathlib import Path

import cv2
import numpy as np

from kiosk.model import Luma
from kiosk.ports import KioskError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".pgm", ".tif", ".tiff"})
MAX_PICTURE_BYTES = 64 * 1024 * 1024


class PictureTrouble(KioskError):
    """A file that cannot be opened as a picture; the sentence says why."""


def load_luma(path: Path) -> Luma:
    """Open a picture: uint8 (height, width), owned by the caller; what is transparent is white. Raises PictureTrouble."""
    try:
        size = path.stat().st_size
        if size > MAX_PICTURE_BYTES:
            raise PictureTrouble(f"{path}: {size} bytes are more than a picture may have ({MAX_PICTURE_BYTES})")
        raw = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as trouble:
        raise PictureTrouble(f"{path}: cannot be read: {trouble.strerror}") from trouble
    if not raw.size:
        raise PictureTrouble(f"{path}: the file is empty")
    try:
        picture = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED)
    except cv2.error as trouble:
        raise PictureTrouble(f"{path}: not a picture that can be opened ({trouble.err})") from trouble
    if picture is None:
        raise PictureTrouble(f"{path}: not a picture, or a broken one")
    return _luma(np.asarray(picture))


def folder_pictures(folder: Path) -> list[Path]:
    """All picture files below a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _luma(picture: np.ndarray) -> Luma:
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
