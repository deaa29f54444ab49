"""The camera's thread: frames into the mailbox, and a dead camera opened again until it lives."""

import logging
import time

from kiosk.app.frame_slot import Mailbox
from kiosk.app.idle_detector import Presence
from kiosk.core.frame import Frame, Luma
from kiosk.core.ports import Camera, CameraTrouble
from kiosk.decoding.frame_quality import decimate
from kiosk.decoding.motion_gate import has_changed

log = logging.getLogger(__name__)

REOPEN_AFTER_S = 1.0
REST_REFERENCE_S = 0.4


class CameraLoop:
    """`step` belongs to one thread; the plain attributes may be read from any."""

    def __init__(
        self, camera: Camera, frame_slot: Mailbox, timeout_s: float, idle_detector: Presence | None = None, idle_interval_s: float = 0.5
    ) -> None:
        """While `presence` rests, a frame is taken every `rest_s` only; whoever comes ends the pause."""
        self._presence = idle_detector
        self._rest_s = idle_interval_s
        self._reference: Luma | None = None
        self._compared_s = 0.0
        self._camera = camera
        self._mailbox = frame_slot
        self._timeout_s = timeout_s
        self._open = False
        self._closing = False
        self.trouble = ""
        """Why there is no picture, in the driver's words; empty while there is."""
        self.last_frame = 0
        """Number of the newest frame."""
        self.turned_s = time.monotonic()
        """Monotonic time of the last turn of this loop, be it a picture, a timeout or a failed attempt to open."""

    def step(self) -> float:
        """Capture one frame; the sensor itself sets the pace. Returns the delay until the next step."""
        self.turned_s = time.monotonic()
        try:
            if not self._open:
                self._camera.open()
                self._open = True
            frame = self._camera.capture(self._timeout_s)
        except CameraTrouble as trouble:
            self._went_down(str(trouble))
            return REOPEN_AFTER_S
        self._mailbox.put(frame)
        self.last_frame = frame.number
        if self.trouble:
            log.info("the camera is back")
            self.trouble = ""
        if self._presence is not None:
            self._rest(frame, self._presence)
        return 0.0

    def _rest(self, frame: Frame, idle_detector: Presence) -> None:
        """The gate already has the frame. A slow walk is a change against a picture of half a second ago."""
        small = decimate(frame.luma)
        if has_changed(small, self._reference):
            idle_detector.moved()
        if self._reference is None or frame.captured_s - self._compared_s >= REST_REFERENCE_S:
            self._reference, self._compared_s = small, frame.captured_s
        if idle_detector.resting and not self._closing:
            idle_detector.pause(self._rest_s)

    def close(self) -> None:
        """Stop the sensor, so that a capture under way ends; the main thread's, after the stop event was set."""
        self._closing = True
        if self._presence is not None:
            self._presence.wake()
        self._camera.close()

    def _went_down(self, error: str) -> None:
        if not self.trouble and not self._closing:
            log.error("no picture: %s; trying again until there is one", error)
        self.trouble = error
        self._open = False
        self._camera.close()
