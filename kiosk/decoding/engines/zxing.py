"""zxing-cpp as an engine: bytes, corners and module size of each code in an image.

For `BarcodeFormat.QRCode` zxing-cpp 3 also returns Micro QR and rMQR. No personal code uses those, and their weak checks turn
noise into text. So only models 1 and 2 are requested.
"""

import math
from dataclasses import dataclass

import zxingcpp

from kiosk.core.frame import Luma
from kiosk.core.model import Corners, DecodedCode

_QR_FORMATS = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCodeModel1, zxingcpp.BarcodeFormat.QRCodeModel2])
_MATRIX_FORMATS = frozenset(
    map(str, zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.AllMatrix)))
)
_MIN_SIDE_PX = 21  # a version 1 code has 21 modules, which need at least one pixel each


@dataclass(frozen=True, slots=True)
class ImagePlacement:
    """Position of a prepared image in the frame: frame = prepared * scale + (x, y)."""

    scale: float = 1.0
    x: float = 0.0
    y: float = 0.0

    def to_frame(self, corners: Corners) -> Corners:
        """Convert corners in the prepared image to corners in the frame."""
        a, b, c, d = ((px * self.scale + self.x, py * self.scale + self.y) for px, py in corners)
        return a, b, c, d


WHOLE_FRAME = ImagePlacement()


@dataclass(frozen=True, slots=True)
class ScanResult:
    """Codes found by one scan."""

    codes: tuple[DecodedCode, ...] = ()


def scan_qr_codes(
    picture: Luma,
    stage: str,
    *,
    placement: ImagePlacement = WHOLE_FRAME,
    try_invert: bool = True,
    try_downscale: bool = True,
    fixed_threshold: bool = False,
) -> ScanResult:
    """Decode all QR codes in an image (uint8, height x width, any strides). Any thread."""
    if min(picture.shape) < _MIN_SIDE_PX:
        return ScanResult()
    codes = zxingcpp.read_barcodes(
        picture,
        formats=_QR_FORMATS,
        try_rotate=False,  # a QR code is found in any rotation without it
        try_invert=try_invert,
        try_downscale=try_downscale,
        binarizer=zxingcpp.Binarizer.FixedThreshold if fixed_threshold else zxingcpp.Binarizer.LocalAverage,
    )
    readings = []
    for code in codes:
        if code.bytes:
            corners = placement.to_frame(_corners(code.position))
            readings.append(DecodedCode(code.bytes, stage, corners, _module_px(corners, code.extra)))
    return ScanResult(tuple(readings))


def with_frame_corners(reading: DecodedCode, corners: Corners, side: int) -> DecodedCode:
    """The code with its corners in the frame instead of those in the image that we drew. `side`: modules per side."""
    perimeter = sum(math.dist(corners[i], corners[i - 1]) for i in range(4))
    return DecodedCode(reading.data, reading.stage, corners, perimeter / 4 / side)


def _corners(position: zxingcpp.Position) -> Corners:
    points = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    a, b, c, d = ((float(point.x), float(point.y)) for point in points)
    return a, b, c, d


def _module_px(corners: Corners, extra: object) -> float | None:
    """Mean side divided by the number of modules on it (ISO/IEC 18004 5.3.1: 17 + 4 * version)."""
    version = extra.get("Version") if isinstance(extra, dict) else None
    if not isinstance(version, str) or not version.isdigit():
        return None
    perimeter = sum(math.dist(corners[i], corners[i - 1]) for i in range(4))
    return perimeter / 4 / (17 + 4 * int(version))


def locate_codes(picture: Luma) -> tuple[Corners, ...]:
    """Corners of all codes that zxing-cpp recognises, of any kind, decoded or not. Their content is dropped. Any thread."""
    if min(picture.shape) < _MIN_SIDE_PX:
        return ()
    found = zxingcpp.read_barcodes(picture, return_errors=True)
    return tuple(_corners(code.position) for code in found if code.valid or str(code.format) in _MATRIX_FORMATS)
