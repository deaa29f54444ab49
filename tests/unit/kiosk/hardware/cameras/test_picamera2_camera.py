"""The Pi's own camera: what is asked of the sensor, and its trouble in one clear sentence."""

import numpy as np
import pytest

from kiosk import config
from kiosk.core.ports import CameraError
from kiosk.hardware.cameras.picamera2_camera import Picamera2Camera, select_controls
from tests.fakes.parts.camera_libraries import FakeSensor, sensor_class, what_a_capture_says_when_closed

PI = config.CameraSettings(width=640, height=480, frames_per_s=20.0, flicker_hz=50)
EVERYTHING = dict.fromkeys(
    [
        "AeEnable", "AeMeteringMode", "AeExposureMode", "AeFlickerMode", "AeFlickerPeriod",
        "AfMode", "AfRange", "AfSpeed", "FrameDurationLimits",
    ]
)  # fmt: skip


def test_takes_only_the_y_plane_and_no_padding() -> None:
    camera = Picamera2Camera(PI, library=sensor_class())
    camera.open()
    frame = camera.capture(1.0)
    assert frame.luma.shape == (480, 640)
    assert set(np.unique(frame.luma)) == {77}
    assert frame.luma.flags["C_CONTIGUOUS"]
    camera.close()


def test_sets_no_control_that_the_sensor_does_not_have() -> None:
    camera = Picamera2Camera(PI, library=sensor_class(controls={"AeEnable": (False, True, True)}))
    camera.open()  # the fake refuses controls that are not advertised, as picamera2 does
    assert select_controls({"AeEnable": None}, PI) == {"AeEnable": True}
    camera.close()


def test_a_module_with_autofocus_focuses_all_the_time() -> None:
    assert select_controls(EVERYTHING, PI)["AfMode"] == 2


def test_exposure_keeps_to_the_mains() -> None:
    wanted = select_controls(EVERYTHING, PI)
    assert (wanted["AeFlickerMode"], wanted["AeFlickerPeriod"]) == (1, 10_000)
    assert select_controls(EVERYTHING, PI.model_copy(update={"flicker_hz": 60}))["AeFlickerPeriod"] == 8333
    without = select_controls(EVERYTHING, PI.model_copy(update={"flicker_hz": 0}))
    assert without["AeFlickerMode"] == 0
    assert "AeFlickerPeriod" not in without


def test_the_frame_rate_is_in_microseconds() -> None:
    assert select_controls(EVERYTHING, PI)["FrameDurationLimits"] == (50_000, 50_000)


def test_no_module_is_said_without_opening_anything() -> None:
    camera = Picamera2Camera(PI, library=sensor_class(cameras=[]))
    with pytest.raises(CameraError, match="ribbon cable"):
        camera.open()


def test_a_hanging_sensor_is_trouble_in_time_and_can_be_closed() -> None:
    made = sensor_class()
    camera = Picamera2Camera(PI, library=made)
    camera.open()
    camera._sensor.picture = None
    with pytest.raises(CameraError, match=r"no picture for 0\.05 s"):
        camera.capture(0.05)
    sensor = camera._sensor
    camera.close()
    assert sensor.cancelled.is_set()
    assert sensor.closed


def test_close_from_another_thread_wakes_a_capture() -> None:
    camera = Picamera2Camera(PI, library=sensor_class())
    camera.open()
    sensor = camera._sensor
    sensor.picture = None
    assert what_a_capture_says_when_closed(camera)


def test_a_module_that_does_not_start_is_closed_again() -> None:
    opened: list[FakeSensor] = []

    def broken(self: FakeSensor) -> None:
        opened.append(self)
        raise RuntimeError("Failed to start camera: Device or resource busy")

    camera = Picamera2Camera(PI, library=sensor_class(start=broken))
    with pytest.raises(CameraError, match="busy"):
        camera.open()
    assert opened[0].closed
