"""Cameras of image files and of USB: each driver implements the port, and errors are clear sentences."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.core.ports import CameraError
from kiosk.hardware.cameras.factory import create_camera
from kiosk.hardware.cameras.replay_camera import ReplayCamera
from kiosk.hardware.cameras.webcam_camera import WebcamCamera
from tests.fakes.hardware.camera_libraries import FakeVideo, bgr, error_of_pending_capture_on_close

FAST = 120.0


def picture(path: Path, value: int) -> None:
    assert cv2.imwrite(str(path), np.full((48, 64), value, np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, value in (("b.png", 20), ("a.png", 10), ("c.png", 30)):
        picture(tmp_path / name, value)
    return tmp_path


class TestReplay:
    def test_the_images_are_repeated_in_the_order_of_their_names(self, folder: Path) -> None:
        camera = ReplayCamera(folder, frames_per_s=FAST)
        camera.open()
        frames = [camera.capture(2.0) for _ in range(4)]
        camera.close()
        assert [int(frame.luma[0, 0]) for frame in frames] == [10, 20, 30, 10]
        assert [frame.number for frame in frames] == [1, 2, 3, 4]

    def test_the_frame_rate_is_kept(self, folder: Path) -> None:
        now = [100.0]
        pauses: list[float] = []

        def wait(seconds: float) -> bool:
            pauses.append(seconds)
            now[0] += seconds
            return False

        camera = ReplayCamera(folder, frames_per_s=4.0, now=lambda: now[0], wait=wait)
        camera.open()
        times = [camera.capture(2.0).captured_s for _ in range(3)]
        now[0] += 10.0  # the caller was busy: no frame is owed for that time
        late = camera.capture(2.0).captured_s
        assert times == [100.0, 100.25, 100.5]
        assert late == 110.5
        assert camera.capture(2.0).captured_s == 110.75
        assert pauses == [0.25, 0.25, 0.25]

    def test_an_empty_folder_is_an_error_at_construction(self, tmp_path: Path) -> None:
        with pytest.raises(CameraError, match=r"no image in this folder"):
            create_camera(f"replay:{tmp_path}", width=640, height=480, frames_per_s=FAST)

    def test_a_path_that_is_not_a_folder_is_an_error_at_construction(self, tmp_path: Path) -> None:
        with pytest.raises(CameraError, match="not a folder"):
            create_camera(f"replay:{tmp_path}/nowhere", width=640, height=480, frames_per_s=FAST)

    def test_a_damaged_image_is_logged_once_and_skipped(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        (folder / "b.png").write_bytes(b"not a picture")
        camera = ReplayCamera(folder, frames_per_s=FAST)
        camera.open()
        values = [int(camera.capture(2.0).luma[0, 0]) for _ in range(5)]
        assert values == [10, 30, 10, 30, 10]
        assert len([record for record in caplog.records if "b.png" in record.message]) == 1

    def test_a_folder_of_damaged_images_is_an_error_not_an_endless_loop(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"not a picture")
        camera = ReplayCamera(tmp_path, frames_per_s=FAST)
        camera.open()
        with pytest.raises(CameraError, match="none of the 1 images"):
            camera.capture(2.0)

    def test_close_wakes_a_waiting_capture(self, folder: Path) -> None:
        camera = ReplayCamera(folder, frames_per_s=0.01)
        camera.open()
        camera.capture(1.0)
        assert "closed" in error_of_pending_capture_on_close(camera)

    def test_the_camera_can_be_reopened(self, folder: Path) -> None:
        camera = ReplayCamera(folder, frames_per_s=FAST)
        for _ in range(2):
            camera.open()
            assert camera.capture(2.0).luma[0, 0] == 10
            camera.close()
            camera.close()


def webcam(video: FakeVideo, **settings: Any) -> WebcamCamera:
    return WebcamCamera(0, open_device=lambda _: video, apply_controls=lambda *_: [], **settings)


class TestWebcam:
    def test_frames_are_luma(self) -> None:
        video = FakeVideo([bgr(200)])
        camera = webcam(video)
        camera.open()
        frame = camera.capture(5.0)
        video.release_read.set()
        camera.close()
        assert frame.luma.shape == (48, 64)
        assert frame.luma.dtype == np.uint8
        assert frame.luma[0, 0] == 200

    def test_a_rotation_of_180_degrees_is_applied(self) -> None:
        video = FakeVideo([bgr(200)])
        camera = webcam(video, rotation=180)
        camera.open()
        frame = camera.capture(5.0)
        video.release_read.set()
        camera.close()
        assert frame.luma[47, 63] == 200

    def test_the_configured_size_and_rate_are_requested(self) -> None:
        video = FakeVideo([bgr(1)])
        camera = webcam(video, width=640, height=480, frames_per_s=10)
        camera.open()
        video.release_read.set()
        camera.close()
        assert video.asked[cv2.CAP_PROP_FRAME_WIDTH] == 640
        assert video.asked[cv2.CAP_PROP_FRAME_HEIGHT] == 480
        assert video.asked[cv2.CAP_PROP_FPS] == 10

    def test_a_hanging_read_is_an_error_after_the_timeout(self) -> None:
        video = FakeVideo([])
        camera = webcam(video)
        camera.open()
        with pytest.raises(CameraError, match=r"no frame for 0\.05 s"):
            camera.capture(0.05)
        video.release_read.set()
        camera.close()
        assert video.released.wait(10.0)

    def test_an_unplugged_camera_is_an_error_at_once(self) -> None:
        camera = webcam(FakeVideo([None]))
        camera.open()
        with pytest.raises(CameraError, match="unplugged"):
            camera.capture(30.0)
        camera.close()

    def test_a_device_that_cannot_be_opened_is_released(self) -> None:
        video = FakeVideo([], opened=False)
        with pytest.raises(CameraError, match="cannot be opened"):
            webcam(video).open()
        assert video.released.is_set()

    def test_a_missing_device_is_a_clear_error(self) -> None:
        with pytest.raises(CameraError, match="/dev/video93"):
            create_camera("webcam:93", width=640, height=480, frames_per_s=FAST).open()

    def test_the_mains_frequency_is_set_before_the_first_frame(self) -> None:
        applied: list[tuple[Path, int]] = []

        def controls(device: Path, flicker_hz: int) -> list[str]:
            applied.append((device, flicker_hz))
            return []

        video = FakeVideo([bgr(1)])
        camera = WebcamCamera(3, flicker_hz=60, open_device=lambda _: video, apply_controls=controls)
        camera.open()
        video.release_read.set()
        camera.close()
        assert applied == [(Path("/dev/video3"), 60)]

    def test_no_frame_is_returned_twice(self) -> None:
        video = FakeVideo([bgr(1)])
        camera = webcam(video)
        camera.open()
        camera.capture(5.0)
        with pytest.raises(CameraError):
            camera.capture(0.05)
        video.release_read.set()
        camera.close()
