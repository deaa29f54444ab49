"""The camera's thread: frames into the mailbox, and a dead camera opened again until it lives."""

import logging
import time

from kiosk.mailbox import Mailbox
from kiosk.ports import Camera, CameraTrouble

log = logging.getLogger(__name__)

REOPEN_AFTER_S = 1.0


class CameraLoop:
    """`step` belongs to one thread; the plain attributes may be read from any."""

    def __init__(self, camera: Camera, mailbox: Mailbox, timeout_s: float) -> None:
        self._camera = camera
        self._mailbox = mailbox
        self._timeout_s = timeout_s
        self._open = False
        self.trouble = ""
        """Why there is no picture, in the driver's words; empty while there is."""
        self.last_frame = 0
        """Number of the newest frame."""
        self.last_frame_s: float | None = None
        """Monotonic time of the newest frame."""

    def step(self) -> float:
        """Capture one frame; the sensor itself sets the pace. Returns the delay until the next step."""
        try:
            if not self._open:
                self._camera.open()
                self._open = True
            frame = self._camera.capture(self._timeout_s)
        except CameraTrouble as trouble:
            self._went_down(str(trouble))
            return REOPEN_AFTER_S
        self._mailbox.put(frame)
        self.last_frame, self.last_frame_s = frame.number, frame.captured_s
        if self.trouble:
            log.info("the camera is back")
            self.trouble = ""
        return 0.0

    def age_s(self) -> float | None:
        """Seconds since the last frame; None before the first."""
        return None if self.last_frame_s is None else max(0.0, time.monotonic() - self.last_frame_s)

    def _went_down(self, trouble: str) -> None:
        if not self.trouble:
            log.error("no picture: %s; trying again until there is one", trouble)
        self.trouble = trouble
        self._open = False
        self._camera.close()
