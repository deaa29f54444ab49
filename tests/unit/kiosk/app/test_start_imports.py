"""Imports at the start: modules that only delivery needs are imported after the gate is open."""

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
"""Packages that were a third of all imports at the start."""


def loaded_by(code: str, *names: str) -> set[str]:
    """Those of the named packages that a new process has imported after it ran `code`."""
    program = f"{code}\nimport sys\nprint(*(name for name in {names!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_the_daemon_does_not_import_packages_for_migration_or_broker() -> None:
    assert loaded_by("import kiosk.app.daemon", *LATER) == set()


def test_a_database_with_the_current_schema_opens_without_the_migration_package(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    open_and_close = (
        "from pathlib import Path\nfrom kiosk.storage import SqliteEventStore\n"
        f"SqliteEventStore(Path({str(path)!r})).close()"
    )
    assert loaded_by(open_and_close, *LATER) == {"sqlite_utils"}
    assert loaded_by(open_and_close, *LATER) == set()
    SqliteEventStore(path).close()


def test_the_warm_up_image_runs_every_slow_stage() -> None:
    cascade = Cascade(frame_budget_s=60.0, motion_gate=False)
    cascade.decode(Frame(make_test_image(1280, 720), 0, 0.0))
    assert set(cascade._costs_s) == {stage.name for stage in make_slow_stages()}
    seen = Scene(make_test_image(1280, 720))
    assert seen.has_finder(0)
    assert seen.grids(RegionView())


@given(width=st.integers(240, 2000), height=st.integers(240, 2000))
def test_the_warm_up_decodes_nothing_for_any_image_size(width: int, height: int) -> None:
    assert warm_up_decoder(width, height).codes == ()


def test_the_entry_point_of_the_daemon_does_not_import_the_command_line() -> None:
    assert loaded_by("import kiosk.app.start, kiosk.app.daemon", "click", *LATER) == set()


def test_a_mistake_in_the_configuration_is_reported_without_a_traceback(tmp_path: Path) -> None:
    bad = tmp_path / "kiosk.toml"
    bad.write_text('[camera]\nsorce = "replay:x"\n', encoding="utf-8")
    command = [sys.executable, "-m", "kiosk.app.start", "--config", str(bad)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "sorce" in done.stderr
    assert "did you mean" in done.stderr
    assert "Traceback" not in done.stderr
