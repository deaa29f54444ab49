"""zbar as an engine through pyzbar's binding: QR only, bytes unchanged.

zbar guesses a character set and converts the text: Vietnamese in UTF-8 comes back as Shift-JIS or Big5. Its binary switch
(ZBAR_CFG_BINARY, zbar 0.23.1 and newer) turns this off. pyzbar's `decode` cannot set it, so its wrapper is called directly.
"""

from ctypes import c_char_p, c_void_p, cast, string_at
from typing import Any

import numpy as np
from pyzbar import wrapper

from kiosk.core.frame import Luma
from kiosk.core.model import Corners, DecodedCode
from kiosk.decoding.engines.zxing import WHOLE_FRAME, ImagePlacement

_Y800_FORMAT = int.from_bytes(b"Y800", "little")  # zbar's name for one byte of luma per pixel
_CFG_BINARY = 4  # ZBAR_CFG_BINARY in zbar.h
_MIN_SIDE_PX = 21


class ZbarScanner:
    """One scanner. Not for use by two threads at a time."""

    def __init__(self, *, line_step: int = 1) -> None:
        """`line_step`: search finder patterns on every n-th line only."""
        self._scanner: Any = wrapper.zbar_image_scanner_create()
        for symbol in wrapper.ZBarSymbol:
            self._configure(symbol, wrapper.ZBarConfig.CFG_ENABLE, 0)
        qr = wrapper.ZBarSymbol.QRCODE
        self._configure(qr, wrapper.ZBarConfig.CFG_ENABLE, 1)
        self._configure(qr, _CFG_BINARY, 1)
        self._configure(0, wrapper.ZBarConfig.CFG_X_DENSITY, line_step)
        self._configure(0, wrapper.ZBarConfig.CFG_Y_DENSITY, line_step)

    def _configure(self, symbol: int, config: int, value: int) -> None:
        wrapper.zbar_image_scanner_set_config(self._scanner, int(symbol), int(config), value)

    def __del__(self) -> None:
        wrapper.zbar_image_scanner_destroy(self._scanner)

    def scan(self, picture: Luma, stage: str, placement: ImagePlacement = WHOLE_FRAME) -> tuple[DecodedCode, ...]:
        """Decode all QR codes in an image (uint8, height x width)."""
        height, width = picture.shape
        if min(height, width) < _MIN_SIDE_PX:
            return ()
        pixels = np.ascontiguousarray(picture).tobytes()
        image: Any = wrapper.zbar_image_create()
        try:
            wrapper.zbar_image_set_format(image, _Y800_FORMAT)
            wrapper.zbar_image_set_size(image, width, height)
            address = cast(c_char_p(pixels), c_void_p)
            wrapper.zbar_image_set_data(image, address, len(pixels), None)
            wrapper.zbar_scan_image(self._scanner, image)
            return tuple(_readings(image, stage, placement))
        finally:
            wrapper.zbar_image_destroy(image)


def _readings(image: Any, stage: str, placement: ImagePlacement) -> list[DecodedCode]:
    readings = []
    symbol = wrapper.zbar_image_first_symbol(image)
    while symbol:
        data = string_at(wrapper.zbar_symbol_get_data(symbol), wrapper.zbar_symbol_get_data_length(symbol))
        if data:
            corners = _corners(symbol)
            readings.append(DecodedCode(data, stage, corners and placement.to_frame(corners)))
        symbol = wrapper.zbar_symbol_next(symbol)
    return readings


def _corners(symbol: Any) -> Corners | None:
    count = wrapper.zbar_symbol_get_loc_size(symbol)
    if count != 4:
        return None
    points = [
        (float(wrapper.zbar_symbol_get_loc_x(symbol, i)), float(wrapper.zbar_symbol_get_loc_y(symbol, i)))
        for i in range(4)
    ]
    # zbar's order: top left, bottom left, bottom right, top right
    return points[0], points[3], points[2], points[1]
