"""picamera2 that is missing, or does not fit its neighbours: one sentence on a running daemon, not one that is started for ever."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kiosk import config
from kiosk.core.ports import CameraError
from kiosk.hardware.cameras.factory import open_camera
from kiosk.hardware.cameras.picamera2_camera import Picamera2Camera


def test_without_the_library_the_daemon_runs_and_the_sentence_says_what_to_install() -> None:
    """Out of order on the lamp, instead of a daemon that is started anew for ever."""
    try:
        import picamera2  # noqa: F401
    except ImportError:
        camera = open_camera(config.CameraSettings(source="picamera2"))
        for _ in range(2):
            with pytest.raises(CameraError, match="python3-picamera2"):
                camera.open()
            camera.close()
    else:
        pytest.skip("picamera2 is installed here: tests/system/camera/run.py runs it")


def test_a_library_that_cannot_be_loaded_is_not_loaded_again_every_second() -> None:
    loads = []

    def unfit() -> Any:
        loads.append(1)
        raise CameraError("picamera2 is not usable here (numpy.dtype size changed)")

    camera = Picamera2Camera(config.CameraSettings(), library=unfit)
    for _ in range(3):
        with pytest.raises(CameraError, match="numpy"):
            camera.open()
    assert loads == [1]


def test_a_library_that_does_not_fit_numpy_is_one_sentence(tmp_path: Path) -> None:
    """As on Raspberry Pi OS with a newer numpy in the venv: simplejpeg raises ValueError from within the import."""
    (tmp_path / "picamera2.py").write_text('raise ValueError("numpy.dtype size changed, may indicate incompatibility")')
    code = (
        "from kiosk import config\nfrom kiosk.hardware.cameras.factory import open_camera\nfrom kiosk.core.ports import CameraTrouble\n"
        "try: open_camera(config.Camera(source='picamera2')).open()\nexcept CameraTrouble as trouble: print(trouble)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=60)
    assert "numpy.dtype size changed" in done.stdout
    assert "restart kiosk" in done.stdout
