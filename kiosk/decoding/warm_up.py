"""The rehearsal: the cascade's engines work once before the first person comes, on a picture that nobody shows.

Their code is read from the card when it first runs. On an emulated Pi 3B the first frame took more than two seconds for that,
and counted as one that hangs.
"""

import cv2
import numpy as np

from kiosk.core.frame import Frame, Luma
from kiosk.core.model import DecodeResult
from kiosk.decoding.cascade import Cascade
from kiosk.decoding.locate.symbol import known_modules

VERSION = 5
_MODULE_PX = 5
_QUIET_MODULES = 4


def rehearse(width: int, height: int) -> DecodeResult:
    """Read such a picture with all stages, however long it takes; what comes of it is nothing. Any thread."""
    return Cascade(frame_budget_s=60.0, motion_gate=False).read(Frame(picture(width, height), 0, 0.0))


def picture(width: int, height: int) -> Luma:
    """uint8 (height, width), each at least 240: a blurred symbol in the middle, in which there is no message."""
    known = known_modules(VERSION)
    side = np.arange(known.light.shape[0])
    # Looks like one; no error correction fits it.
    filling = (side[:, None] * 7 + side[None, :] * 13 + side[:, None] * side[None, :]) % 3 == 0
    modules = np.pad(np.where(known.fixed, known.light, filling), _QUIET_MODULES, constant_values=True)
    symbol = np.kron(np.where(modules, np.uint8(220), np.uint8(40)), np.ones((_MODULE_PX, _MODULE_PX), np.uint8))
    luma: Luma = np.full((height, width), 128, np.uint8)
    top, left = (height - symbol.shape[0]) // 2, (width - symbol.shape[1]) // 2
    luma[top : top + symbol.shape[0], left : left + symbol.shape[1]] = symbol
    return np.asarray(cv2.GaussianBlur(luma, (0, 0), 2.0), np.uint8)
