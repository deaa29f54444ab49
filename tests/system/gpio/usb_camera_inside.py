"""A USB camera on real V4L2 and real OpenCV (the kernel's virtual camera, vivid). Runs in the machine of test_gpio.py.

The driver is kiosk/hardware/cameras/webcam_camera.py as shipped.
Unplugging is the kernel's own: the driver is taken from the device.
"""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kiosk.core.ports import CameraError
from kiosk.hardware.cameras import v4l2_controls
from kiosk.hardware.cameras.webcam_camera import WebcamCamera

DRIVER = Path("/sys/bus/platform/drivers/vivid")
CAPTURE_S = 20.0
_tick = threading.Event()


def camera_number() -> int:
    """Of the device that gives pictures; vivid makes others as well."""
    for device in sorted(Path("/sys/class/video4linux").iterdir()):
        if (device / "name").read_text().strip().endswith("vid-cap"):
            return int(device.name.removeprefix("video"))
    raise AssertionError("there is no virtual camera")


def error_of(act: Callable[[], object]) -> str:
    """What the driver says, sooner or later."""
    ends_s = time.monotonic() + 60.0
    while time.monotonic() < ends_s:
        try:
            act()
        except CameraError as error:
            return str(error)
    raise AssertionError("no error was raised")


def main() -> None:
    number = camera_number()
    device = Path(f"/dev/video{number}")
    camera = WebcamCamera(number, width=640, height=480, frames_per_s=5.0)
    camera.open()
    frames = [camera.capture(CAPTURE_S) for _ in range(3)]
    assert [frame.luma.shape for frame in frames] == [(480, 640)] * 3, frames[0].luma.shape
    assert all(float(np.std(frame.luma)) > 20.0 for frame in frames), "the test picture has bars"
    assert not np.array_equal(frames[0].luma, frames[2].luma), "the same picture twice"
    taken = error_of(WebcamCamera(number).open)
    (DRIVER / "unbind").write_text("vivid.0")
    unplugged = error_of(lambda: camera.capture(CAPTURE_S))
    camera.close()
    absent = error_of(camera.open)
    (DRIVER / "bind").write_text("vivid.0")
    while not device.exists():
        _tick.wait(0.1)
    camera.open()
    again = camera.capture(CAPTURE_S)
    camera.close()
    assert again.luma.shape == (480, 640)
    texts = {
        "has": v4l2_controls.apply_controls(device, 50),
        "taken": taken,
        "unplugged": unplugged,
        "absent": absent,
    }
    print(json.dumps(texts))


if __name__ == "__main__":
    main()
