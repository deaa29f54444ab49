"""What a start loads, and in which order: the gate opens before anything is loaded that only the way to the centre needs."""

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.frame import Frame
from kiosk.decoding import Cascade
from kiosk.decoding.scene import RegionView, Scene
from kiosk.decoding.stages import make_slow_stages
from kiosk.decoding.warm_up import make_test_image, warm_up_decoder
from kiosk.storage import SqliteEventStore

LATER = ("sqlite_utils", "paho", "ssl", "urllib.request", "PIL")
"""Packages that together were a third of what a start loaded."""


def loaded_by(code: str, *names: str) -> set[str]:
    """Those of the named packages that a process of its own has loaded after `code`."""
    asked = f"{code}\nimport sys\nprint(*(name for name in {names!r} if name in sys.modules))"
    told = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    return set(told.stdout.split())


def test_the_daemon_s_imports_leave_out_what_only_a_new_schema_or_the_broker_needs() -> None:
    assert loaded_by("import kiosk.app.daemon", *LATER) == set()


def test_a_store_whose_schema_is_in_force_opens_without_the_tool_that_makes_schemas(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    open_and_close = f"from pathlib import Path\nfrom kiosk.storage import SqliteEventStore\nSqliteEventStore(Path({str(path)!r})).close()"
    assert loaded_by(open_and_close, *LATER) == {"sqlite_utils"}
    assert loaded_by(open_and_close, *LATER) == set()
    SqliteEventStore(path).close()


def test_the_rehearsal_asks_every_stage_and_the_picture_lets_them_work() -> None:
    cascade = Cascade(frame_budget_s=60.0, motion_gate=False)
    cascade.decode(Frame(make_test_image(1280, 720), 0, 0.0))
    assert set(cascade._costs_s) == {stage.name for stage in make_slow_stages()}
    seen = Scene(make_test_image(1280, 720))
    assert seen.has_finder(0)
    assert seen.grids(RegionView())


@given(width=st.integers(240, 2000), height=st.integers(240, 2000))
def test_nothing_is_read_in_the_rehearsal_whatever_the_camera_s_size(width: int, height: int) -> None:
    assert warm_up_decoder(width, height).codes == ()


def test_the_daemon_s_own_entry_loads_no_command_line_for_people() -> None:
    assert loaded_by("import kiosk.app.start, kiosk.app.daemon", "click", *LATER) == set()


def test_a_mistake_in_the_configuration_is_one_answer_without_a_traceback(tmp_path: Path) -> None:
    bad = tmp_path / "kiosk.toml"
    bad.write_text('[camera]\nsorce = "replay:x"\n', encoding="utf-8")
    command = [sys.executable, "-m", "kiosk.app.start", "--config", str(bad)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "sorce" in done.stderr
    assert "did you mean" in done.stderr
    assert "Traceback" not in done.stderr
