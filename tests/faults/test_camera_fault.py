"""A camera fault on the real daemon: it is shown, logged once, and disappears with its cause."""

from pathlib import Path

import numpy as np

from kiosk.system.status_file import read_status
from tests.fakes.processes.replay_daemon import HEIGHT, WIDTH, Scenes, daemon, shows, until


def test_a_camera_fault_is_shown_and_logged_once_and_recovers_by_itself(tmp_path: Path) -> None:
    scenes = Scenes(tmp_path / "pictures")
    run_dir = tmp_path / "run"
    with daemon(scenes.folder, run_dir, 15.0) as (sandbox, process):
        until(lambda: shows(run_dir, "ready"), 30.0)
        for cause, cure in ((scenes.unplug, scenes.plug_in), (scenes.hang, scenes.let_go)):
            cause()
            until(lambda: shows(run_dir, "out-of-order"), 20.0)
            (check,) = [check for check in (read_status(run_dir) or {})["checks"] if check["code"] == "camera"]
            assert check["status"] == "fail"
            cure()
            until(lambda: shows(run_dir, "ready"), 20.0)
        scenes.fill(lambda _: np.full((HEIGHT, WIDTH), 4, np.uint8))
        until(lambda: shows(run_dir, "degraded"), 20.0)
        assert process.is_running, "a camera fault ended the daemon"
        log = sandbox.log_file("daemon").read_text(encoding="utf-8").splitlines()
    assert len([line for line in log if "camera failed" in line and " ERROR " in line]) == 1
    assert len([line for line in log if "camera_worker: camera recovered" in line]) == 1
