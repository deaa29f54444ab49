"""A mailbox of one frame: the newest wins, so that the gate never decides on a picture from the past."""

import threading
from dataclasses import replace

from kiosk.core.frame import Frame


class LatestFrameSlot:
    """Between the camera's thread, which puts, and the gate's, which takes."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._frame: Frame | None = None
        self._closed = False
        self._copy: Frame | None = None
        self._copy_wanted = False
        self.dropped_frames = 0
        """Frames that nobody took before the next one came."""

    def put(self, frame: Frame) -> None:
        """Lay a frame in, over one that nobody took."""
        with self._arrived:
            if self._frame is not None:
                self.dropped_frames += 1
            self._frame = frame
            if self._copy_wanted:
                self._copy, self._copy_wanted = replace(frame, luma=frame.luma.copy()), False
            self._arrived.notify_all()

    def take(self, timeout_s: float) -> Frame | None:
        """Wait for a frame; None when none came in time, or the mailbox was closed."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._frame is not None or self._closed, timeout_s)
            frame, self._frame = self._frame, None
            return frame

    def snapshot(self, timeout_s: float) -> Frame | None:
        """A copy of the next frame laid in, which the gate gets all the same; None when none came. One thread at a time asks."""
        with self._arrived:
            self._copy, self._copy_wanted = None, True
            self._arrived.wait_for(lambda: self._copy is not None or self._closed, timeout_s)
            copy, self._copy, self._copy_wanted = self._copy, None, False
            return copy

    def close(self) -> None:
        """Wake the taker for good."""
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()
