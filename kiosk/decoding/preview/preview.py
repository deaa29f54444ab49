"""A still picture for whoever aims the camera: small, every code in it painted over, with what to change. It lives in memory only.

A code in a picture is somebody's code (law 2), so the picture is searched as hard as a kiosk can before it leaves, and what
was read is painted over; its outline is told instead, which is what aiming needs.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np

from kiosk.core.frame import Frame, Luma
from kiosk.core.model import Corners, FrameQuality
from kiosk.core.ports import KioskError
from kiosk.decoding.cascade import Cascade
from kiosk.decoding.engines.zxing import whereabouts
from kiosk.decoding.preview.aiming import Advice, is_aside, judge_view
from kiosk.decoding.time_limit import BoundedDecoder

SIZE_PX = (640, 480)
"""The most of the picture that leaves: focus and aim can be judged, and it fits into one answer of the control socket."""
MAX_JPEG_BYTES = 48_000
"""As base64 it leaves room for the page around it within 100 kB."""
FRAME_WITHIN_S = 1.5
READ_WITHIN_S = 1.5
_SEARCH_S = 0.8  # all heavy stages take their turn on the one frame
_MARGIN = 1.3  # a code's quiet zone and what its corners lack are painted over as well
_LEAST_MARGIN_PX = 6.0  # a barcode's corners may lie on one line
_QUALITIES = (85, 70, 55, 40, 25, 10, 3)
_PAINT = 128
_COARSE_PX = 16
_PAINTINGS = 4


class NoStill(KioskError):
    """There is no picture to aim by; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Still:
    """One look through the camera."""

    jpeg: bytes = field(repr=False)
    """Greyscale, at most MAX_JPEG_BYTES, SIZE_PX at most; no code of any kind can be read in it."""
    size_px: tuple[int, int]
    """Width and height of the JPEG."""
    camera_px: tuple[int, int]
    """Width and height of the picture that the kiosk reads."""
    view: FrameQuality
    module_px: float | None
    """Of the first code in it, in the camera's pixels; None where there is none."""
    codes: tuple[Corners, ...]
    """Where codes were read and painted over, in the JPEG's pixels."""
    advice: tuple[Advice, ...]


class Viewfinder:
    """Looks through the camera without the gate's thread. One thread asks; `close` may come from another."""

    def __init__(self, next_frame: Callable[[float], Frame | None]) -> None:
        """`next_frame(timeout_s)` gives a copy of the camera's next frame, or None where none came."""
        self._next_frame = next_frame
        self._making = threading.Lock()
        self._decoder: BoundedDecoder | None = None

    def look(self) -> Still:
        """A picture of this moment. Raises NoStill, and ReadingStuck where pictures cannot be searched any more."""
        frame = self._next_frame(FRAME_WITHIN_S)
        if frame is None:
            raise NoStill("The camera gives no picture; the self-check says why.")
        sight = self._reader().read(frame)
        if sight.frame_quality is None:
            raise NoStill("The picture could not be searched for codes in time, so it is not shown; try again.")
        module_px = next((reading.module_px for reading in sight.codes if reading.module_px), None)
        height, width = frame.luma.shape
        small, scale = _shrunk(frame.luma)
        codes = tuple(_scaled(reading.corners, scale) for reading in sight.codes if reading.corners)
        size_px = (small.shape[1], small.shape[0])
        small = _without_codes(small, codes)
        return Still(
            jpeg=_packed(small),
            size_px=size_px,
            camera_px=(width, height),
            view=sight.frame_quality,
            module_px=module_px,
            codes=codes,
            advice=judge_view(sight.frame_quality, module_px, near_edge=bool(codes) and is_aside(codes[0], size_px)),
        )

    def close(self) -> None:
        """Let the reading thread end."""
        with self._making:
            if self._decoder is not None:
                self._decoder.close()

    def _reader(self) -> BoundedDecoder:
        """Made at the first look: most kiosks are never aimed again."""
        with self._making:
            if self._decoder is None:
                self._decoder = BoundedDecoder(
                    lambda: Cascade(motion_gate=False, frame_budget_s=_SEARCH_S, is_known_format=lambda _: True),
                    limit_s=READ_WITHIN_S,
                )
            return self._decoder


def _shrunk(luma: Luma) -> tuple[Luma, float]:
    height, width = luma.shape
    scale = min(1.0, SIZE_PX[0] / width, SIZE_PX[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _scaled(corners: Corners, scale: float) -> Corners:
    one, two, three, four = ((x * scale, y * scale) for x, y in corners)
    return one, two, three, four


def _without_codes(picture: Luma, codes: Iterable[Corners]) -> Luma:
    """A picture in which no code of any kind is found any more; a coarse one where painting does not help."""
    painted = picture.copy()
    _paint(painted, codes)
    for _ in range(_PAINTINGS):
        found = whereabouts(painted)
        if not found:
            return painted
        _paint(painted, found)
    height, width = painted.shape
    cells = (max(1, width // _COARSE_PX), max(1, height // _COARSE_PX))
    coarse = cv2.resize(painted, cells, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _paint(picture: Luma, codes: Iterable[Corners]) -> None:
    for corners in codes:
        outline = np.array(corners, np.float64)
        middle = outline.mean(axis=0)
        outwards = outline - middle
        far = np.linalg.norm(outwards, axis=1, keepdims=True)
        grown = (middle + outwards * (_MARGIN + _LEAST_MARGIN_PX / np.maximum(far, 1.0))).round().astype(np.int32)
        cv2.fillPoly(picture, [grown.reshape(-1, 1, 2)], (_PAINT,))


def _packed(picture: Luma) -> bytes:
    """As good as fits; at the last quality even pure noise does."""
    for quality in _QUALITIES:
        jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(jpeg) <= MAX_JPEG_BYTES:
            return jpeg
    raise NoStill("The picture is too large to be shown.")
