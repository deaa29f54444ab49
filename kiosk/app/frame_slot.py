"""Hands the newest frame to the gate thread. Older frames are dropped, so that the gate never decides on an old image."""

import threading
from dataclasses import replace

from kiosk.core.frame import Frame


class LatestFrameSlot:
    """The camera thread calls `put`, the gate thread calls `take`."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._frame: Frame | None = None
        self._closed = False
        self._copy: Frame | None = None
        self._copy_wanted = False
        self.dropped_frames = 0
        """Frames that were replaced before the gate took them."""

    def put(self, frame: Frame) -> None:
        """Store a frame. It replaces one that was not taken."""
        with self._arrived:
            if self._frame is not None:
                self.dropped_frames += 1
            self._frame = frame
            if self._copy_wanted:
                self._copy, self._copy_wanted = replace(frame, luma=frame.luma.copy()), False
            self._arrived.notify_all()

    def take(self, timeout_s: float) -> Frame | None:
        """Wait for a frame. None after the timeout or after `close`."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._frame is not None or self._closed, timeout_s)
            frame, self._frame = self._frame, None
            return frame

    def snapshot(self, timeout_s: float) -> Frame | None:
        """A copy of the next frame, which the gate gets too. None after the timeout. One thread at a time may call it."""
        with self._arrived:
            self._copy, self._copy_wanted = None, True
            self._arrived.wait_for(lambda: self._copy is not None or self._closed, timeout_s)
            copy, self._copy, self._copy_wanted = self._copy, None, False
            return copy

    def close(self) -> None:
        """Wake all waiting threads. From then on `take` returns at once."""
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()
