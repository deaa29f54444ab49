"""The machine of the installation: Debian suite, board and systemd."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kiosk.installer.errors import InstallError
from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import system_files, system_packages


class Systemd(Protocol):
    """Functions of systemd that the installer uses."""

    def stop(self, units: Sequence[str]) -> None:
        """Stop the units and wait."""

    def start(self, units: Sequence[str]) -> None:
        """Start without waiting."""

    def reload(self) -> None:
        """Reload the units, create users and folders."""

    def enable(self, units: Sequence[str]) -> None:
        """Start them at every power-on."""

    def disable(self, units: Sequence[str]) -> None:
        """Do not start them at power-on."""

    def main_pid(self, unit: str) -> int:
        """Process id of an active unit, else 0."""


class Systemctl:
    """Uses systemctl. If systemd does not run (an image is prepared in a chroot), it does only what needs no systemd."""

    def __init__(self) -> None:
        self.is_running = Path("/run/systemd/system").is_dir()

    def stop(self, units: Sequence[str]) -> None:
        """Stop the units and wait."""
        if self.is_running:
            self._run("systemctl", "stop", *units)

    def start(self, units: Sequence[str]) -> None:
        """Start without waiting."""
        if self.is_running:
            self._run("systemctl", "start", "--no-block", *units)

    def reload(self) -> None:
        """Reload the units, create users and folders."""
        self._run("systemd-sysusers", "entrance-kiosk.conf")
        self._run("systemd-tmpfiles", "--create", "entrance-kiosk.conf")
        if self.is_running:
            self._run("systemctl", "daemon-reload")

    def enable(self, units: Sequence[str]) -> None:
        """Start them at every power-on."""
        if units:
            self._run("systemctl", "enable", "-q", *units)

    def disable(self, units: Sequence[str]) -> None:
        """Do not start them at power-on."""
        if units:
            self._run("systemctl", "disable", "-q", *units)

    def main_pid(self, unit: str) -> int:
        """Process id of an active unit, else 0."""
        command = ["systemctl", "show", unit, "-p", "ActiveState", "-p", "MainPID", "--value"]
        values = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
        return int(next((value for value in values if value.isdecimal()), "0")) if "active" in values else 0

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            message = done.stderr.strip() or f"exit status {done.returncode}"
            raise InstallError("system-command-failed", command=" ".join(command), error=message)


@dataclass(frozen=True, slots=True)
class Machine:
    """Properties that select the files of a bundle."""

    suite: str
    """Debian code name, the same for Raspberry Pi OS."""
    uname_machine: str
    """Output of `uname -m`."""
    python: str
    """For example `311`."""
    raspberry_pi: bool

    @property
    def debian_architecture(self) -> str:
        """Debian name of the architecture."""
        return system_packages.DEBIAN_ARCHITECTURES[self.uname_machine]


def detect_machine(layout: InstallLayout, board: str) -> Machine:
    """`board`: `pi`, `other`, or `auto` for detection. Raises InstallError if the machine is not supported."""
    release = layout.at("/etc/os-release").read_text(encoding="utf-8")
    fields = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
    suite = fields.get("VERSION_CODENAME", "").strip('"')
    machine = platform.machine()
    if suite not in system_packages.SUITE_PACKAGES or machine not in system_packages.DEBIAN_ARCHITECTURES:
        name = fields.get("PRETTY_NAME", "?").strip('"')
        raise InstallError("system-not-supported", name=name, machine=machine)
    return Machine(
        suite=suite,
        uname_machine=machine,
        python=f"{sys.version_info.major}{sys.version_info.minor}",
        raspberry_pi=(_is_pi() if board == "auto" else board == "pi") and (layout.boot_dir / "config.txt").is_file(),
    )


def _is_pi() -> bool:
    model = Path("/proc/device-tree/model")
    return model.exists() and model.read_bytes().startswith(b"Raspberry Pi")


def require_root() -> None:
    """Raises InstallError without root privileges."""
    if os.geteuid() != 0:
        raise InstallError("root-needed")


def require_persistent_root(layout: InstallLayout, mounts: str) -> None:
    """Raises InstallError if the root file system is an overlay in memory. `mounts`: text of /proc/mounts."""
    root_types = [fields[2] for fields in map(str.split, mounts.splitlines()) if len(fields) > 2 and fields[1] == "/"]
    if system_files.is_read_only_root(layout) and root_types[-1:] == ["overlay"]:
        raise InstallError("read-only-root")


def run_in_own_unit(arguments: Sequence[str], release: Path) -> int:
    """Run `kiosk.installer ARGUMENTS` in its own unit, so that a closed terminal does not stop it half-way.

    If it dies, systemd runs `kiosk.installer recover` (ExecStopPost). Returns its exit status.
    """
    python = ["/usr/bin/python3", "-P", "-B", "-m", "kiosk.installer"]
    after = " ".join([*python, "recover"])
    unit = ["--unit=entrance-kiosk-upgrade", "--collect", "--wait", "--quiet", "-p", f"ExecStopPost={after}"]
    settings = [f"--setenv=PYTHONPATH={release / 'installer'}", f"--setenv=LANG={os.environ.get('LANG', 'C.UTF-8')}"]
    limits = ["-p", "TimeoutStopSec=300", "-p", "OOMScoreAdjust=-900"]
    return subprocess.run(["systemd-run", *unit, *settings, *limits, *python, *arguments], check=False).returncode
