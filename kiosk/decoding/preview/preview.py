"""The aiming preview: a small image in memory with all codes painted over, and advice on what to change.

A code in an image belongs to a person (docs/explanation, privacy). So the image is searched as thoroughly as a kiosk can before
it leaves, and each code found is painted over. Aiming needs only the outline of the code, which is given instead.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from kiosk.core.frame import Frame, Luma
from kiosk.core.model import Corners, FrameQuality
from kiosk.core.ports import KioskError
from kiosk.decoding.cascade import Cascade
from kiosk.decoding.preview.aiming import AimingAdvice, aiming_advice, is_near_edge
from kiosk.decoding.preview.redaction import redact_codes
from kiosk.decoding.time_limit import TimeLimitedDecoder

MAX_SIZE_PX = (640, 480)
"""Enough to judge focus and aim. Fits into one response of the control socket."""
MAX_JPEG_BYTES = 48_000
"""As base64 this leaves room for the page around it within 100 kB."""
FRAME_TIMEOUT_S = 1.5
DECODE_TIMEOUT_S = 1.5
_DECODE_BUDGET_S = 0.8  # time for all slow stages on one frame
_JPEG_QUALITIES = (85, 70, 55, 40, 25, 10, 3)


class PreviewError(KioskError):
    """No preview is available. The message says why."""


@dataclass(frozen=True, slots=True)
class PreviewImage:
    """One preview with its measurements."""

    jpeg: bytes = field(repr=False)
    """Greyscale, at most MAX_JPEG_BYTES and MAX_SIZE_PX. No code of any kind can be read in it."""
    size_px: tuple[int, int]
    """Width and height of the JPEG."""
    frame_size_px: tuple[int, int]
    """Width and height of the camera frame."""
    quality: FrameQuality
    module_px: float | None
    """Of the first code in it, in frame pixels. None if there is no code."""
    codes: tuple[Corners, ...]
    """Outlines of the codes that were read and painted over, in JPEG pixels."""
    advice: tuple[AimingAdvice, ...]


class CameraPreview:
    """Takes previews without the gate's thread. One thread calls it. `close` may come from another."""

    def __init__(self, next_frame: Callable[[float], Frame | None]) -> None:
        """`next_frame(timeout_s)` returns a copy of the camera's next frame, or None if none came."""
        self._next_frame = next_frame
        self._lock = threading.Lock()
        self._decoder: TimeLimitedDecoder | None = None

    def capture(self) -> PreviewImage:
        """A preview of the next frame. Raises PreviewError, and DecoderHungError if too many decoders hang."""
        frame = self._next_frame(FRAME_TIMEOUT_S)
        if frame is None or not frame.luma.size:
            raise PreviewError("The camera delivers no image. The health checks say why.")
        sight = self._get_decoder().decode(frame)
        if sight.frame_quality is None:
            raise PreviewError("The image could not be searched for codes in time, so it is not shown. Try again.")
        module_px = next((reading.module_px for reading in sight.codes if reading.module_px), None)
        height, width = frame.luma.shape
        small, scale = _downscale(frame.luma)
        codes = tuple(_scale_corners(reading.corners, scale) for reading in sight.codes if reading.corners)
        size_px = (small.shape[1], small.shape[0])
        small = redact_codes(small, codes)
        return PreviewImage(
            jpeg=_encode_jpeg(small),
            size_px=size_px,
            frame_size_px=(width, height),
            quality=sight.frame_quality,
            module_px=module_px,
            codes=codes,
            advice=aiming_advice(
                sight.frame_quality, module_px, near_edge=bool(codes) and is_near_edge(codes[0], size_px)
            ),
        )

    def close(self) -> None:
        """Let the decoder thread end."""
        with self._lock:
            if self._decoder is not None:
                self._decoder.close()

    def _get_decoder(self) -> TimeLimitedDecoder:
        """Created at the first preview: most kiosks are never aimed again."""
        with self._lock:
            if self._decoder is None:
                self._decoder = TimeLimitedDecoder(
                    lambda: Cascade(motion_gate=False, frame_budget_s=_DECODE_BUDGET_S, is_known_format=lambda _: True),
                    limit_s=DECODE_TIMEOUT_S,
                )
            return self._decoder


def _downscale(luma: Luma) -> tuple[Luma, float]:
    height, width = luma.shape
    scale = min(1.0, MAX_SIZE_PX[0] / width, MAX_SIZE_PX[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _scale_corners(corners: Corners, scale: float) -> Corners:
    one, two, three, four = ((x * scale, y * scale) for x, y in corners)
    return one, two, three, four


def _encode_jpeg(picture: Luma) -> bytes:
    """The best quality that fits. At the lowest quality even pure noise fits."""
    for quality in _JPEG_QUALITIES:
        jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(jpeg) <= MAX_JPEG_BYTES:
            return jpeg
    raise PreviewError("The image is too large to be shown.")
