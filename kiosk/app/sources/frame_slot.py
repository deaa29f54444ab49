"""Hands the newest frame, and the codes of a scanner, to the gate thread.

Older frames are dropped, so that the gate never decides on an old image. Codes of a scanner come once, so they wait in a queue.
"""

import threading
from collections import deque
from dataclasses import replace

from kiosk.core.frame import Frame
from kiosk.core.model import ScannedCode

MAX_SCANS = 8
"""More codes than people scan while the gate thread is busy. Beyond that the oldest is dropped."""


class LatestFrameSlot:
    """The camera thread calls `put`, the scanner thread `put_scan`, the gate thread `take` and `take_scans`."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._frame: Frame | None = None
        self._closed = False
        self._copy: Frame | None = None
        self._copy_wanted = False
        self._scans: deque[ScannedCode] = deque(maxlen=MAX_SCANS)
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

    def put_scan(self, scan: ScannedCode) -> None:
        """Add a code of a scanner."""
        with self._arrived:
            self._scans.append(scan)
            self._arrived.notify_all()

    def take_scans(self) -> tuple[ScannedCode, ...]:
        """The codes of the scanner since the last call, oldest first. Returns at once."""
        with self._arrived:
            scans = tuple(self._scans)
            self._scans.clear()
            return scans

    def take(self, timeout_s: float) -> Frame | None:
        """Wait for a frame. None after the timeout, after `close`, or when a code of a scanner came before a frame."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._frame is not None or bool(self._scans) or self._closed, timeout_s)
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
