"""`make test-camera`: our camera driver on real picamera2 and real libcamera, in a trixie root of its own.

What is checked is in tests/system/camera/inside.py. Not covered, a real Pi is needed: the sensor's focus and exposure, the
vendor's kernel, real timings.
"""

import json
import shutil
import sys

from tests.paths import PROJECT
from tests.system.container import root as rung_root

ENVIRONMENT = {"LD_PRELOAD": "/opt/entrance-kiosk/heap.so", "LIBCAMERA_LOG_LEVELS": "*:FATAL"}
SCRIPT = "rung_camera_inside.py"


def main() -> int:
    """Exit status 0 where the whole contract is met."""
    lack = rung_root.wanting(rung_root.TOOLS)
    if lack:
        print(f"test-camera: {lack}", file=sys.stderr)
        return rung_root.CANNOT
    root = rung_root.ready_root()
    rung_root.install(root)
    shutil.copy(PROJECT / "tests" / SCRIPT, root / "opt/entrance-kiosk" / SCRIPT)
    failed = 0
    for arguments in ([], ["absent"]):
        command = [f"{rung_root.VENV}/bin/python", f"/opt/entrance-kiosk/{SCRIPT}", *arguments]
        done = rung_root.run_inside(root, command, ENVIRONMENT, timeout_s=120.0)
        for line in done.stdout.splitlines():
            result = json.loads(line)
            print(f"{'ok ' if result['met'] else 'BAD'} {result['check']}: {result['said']}", flush=True)
        failed += done.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
