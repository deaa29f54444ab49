"""Stands in for the camera of a gate that has a scanner only: frames without pixels, which keep the loops of the daemon running."""

import threading
import time

import numpy as np

from kiosk.core.frame import Frame
from kiosk.core.ports import CameraError

FRAME_INTERVAL_S = 0.5


class BlankCamera:
    """A Camera that always works. One thread. `close` may come from another."""

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._number = 0

    def open(self) -> None:
        """See Camera."""
        self._closed.clear()
        self._number = 0

    def capture(self, timeout_s: float) -> Frame:
        """See Camera."""
        if self._closed.wait(min(timeout_s, FRAME_INTERVAL_S)):
            raise CameraError("closed")
        self._number += 1
        return Frame(np.zeros((0, 0), np.uint8), self._number, time.monotonic())

    def close(self) -> None:
        """See Camera. It ends a running capture."""
        self._closed.set()
