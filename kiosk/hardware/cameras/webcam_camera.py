"""Driver of a USB camera through OpenCV, for sites without a CSI module and for laptops.

OpenCV's read() has no timeout. So a separate thread reads, and capture() waits for its result with a timeout. A read that hangs
leaves that daemon thread behind. The device is then busy until the process ends.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from kiosk.core.frame import Frame, Luma
from kiosk.core.ports import CameraError
from kiosk.hardware.cameras import v4l2_controls

_log = logging.getLogger(__name__)


class VideoCapture(Protocol):
    """The part of cv2.VideoCapture that is used."""

    def isOpened(self) -> bool:  # noqa: N802  OpenCV's name
        """Whether the device was found and opened."""

    def set(self, prop_id: int, value: float, /) -> bool:
        """Request a size or rate. False if the device does not support it."""

    def read(self) -> tuple[bool, Any]:
        """Wait for the next image: (True, BGR or grey array), or (False, None) if the device is gone."""

    def release(self) -> None:
        """Release the device."""


class WebcamCamera:
    """Camera number `index` of the machine (/dev/videoN on Linux)."""

    def __init__(
        self,
        index: int,
        *,
        width: int = 1280,
        height: int = 720,
        frames_per_s: float = 15.0,
        flicker_hz: int = 50,
        rotation: int = 0,
        open_device: Callable[[int], VideoCapture] | None = None,
        apply_controls: Callable[[Path, int], list[str]] = v4l2_controls.apply_controls,
    ) -> None:
        self._size = (width, height)
        self._frames_per_s = frames_per_s
        self._flicker_hz = flicker_hz
        self._upside_down = rotation == 180
        self._apply_controls = apply_controls
        self._index = index
        self._open_device = open_device or _open_video
        self._capture_thread: _CaptureThread | None = None

    def open(self) -> None:
        """Open the device and start reading. Raises CameraError."""
        self.close()
        video = self._open_device(self._index)
        if not video.isOpened():
            video.release()
            raise CameraError(f"webcam:{self._index}: cannot be opened. Is another program using it?")
        video.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
        video.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        video.set(cv2.CAP_PROP_FPS, self._frames_per_s)
        video.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an old image may show a person who has left
        device = Path(f"/dev/video{self._index}")
        _log.info("camera: %s, set: %s", device, ", ".join(self._apply_controls(device, self._flicker_hz)) or "nothing")
        self._capture_thread = _CaptureThread(video, f"webcam:{self._index}", upside_down=self._upside_down)

    def capture(self, timeout_s: float) -> Frame:
        """The newest frame that was not returned yet. Raises CameraError."""
        reader = self._capture_thread
        if reader is None:
            raise CameraError(f"webcam:{self._index}: not open")
        return reader.take(timeout_s)

    def close(self) -> None:
        """Stop reading. The reading thread releases the device when its read returns."""
        reader, self._capture_thread = self._capture_thread, None
        if reader is not None:
            reader.stop()


class _CaptureThread:
    """Reads one opened device in its own thread and keeps the newest frame."""

    def __init__(self, video: VideoCapture, name: str, *, upside_down: bool) -> None:
        self._video = video
        self._name = name
        self._upside_down = upside_down
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._last_number = 0
        self._end_reason = ""  # why no further frame comes
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> Frame:
        with self._changed:
            came = self._changed.wait_for(lambda: bool(self._end_reason) or self._new_frame() is not None, timeout_s)
            frame = self._new_frame()
            if frame is not None:
                self._last_number = frame.number
                return frame
            if not came:
                raise CameraError(f"{self._name}: no frame for {timeout_s:g} s")
            raise CameraError(f"{self._name}: {self._end_reason}")

    def stop(self) -> None:
        self._end("closed")
        self._thread.join(timeout=1.0)  # a hanging read is left to its daemon thread

    def _new_frame(self) -> Frame | None:
        return self._frame if self._frame is not None and self._frame.number > self._last_number else None

    def _run(self) -> None:
        number = 0
        try:
            while not self._end_reason:
                good, picture = self._video.read()
                captured_s = time.monotonic()
                if not good:
                    self._end("no frame. Was it unplugged?")
                    return
                number += 1
                frame = Frame(self._to_luma(picture), number, captured_s)
                with self._changed:
                    self._frame = frame
                    self._changed.notify_all()
        except cv2.error as error:
            self._end(f"OpenCV: {error}")
        finally:
            self._video.release()

    def _to_luma(self, picture: Any) -> Luma:
        luma: Luma = np.asarray(picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        return np.ascontiguousarray(luma[::-1, ::-1]) if self._upside_down else luma

    def _end(self, reason: str) -> None:
        with self._changed:
            self._end_reason = self._end_reason or reason
            self._changed.notify_all()


def _open_video(index: int) -> VideoCapture:
    device = Path(f"/dev/video{index}")
    linux = Path("/dev").is_dir() and Path("/sys/class").is_dir()
    if linux and not device.exists():  # checked first, because OpenCV prints its own warning
        raise CameraError(f"webcam:{index}: no {device}. Plug the camera in, or configure another number")
    return cv2.VideoCapture(index)
