"""Fakes of cv2.VideoCapture (USB camera) and picamera2.Picamera2 (Pi camera), as far as our drivers use them."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kiosk.core.ports import Camera, CameraError


class FakeVideo:
    """Fake cv2.VideoCapture. `read` returns the pictures and then hangs until `release_read` is set."""

    def __init__(self, pictures: list[Any], *, opened: bool = True) -> None:
        self._pictures = pictures
        self._opened = opened
        self.release_read = threading.Event()
        self.released = threading.Event()
        self.asked: dict[int, float] = {}

    def isOpened(self) -> bool:  # noqa: N802  OpenCV's name
        return self._opened

    def set(self, prop_id: int, value: float, /) -> bool:
        self.asked[prop_id] = value
        return True

    def read(self) -> tuple[bool, Any]:
        if not self._pictures:
            self.release_read.wait()
            return False, None
        found = self._pictures.pop(0)
        return found is not None, found

    def release(self) -> None:
        self.released.set()


def bgr(value: int) -> NDArray[np.uint8]:
    made = np.zeros((48, 64, 3), np.uint8)
    made[0, 0] = value
    return made


class FakeSensor:
    """Fake picamera2.Picamera2. The system tests of the camera use the real one."""

    cameras: list[dict[str, str]] = []  # noqa: RUF012  set in the subclass of a test
    controls: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, number: int) -> None:
        self.camera_controls = self.controls
        self.camera_properties = {"Model": "fake"}
        self.camera_config: dict[str, Any] = {}
        self.closed = False
        self.cancelled = threading.Event()
        self.picture: NDArray[np.uint8] | None = None

    @classmethod
    def global_camera_info(cls) -> list[dict[str, str]]:
        return cls.cameras

    def create_video_configuration(self, **asked: Any) -> dict[str, Any]:
        unknown = set(asked["controls"]) - set(self.controls)
        if unknown:
            raise RuntimeError(f"Control {unknown} is not advertised by libcamera")
        return asked

    def configure(self, asked: dict[str, Any]) -> None:
        self.camera_config = asked
        width, height = asked["lores"]["size"]
        self.picture = np.full((height * 3 // 2, width + 64), 128, np.uint8)  # rows are padded on a Pi
        self.picture[:height, :width] = 77

    def start(self) -> None:
        return

    def capture_array(self, name: str, *, wait: bool) -> str:
        assert (name, wait) == ("lores", False)
        return "job"

    def wait(self, job: str, *, timeout: float) -> NDArray[np.uint8]:
        if self.picture is None:
            if self.cancelled.wait(timeout):
                raise CancelledError
            raise TimeoutError
        return self.picture

    def cancel_all_and_flush(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.closed = True


def sensor_class(**attributes: Any) -> Callable[[], type[FakeSensor]]:
    made = type("Sensor", (FakeSensor,), {"cameras": [{"Model": "fake"}], **attributes})
    return lambda: made


def error_of_pending_capture_on_close(camera: Camera) -> str:
    """Close the camera while another thread waits for a frame. Returns the error of that capture, empty if there is none."""
    errors: list[str] = []

    def capture() -> None:
        try:
            camera.capture(60.0)
        except CameraError as error:
            errors.append(str(error))

    thread = threading.Thread(target=capture)
    thread.start()
    camera.close()
    thread.join(10.0)
    return "".join(errors)
