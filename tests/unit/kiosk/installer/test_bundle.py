"""The installer in a bundle runs before anything of the project is installed."""

import shutil
import subprocess
import sys
from pathlib import Path

from kiosk.installer.bundle.build import copy_installer
from tests.paths import PROJECT


def test_the_installer_of_a_bundle_runs_with_the_standard_library_alone(tmp_path: Path) -> None:
    copy_installer(PROJECT, tmp_path / "installer")
    python = Path(sys.base_prefix) / "bin/python3"
    done = subprocess.run(
        [python, "-S", "-B", "-m", "kiosk.installer", "--help"],
        env={"PYTHONPATH": str(tmp_path / "installer")},
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "uninstall" in done.stdout


def test_install_sh_passes_its_options_to_the_installer_of_its_bundle(tmp_path: Path) -> None:
    copy_installer(PROJECT, tmp_path / "installer")
    shutil.copy(PROJECT / "install.sh", tmp_path)
    done = subprocess.run(["sh", tmp_path / "install.sh", "--help"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--uninstall" in done.stdout


def test_programs_started_by_the_installer_do_not_inherit_its_pythonpath(tmp_path: Path) -> None:
    copy_installer(PROJECT, tmp_path / "installer")
    program = (
        "import atexit, os, runpy, sys; sys.argv = ['install.sh', '--help']; "
        "atexit.register(lambda: print('PYTHONPATH' in os.environ)); runpy.run_module('kiosk.installer', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", program],
        env={"PYTHONPATH": str(tmp_path / "installer")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_no_flag_of_install_sh_can_be_abbreviated(tmp_path: Path) -> None:
    copy_installer(PROJECT, tmp_path / "installer")
    done = subprocess.run(
        [sys.executable, "-B", "-m", "kiosk.installer", "--uninst"],
        env={"PYTHONPATH": str(tmp_path / "installer")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "unrecognized arguments: --uninst" in done.stderr
