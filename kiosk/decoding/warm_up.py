"""Warm-up: runs all engines once on a test image before the first visitor.

Their code is loaded from the SD card when it first runs. On an emulated Pi 3B the first frame took more than two seconds
because of that and was treated as hanging.
"""

import cv2
import numpy as np

from kiosk.core.frame import Frame, Luma
from kiosk.core.model import DecodeResult
from kiosk.decoding.cascade import Cascade
from kiosk.decoding.locate.symbol import known_modules

SYMBOL_VERSION = 5
_MODULE_PX = 5
_QUIET_MODULES = 4


def warm_up_decoder(width: int, height: int) -> DecodeResult:
    """Run all stages on a test image, without a time limit. The result is not used. Any thread."""
    return Cascade(frame_budget_s=60.0, motion_gate=False).decode(Frame(make_test_image(width, height), 0, 0.0))


def make_test_image(width: int, height: int) -> Luma:
    """uint8 (height, width), each at least 240: a blurred symbol in the middle that contains no message."""
    known = known_modules(SYMBOL_VERSION)
    side = np.arange(known.is_light.shape[0])
    # Looks like a QR code, but no error correction succeeds.
    filling = (side[:, None] * 7 + side[None, :] * 13 + side[:, None] * side[None, :]) % 3 == 0
    modules = np.pad(np.where(known.is_fixed, known.is_light, filling), _QUIET_MODULES, constant_values=True)
    symbol = np.kron(np.where(modules, np.uint8(220), np.uint8(40)), np.ones((_MODULE_PX, _MODULE_PX), np.uint8))
    luma: Luma = np.full((height, width), 128, np.uint8)
    top, left = (height - symbol.shape[0]) // 2, (width - symbol.shape[1]) // 2
    luma[top : top + symbol.shape[0], left : left + symbol.shape[1]] = symbol
    return np.asarray(cv2.GaussianBlur(luma, (0, 0), 2.0), np.uint8)
