"""The command `kiosk` of a release starts in every locale, and takes no module from the folder in which it is typed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.installer.bundle.launcher import write_launcher
from tests.paths import PROJECT

UNITS = (
    "kiosk.service",
    "kiosk-web.service",
    "kiosk-purge.service",
    "entrance-kiosk-recover.service",
    "entrance-kiosk-trial.service",
)


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """With a Python that prints what it gets."""
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    program = '#!/bin/sh\nprintf "%s\\n" "$LC_ALL" "$@"\n'
    (folder / "bin/python").write_text(program, encoding="ascii")
    (folder / "bin/python").chmod(0o755)
    write_launcher(folder, folder)
    return folder


def run(venv: Path, charmap: str) -> list[str]:
    """In a system whose locale has this encoding."""
    tools = venv / "tools"
    tools.mkdir()
    (tools / "locale").write_text(f"#!/bin/sh\n[ $1 = charmap ] && echo {charmap}\n", encoding="ascii")
    (tools / "locale").chmod(0o755)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "LC_ALL": "from-outside"}
    said = subprocess.run(
        [venv / "bin/kiosk", "doctor", "a b"], env=environment, capture_output=True, text=True, check=True
    )
    return said.stdout.splitlines()


@pytest.mark.parametrize("charmap", ["UTF-8", "ANSI_X3.4-1968", "ISO-8859-1"])
def test_a_locale_that_python_knows_is_kept(venv: Path, charmap: str) -> None:
    assert run(venv, charmap) == ["from-outside", "-P", "-m", "kiosk.cli", "doctor", "a b"]


@pytest.mark.parametrize("charmap", ["TCVN5712-1", "VISCII", "", "ARMSCII-8"])
def test_a_locale_that_python_may_not_know_is_replaced(venv: Path, charmap: str) -> None:
    assert run(venv, charmap)[0] == "C.UTF-8"


def test_the_modules_of_the_launcher_exist() -> None:
    subprocess.run([sys.executable, "-P", "-m", "kiosk.cli", "--version"], check=True, capture_output=True)


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_sets_a_locale_that_python_knows(unit: str) -> None:
    assert "Environment=LC_ALL=C.UTF-8" in (PROJECT / "systemd" / unit).read_text(encoding="utf-8").splitlines()
