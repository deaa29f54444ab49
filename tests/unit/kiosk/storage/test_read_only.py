"""The pages read the events of a daemon that was stopped. Their user may not write to its folder."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from kiosk.storage import database
from kiosk.storage.queries import read_only
from tests.paths import PROJECT

PYTHON = Path("/usr/bin/python3")
READ = """
import importlib.util, sys  # the Python of the system has not all libraries of the package
from pathlib import Path
spec = importlib.util.spec_from_file_location("read_only", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with module.open_read_only(Path(sys.argv[2])) as connection:
    print(connection.execute("SELECT count(*) FROM event").fetchone()[0])
"""


@pytest.mark.skipif(os.geteuid() != 0 or not PYTHON.exists(), reason="only root can become another user")
@pytest.mark.parametrize("daemon", ["stopped", "running"])
def test_another_user_reads_the_events_whether_the_daemon_runs_or_not(daemon: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        writer = database.open_writer(folder / "events.db")
        writer.execute("PRAGMA user_version")
        if daemon == "stopped":
            writer.close()
        for path in folder.iterdir():
            path.chmod(0o644)
        done = subprocess.run(
            [PYTHON, "-P", "-B", "-c", READ, read_only.__file__, folder / "events.db"],
            env={"PYTHONPATH": str(PROJECT)}, cwd="/", user=65534, check=False, capture_output=True, text=True,
        )  # fmt: skip
        if daemon == "running":
            writer.close()
    if "No module named 'kiosk'" in done.stderr:
        pytest.skip("this checkout cannot be read by another user")
    assert done.stdout == "0\n", done.stderr
