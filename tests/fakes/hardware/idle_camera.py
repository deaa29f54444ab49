"""A camera worker with a presence sensor and a synthetic camera, for tests and benchmark of idle mode."""

import threading
import time

import numpy as np

from kiosk.app.sources.camera_worker import CameraWorker
from kiosk.app.sources.frame_slot import LatestFrameSlot
from kiosk.app.sources.idle_detector import IdleDetector
from kiosk.core.frame import Frame, Luma


def scene(seed: int, *, walker: bool = False) -> Luma:
    noise = np.random.default_rng(seed).normal(110.0, 2.0, (240, 320))
    if walker:
        noise[40:200, 100:180] = 20.0
    return np.asarray(np.clip(noise, 0, 255), np.uint8)


class HallCamera:
    """A camera at 30 frames per second that shows an empty hall, or a person in it while `walker` is set."""

    def __init__(self) -> None:
        self.walker = False
        self.number = 0
        self._closed = threading.Event()

    def open(self) -> None:
        self._closed.clear()

    def capture(self, timeout_s: float) -> Frame:
        self._closed.wait(min(timeout_s, 1 / 30))
        self.number += 1
        return Frame(scene(self.number, walker=self.walker), self.number, time.monotonic())

    def close(self) -> None:
        self._closed.set()


class IdleCamera:
    """A camera worker in a thread, with its frame slot."""

    def __init__(self, rest_s: float) -> None:
        self.hall, self.frame_slot = HallCamera(), LatestFrameSlot()
        self.presence = IdleDetector(0.2)
        self.loop = CameraWorker(self.hall, self.frame_slot, 2.0, self.presence, rest_s)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self.loop.step()):
            continue

    def wait_until_idle(self) -> None:
        """Report an empty hall and wait until the worker is idle."""
        self.presence.on_sensor_change(False)
        ends_s = time.monotonic() + 20.0
        while not (self.presence.is_idle and self.frame_slot.take(0.2) is None):
            assert time.monotonic() < ends_s, "it never becomes idle"

    def close(self) -> None:
        self._stop.set()
        self.loop.close()
        self._thread.join()
