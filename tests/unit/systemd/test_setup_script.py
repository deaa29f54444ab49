"""setup.sh: a message before apt runs, and the command to type if it cannot run apt."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import PROJECT

SETUP = PROJECT / "setup.sh"
REAL = ("sh", "dirname", "cat", "grep", "env", "touch", "python3")


class Machine:
    """A machine with only some commands. Fake commands record their arguments."""

    def __init__(self, folder: Path, *, user: int) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.project = folder / "project"
        self.project.mkdir()
        shutil.copy(SETUP, self.project)
        for name in REAL:
            found = shutil.which(name)
            assert found is not None
            (self.bin / name).symlink_to(found)
        self.add("id", f"echo {user}")
        self.add("ldconfig", "echo libc.so.6")  # no libzbar on this machine
        self.called = folder / "called"

    def add(self, name: str, script: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)  # writing through a link would change the real program
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        path.chmod(0o755)

    def set_up(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "HOME": os.environ.get("HOME", "/")}
        command = [str(self.bin / "sh"), str(self.project / "setup.sh")]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def test_without_apt_the_needed_packages_are_named(tmp_path: Path) -> None:
    ended = Machine(tmp_path, user=1000).set_up()
    assert ended.returncode == 1
    assert "System packages needed: libzbar0" in ended.stderr
    assert "There is no apt here." in ended.stderr


def test_without_sudo_the_command_for_root_is_printed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=1000)
    machine.add("apt-get", "exit 99")
    ended = machine.set_up()
    assert ended.returncode == 1
    assert "As root, type:  apt-get install --no-install-recommends libzbar0" in ended.stderr


@pytest.mark.parametrize(("user", "typed"), [(0, "Type:  apt-get install"), (1000, "Type:  sudo apt-get install")])
def test_if_apt_fails_the_command_is_printed(tmp_path: Path, user: int, typed: str) -> None:
    machine = Machine(tmp_path, user=user)
    machine.add("apt-get", "exit 100")
    machine.add("sudo", '"$@"')
    ended = machine.set_up()
    assert ended.returncode == 1
    assert f"{typed} --no-install-recommends libzbar0" in ended.stderr


def test_the_message_comes_before_apt_and_apt_before_the_environment(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=0)
    machine.add("apt-get", f'echo "apt $*" >> {machine.called}; echo "apt speaks" >&2')
    machine.add("python3", f'echo "python3 $*" >> {machine.called}; exit 1')
    ended = machine.set_up()
    assert ended.returncode == 1
    assert ended.stderr.index("Installing them with apt") < ended.stderr.index("apt speaks")
    assert "Python 3.11 or newer is needed" in ended.stderr
    assert "install" in machine.called.read_text(encoding="ascii")
