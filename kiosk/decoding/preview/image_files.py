"""Picture files in and out: whatever OpenCV opens (png, jpg, webp, ...) as luma, and views that may be kept."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from kiosk.core.frame import Luma
from kiosk.core.model import Corners
from kiosk.core.ports import KioskError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".pgm", ".tif", ".tiff"})
MAX_PICTURE_BYTES = 64 * 1024 * 1024
_COARSE_PX = 16  # modules up to that size become one grey


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


def save_masked(luma: Luma, codes: Iterable[Corners], path: Path) -> None:
    """Write a view as PNG in which no code can be read: coarse cells, and codes painted over. Raises PictureTrouble."""
    height, width = luma.shape
    cells = (max(1, width // _COARSE_PX), max(1, height // _COARSE_PX))
    coarse = cv2.resize(luma, cells, interpolation=cv2.INTER_AREA)
    shown = cv2.cvtColor(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2BGR)
    for corners in codes:
        outline = np.array(corners).astype(np.int32).reshape(-1, 1, 2)
        cv2.fillPoly(shown, [outline], (120, 200, 120))
        cv2.polylines(shown, [outline], True, (0, 120, 0), 3)
    try:
        path.write_bytes(cv2.imencode(".png", shown)[1].tobytes())
    except OSError as trouble:
        raise PictureTrouble(f"{path}: cannot be written: {trouble.strerror}") from trouble


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
