"""A missing or incompatible picamera2 gives one clear error in a running daemon, not a restart loop."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kiosk.core.ports import CameraError
from kiosk.hardware.cameras.factory import create_camera
from kiosk.hardware.cameras.picamera2_camera import Picamera2Camera


def test_without_the_library_the_daemon_runs_and_the_error_says_what_to_install() -> None:
    """The lamp shows out of order, and the daemon keeps running."""
    try:
        import picamera2  # noqa: F401
    except ImportError:
        camera = create_camera("picamera2", width=640, height=480, frames_per_s=15.0)
        for _ in range(2):
            with pytest.raises(CameraError, match="python3-picamera2"):
                camera.open()
            camera.close()
    else:
        pytest.skip("picamera2 is installed here: tests/system/camera/run.py runs it")


def test_a_failed_import_is_not_repeated() -> None:
    loads = []

    def unfit() -> Any:
        loads.append(1)
        raise CameraError("picamera2 is not usable here (numpy.dtype size changed)")

    camera = Picamera2Camera(library=unfit)
    for _ in range(3):
        with pytest.raises(CameraError, match="numpy"):
            camera.open()
    assert loads == [1]


def test_a_library_that_is_incompatible_with_numpy_gives_one_clear_error(tmp_path: Path) -> None:
    """As on Raspberry Pi OS with a newer numpy in the venv: simplejpeg raises ValueError during the import."""
    (tmp_path / "picamera2.py").write_text('raise ValueError("numpy.dtype size changed, may indicate incompatibility")')
    code = (
        "from kiosk.hardware.cameras.picamera2_camera import Picamera2Camera\nfrom kiosk.core.ports import CameraError\n"
        "try: Picamera2Camera().open()\nexcept CameraError as error: print(error)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=60)
    assert "numpy.dtype size changed" in done.stdout
    assert "restart kiosk" in done.stdout
