"""The Pi's camera: the controls that are set, and clear errors."""

import numpy as np
import pytest

from kiosk.core.ports import CameraError
from kiosk.hardware.cameras.picamera2_camera import Picamera2Camera, select_controls
from tests.fakes.hardware.camera_libraries import FakeSensor, error_of_pending_capture_on_close, sensor_class

EVERYTHING = dict.fromkeys(
    [
        "AeEnable", "AeMeteringMode", "AeExposureMode", "AeFlickerMode", "AeFlickerPeriod",
        "AfMode", "AfRange", "AfSpeed", "FrameDurationLimits",
    ]
)  # fmt: skip


def test_a_frame_is_the_y_plane_without_padding() -> None:
    camera = Picamera2Camera(width=640, height=480, library=sensor_class())
    camera.open()
    frame = camera.capture(1.0)
    assert frame.luma.shape == (480, 640)
    assert set(np.unique(frame.luma)) == {77}
    assert frame.luma.flags["C_CONTIGUOUS"]
    camera.close()


def test_only_controls_that_the_sensor_has_are_set() -> None:
    camera = Picamera2Camera(width=640, height=480, library=sensor_class(controls={"AeEnable": (False, True, True)}))
    camera.open()  # the fake refuses controls that are not advertised, as picamera2 does
    assert select_controls({"AeEnable": None}, frames_per_s=20.0, flicker_hz=50) == {"AeEnable": True}
    camera.close()


def test_a_module_with_autofocus_focuses_continuously() -> None:
    assert select_controls(EVERYTHING, frames_per_s=20.0, flicker_hz=50)["AfMode"] == 2


def test_the_exposure_follows_the_mains_frequency() -> None:
    wanted = select_controls(EVERYTHING, frames_per_s=20.0, flicker_hz=50)
    assert (wanted["AeFlickerMode"], wanted["AeFlickerPeriod"]) == (1, 10_000)
    assert select_controls(EVERYTHING, frames_per_s=20.0, flicker_hz=60)["AeFlickerPeriod"] == 8333
    without = select_controls(EVERYTHING, frames_per_s=20.0, flicker_hz=0)
    assert without["AeFlickerMode"] == 0
    assert "AeFlickerPeriod" not in without


def test_the_frame_rate_is_in_microseconds() -> None:
    assert select_controls(EVERYTHING, frames_per_s=20.0, flicker_hz=50)["FrameDurationLimits"] == (50_000, 50_000)


def test_a_missing_module_is_an_error_and_nothing_is_opened() -> None:
    camera = Picamera2Camera(width=640, height=480, library=sensor_class(cameras=[]))
    with pytest.raises(CameraError, match="ribbon cable"):
        camera.open()


def test_a_hanging_sensor_is_an_error_after_the_timeout_and_can_be_closed() -> None:
    made = sensor_class()
    camera = Picamera2Camera(width=640, height=480, library=made)
    camera.open()
    camera._sensor.picture = None
    with pytest.raises(CameraError, match=r"no frame for 0\.05 s"):
        camera.capture(0.05)
    sensor = camera._sensor
    camera.close()
    assert sensor.cancelled.is_set()
    assert sensor.closed


def test_close_from_another_thread_ends_a_capture() -> None:
    camera = Picamera2Camera(width=640, height=480, library=sensor_class())
    camera.open()
    sensor = camera._sensor
    sensor.picture = None
    assert error_of_pending_capture_on_close(camera)


def test_a_module_that_does_not_start_is_closed() -> None:
    opened: list[FakeSensor] = []

    def broken(self: FakeSensor) -> None:
        opened.append(self)
        raise RuntimeError("Failed to start camera: Device or resource busy")

    camera = Picamera2Camera(width=640, height=480, library=sensor_class(start=broken))
    with pytest.raises(CameraError, match="busy"):
        camera.open()
    assert opened[0].closed
