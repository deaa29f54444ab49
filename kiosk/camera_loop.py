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
        return 0.0

    def close(self) -> None:
        """Stop the sensor, so that a capture under way ends; the main thread's, after the stop event was set."""
        self._closing = True
        self._camera.close()

    def _went_down(self, trouble: str) -> None:
        if not self.trouble and not self._closing:
            log.error("no picture: %s; trying again until there is one", trouble)
        self.trouble = trouble
        self._open = False
        self._camera.close()
