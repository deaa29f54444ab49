"""zxing-cpp as an engine: the bytes, corners and module size of every code in a picture.

zxing-cpp 3 also answers to `BarcodeFormat.QRCode` with Micro QR and rMQR; those are nobody's personal code, and their weak
checks turn noise into text. So only models 1 and 2 are asked for.
"""

import math
from dataclasses import dataclass

import zxingcpp

from kiosk.core.frame import Luma
from kiosk.core.model import Corners, DecodedCode

_MODELS = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCodeModel1, zxingcpp.BarcodeFormat.QRCodeModel2])
_MATRIX = frozenset(map(str, zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.AllMatrix))))
_SMALLEST_SIDE_PX = 21  # a version 1 code has 21 modules; below one pixel each there is nothing to read


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a prepared picture lies in the frame: frame = prepared * scale + (x, y)."""

    scale: float = 1.0
    x: float = 0.0
    y: float = 0.0

    def in_frame(self, corners: Corners) -> Corners:
        """Corners of the prepared picture as corners in the frame."""
        a, b, c, d = ((px * self.scale + self.x, py * self.scale + self.y) for px, py in corners)
        return a, b, c, d


WHOLE = Placing()


@dataclass(frozen=True, slots=True)
class Found:
    """What one look found."""

    readings: tuple[DecodedCode, ...] = ()


def scan(
    picture: Luma,
    stage: str,
    *,
    placement: Placing = WHOLE,
    try_invert: bool = True,
    try_downscale: bool = True,
    fixed_threshold: bool = False,
) -> Found:
    """Read every QR code in a picture (uint8, height x width, any strides). Any thread."""
    if min(picture.shape) < _SMALLEST_SIDE_PX:
        return Found()
    codes = zxingcpp.read_barcodes(
        picture,
        formats=_MODELS,
        try_rotate=False,  # a QR code is found in any rotation without it
        try_invert=try_invert,
        try_downscale=try_downscale,
        binarizer=zxingcpp.Binarizer.FixedThreshold if fixed_threshold else zxingcpp.Binarizer.LocalAverage,
    )
    readings = []
    for code in codes:
        if code.bytes:
            corners = placement.in_frame(_corners(code.position))
            readings.append(DecodedCode(code.bytes, stage, corners, _module_px(corners, code.extra)))
    return Found(tuple(readings))


def placed(reading: DecodedCode, corners: Corners, side: int) -> DecodedCode:
    """The reading of a picture drawn by ourselves, put where the code of so many modules a side lies in the frame."""
    perimeter = sum(math.dist(corners[i], corners[i - 1]) for i in range(4))
    return DecodedCode(reading.data, reading.stage, corners, perimeter / 4 / side)


def _corners(position: zxingcpp.Position) -> Corners:
    points = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    a, b, c, d = ((float(point.x), float(point.y)) for point in points)
    return a, b, c, d


def _module_px(corners: Corners, extra: object) -> float | None:
    """Mean side over the number of modules on it (ISO/IEC 18004 5.3.1: 17 + 4 * version)."""
    version = extra.get("Version") if isinstance(extra, dict) else None
    if not isinstance(version, str) or not version.isdigit():
        return None
    perimeter = sum(math.dist(corners[i], corners[i - 1]) for i in range(4))
    return perimeter / 4 / (17 + 4 * int(version))


def whereabouts(picture: Luma) -> tuple[Corners, ...]:
    """Where codes of any kind that zxing-cpp knows are, read or only recognised; any thread. What they say is dropped."""
    if min(picture.shape) < _SMALLEST_SIDE_PX:
        return ()
    found = zxingcpp.read_barcodes(picture, return_errors=True)
    return tuple(_corners(code.position) for code in found if code.valid or str(code.format) in _MATRIX)
