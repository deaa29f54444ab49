"""The camera thread: puts frames into the frame slot and reopens a failed camera."""

import logging
import time

from kiosk.app.sources.frame_slot import LatestFrameSlot
from kiosk.app.sources.idle_detector import IdleDetector
from kiosk.core.frame import Frame, Luma
from kiosk.core.ports import Camera, CameraError
from kiosk.decoding.frame_quality import decimate_frame
from kiosk.decoding.motion_gate import has_changed

log = logging.getLogger(__name__)

REOPEN_DELAY_S = 1.0
MOTION_REFERENCE_INTERVAL_S = 0.4


class CameraWorker:
    """One thread calls `step`. Any thread may read the public attributes."""

    def __init__(
        self,
        camera: Camera,
        frame_slot: LatestFrameSlot,
        timeout_s: float,
        idle_detector: IdleDetector | None = None,
        idle_interval_s: float = 0.5,
    ) -> None:
        """While idle, it captures one frame every `idle_interval_s`. The presence sensor ends this pause at once."""
        self._idle_detector = idle_detector
        self._idle_interval_s = idle_interval_s
        self._reference: Luma | None = None
        self._compared_s = 0.0
        self._camera = camera
        self._frame_slot = frame_slot
        self._timeout_s = timeout_s
        self._open = False
        self._closing = False
        self.error = ""
        """Last error of the driver. Empty while frames arrive."""
        self.last_frame_number = 0
        self.last_loop_s = time.monotonic()
        """Monotonic time of the last iteration: a frame, a timeout or a failed attempt to open."""

    def step(self) -> float:
        """Capture one frame. The sensor sets the frame rate. Returns the delay until the next step, seconds."""
        self.last_loop_s = time.monotonic()
        try:
            if not self._open:
                self._camera.open()
                self._open = True
            frame = self._camera.capture(self._timeout_s)
        except CameraError as error:
            self._mark_failed(str(error))
            return REOPEN_DELAY_S
        self._frame_slot.put(frame)
        self.last_frame_number = frame.number
        if self.error:
            log.info("camera recovered")
            self.error = ""
        if self._idle_detector is not None:
            self._wait_if_idle(frame, self._idle_detector)
        return 0.0

    def _wait_if_idle(self, frame: Frame, idle_detector: IdleDetector) -> None:
        """The gate has the frame already. Frames 0.4 s apart are compared, so that a slow walk counts as motion."""
        small = decimate_frame(frame.luma)
        if has_changed(small, self._reference):
            idle_detector.on_motion()
        if self._reference is None or frame.captured_s - self._compared_s >= MOTION_REFERENCE_INTERVAL_S:
            self._reference, self._compared_s = small, frame.captured_s
        if idle_detector.is_idle and not self._closing:
            idle_detector.wait_idle(self._idle_interval_s)

    def close(self) -> None:
        """Close the camera, which ends a running capture. The main thread calls it after the stop event is set."""
        self._closing = True
        if self._idle_detector is not None:
            self._idle_detector.wake()
        self._camera.close()

    def _mark_failed(self, error: str) -> None:
        if not self.error and not self._closing:
            log.error("camera failed: %s. Retrying.", error)
        self.error = error
        self._open = False
        self._camera.close()
