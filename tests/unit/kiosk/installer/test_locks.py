"""Two switches never run at the same time, and none while packages are installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.installer.errors import InstallError
from kiosk.installer.locks import DPKG_LOCKS, hold_lock, wait_for_dpkg


def test_a_second_switch_is_refused_while_the_first_one_runs(tmp_path: Path) -> None:
    with (
        hold_lock(tmp_path / "lock"),
        pytest.raises(InstallError, match="Another switch"),
        hold_lock(tmp_path / "lock"),
    ):
        pass


def test_a_lock_is_free_again_after_its_holder(tmp_path: Path) -> None:
    for wait in (False, True):
        with hold_lock(tmp_path / "lock", wait=wait):
            pass


HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
)


@pytest.mark.parametrize("name", DPKG_LOCKS)
def test_the_releases_are_not_looked_at_while_another_program_installs_packages(tmp_path: Path, name: str) -> None:
    path = tmp_path / name.lstrip("/")
    path.parent.mkdir(parents=True)
    path.touch()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as installer:
        assert installer.stdout is not None
        installer.stdout.readline()
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                installer.communicate()

        wait_for_dpkg(tmp_path, pause)
    assert len(pauses) == 3
