"""Cameras of files and of USB: each driver keeps the port's promises, and its trouble becomes one clear sentence."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk import config
from kiosk.core.ports import CameraError
from kiosk.hardware.cameras.factory import open_camera
from kiosk.hardware.cameras.replay_camera import ReplayCamera
from kiosk.hardware.cameras.webcam_camera import WebcamCamera
from tests.fakes.parts.camera_libraries import FakeVideo, bgr, what_a_capture_says_when_closed

FAST = config.CameraSettings(source="replay:x", frames_per_s=120.0)


def picture(path: Path, value: int) -> None:
    assert cv2.imwrite(str(path), np.full((48, 64), value, np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, value in (("b.png", 20), ("a.png", 10), ("c.png", 30)):
        picture(tmp_path / name, value)
    return tmp_path


class TestReplay:
    def test_shows_the_pictures_in_the_order_of_their_names_again_and_again(self, folder: Path) -> None:
        camera = ReplayCamera(FAST, folder)
        camera.open()
        frames = [camera.capture(2.0) for _ in range(4)]
        camera.close()
        assert [int(frame.luma[0, 0]) for frame in frames] == [10, 20, 30, 10]
        assert [frame.number for frame in frames] == [1, 2, 3, 4]

    def test_keeps_the_frame_rate(self, folder: Path) -> None:
        now = [100.0]
        pauses: list[float] = []

        def wait(seconds: float) -> bool:
            pauses.append(seconds)
            now[0] += seconds
            return False

        settings = config.CameraSettings(source="replay:x", frames_per_s=4.0)
        camera = ReplayCamera(settings, folder, now=lambda: now[0], wait=wait)
        camera.open()
        times = [camera.capture(2.0).captured_s for _ in range(3)]
        now[0] += 10.0  # the reader was busy: no picture is owed for that time
        late = camera.capture(2.0).captured_s
        assert times == [100.0, 100.25, 100.5]
        assert late == 110.5
        assert camera.capture(2.0).captured_s == 110.75
        assert pauses == [0.25, 0.25, 0.25]

    def test_an_empty_folder_is_said_before_the_start(self, tmp_path: Path) -> None:
        with pytest.raises(CameraError, match=r"no picture is in this folder"):
            open_camera(config.CameraSettings(source=f"replay:{tmp_path}"))

    def test_a_folder_that_is_none_is_said_before_the_start(self, tmp_path: Path) -> None:
        with pytest.raises(CameraError, match="not a folder"):
            open_camera(config.CameraSettings(source=f"replay:{tmp_path}/nowhere"))

    def test_a_broken_picture_is_told_once_and_skipped(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        (folder / "b.png").write_bytes(b"not a picture")
        camera = ReplayCamera(FAST, folder)
        camera.open()
        values = [int(camera.capture(2.0).luma[0, 0]) for _ in range(5)]
        assert values == [10, 30, 10, 30, 10]
        assert len([record for record in caplog.records if "b.png" in record.message]) == 1

    def test_a_folder_of_broken_pictures_is_trouble_not_an_endless_loop(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"not a picture")
        camera = ReplayCamera(FAST, tmp_path)
        camera.open()
        with pytest.raises(CameraError, match="none of the 1 pictures"):
            camera.capture(2.0)

    def test_close_wakes_a_waiting_capture(self, folder: Path) -> None:
        camera = ReplayCamera(config.CameraSettings(source="replay:x", frames_per_s=0.01), folder)
        camera.open()
        camera.capture(1.0)
        assert "closed" in what_a_capture_says_when_closed(camera)

    def test_can_be_opened_again(self, folder: Path) -> None:
        camera = ReplayCamera(FAST, folder)
        for _ in range(2):
            camera.open()
            assert camera.capture(2.0).luma[0, 0] == 10
            camera.close()
            camera.close()


def webcam(video: FakeVideo, **settings: Any) -> WebcamCamera:
    return WebcamCamera(
        config.CameraSettings(source="webcam:0", **settings),
        0,
        open_device=lambda _: video,
        apply_controls=lambda *_: [],
    )


class TestWebcam:
    def test_gives_luma(self) -> None:
        video = FakeVideo([bgr(200)])
        camera = webcam(video)
        camera.open()
        frame = camera.capture(5.0)
        video.release_read.set()
        camera.close()
        assert frame.luma.shape == (48, 64)
        assert frame.luma.dtype == np.uint8
        assert frame.luma[0, 0] == 200

    def test_upside_down_is_turned(self) -> None:
        video = FakeVideo([bgr(200)])
        camera = webcam(video, rotation=180)
        camera.open()
        frame = camera.capture(5.0)
        video.release_read.set()
        camera.close()
        assert frame.luma[47, 63] == 200

    def test_asks_for_the_configured_size_and_rate(self) -> None:
        video = FakeVideo([bgr(1)])
        camera = webcam(video, width=640, height=480, frames_per_s=10)
        camera.open()
        video.release_read.set()
        camera.close()
        assert video.asked[cv2.CAP_PROP_FRAME_WIDTH] == 640
        assert video.asked[cv2.CAP_PROP_FRAME_HEIGHT] == 480
        assert video.asked[cv2.CAP_PROP_FPS] == 10

    def test_a_read_that_hangs_is_trouble_in_time(self) -> None:
        video = FakeVideo([])
        camera = webcam(video)
        camera.open()
        with pytest.raises(CameraError, match=r"no picture for 0\.05 s"):
            camera.capture(0.05)
        video.release_read.set()
        camera.close()
        assert video.released.wait(10.0)

    def test_unplugged_is_trouble_at_once(self) -> None:
        camera = webcam(FakeVideo([None]))
        camera.open()
        with pytest.raises(CameraError, match="unplugged"):
            camera.capture(30.0)
        camera.close()

    def test_a_device_that_cannot_be_opened_is_given_back(self) -> None:
        video = FakeVideo([], opened=False)
        with pytest.raises(CameraError, match="cannot be opened"):
            webcam(video).open()
        assert video.released.is_set()

    def test_a_camera_that_is_not_there_says_so(self) -> None:
        with pytest.raises(CameraError, match="/dev/video93"):
            open_camera(config.CameraSettings(source="webcam:93")).open()

    def test_is_told_the_mains_before_the_first_picture(self) -> None:
        told: list[tuple[Path, int]] = []

        def controls(device: Path, settings: config.CameraSettings) -> list[str]:
            told.append((device, settings.flicker_hz))
            return []

        video = FakeVideo([bgr(1)])
        camera = WebcamCamera(
            config.CameraSettings(source="webcam:3"), 3, open_device=lambda _: video, apply_controls=controls
        )
        camera.open()
        video.release_read.set()
        camera.close()
        assert told == [(Path("/dev/video3"), 50)]

    def test_never_the_same_picture_twice(self) -> None:
        video = FakeVideo([bgr(1)])
        camera = webcam(video)
        camera.open()
        camera.capture(5.0)
        with pytest.raises(CameraError):
            camera.capture(0.05)
        video.release_read.set()
        camera.close()
