"""Our camera driver on real picamera2 and real libcamera, in a Debian trixie root of its own.

What is checked is in inside.py, which runs in that root. Not covered, because a real Pi is needed: the sensor's focus and
exposure, the vendor's kernel, real timings.
"""

import shutil
from pathlib import Path

import pytest

from tests.system.camera import inside
from tests.system.conftest import Measured
from tests.system.container import promises, requirements
from tests.system.container import root as container_root
from tests.system.container.promises import CheckResult

pytestmark = [pytest.mark.system, pytest.mark.camera, pytest.mark.timeout(900)]
ENVIRONMENT = {"LD_PRELOAD": "/opt/entrance-kiosk/heap.so", "LIBCAMERA_LOG_LEVELS": "*:FATAL"}
SCRIPT = Path(inside.__file__)
INSTALLED = "/opt/entrance-kiosk/camera_inside.py"


@pytest.fixture(scope="module")
def results() -> dict[str, CheckResult]:
    """All checks of inside.py: those with a camera, then those without one."""
    requirements.skip_if(requirements.missing(requirements.MMDEBSTRAP))
    root = container_root.ready_root()
    container_root.install(root)
    shutil.copy(SCRIPT, root / INSTALLED.lstrip("/"))
    printed = ""
    for arguments in ([], ["absent"]):
        command = [f"{container_root.VENV}/bin/python", INSTALLED, *arguments]
        printed += container_root.run_inside(root, command, ENVIRONMENT, timeout_s=240.0).stdout
    return promises.parse(printed)


@pytest.mark.parametrize("promise", inside.CHECKS)
def test_the_camera_driver_on_real_libcamera(results: dict[str, CheckResult], promise: str, measured: Measured) -> None:
    promises.judge(results, promise, measured)
