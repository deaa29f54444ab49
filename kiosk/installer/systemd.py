"""The functions of systemd that a switch of releases uses."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from kiosk.installer.errors import InstallError

DAEMON_UNIT = "kiosk.service"
WATCHED_UNITS = (DAEMON_UNIT, "kiosk-web.service", "kiosk-purge.timer")
"""Units of a release, in the order in which they are started."""
PURGE_UNIT = "kiosk-purge.service"
SWITCH_UNIT = "entrance-kiosk-upgrade.service"
TRIAL_UNIT = "entrance-kiosk-trial.service"
TOOL = ("/usr/bin/python3", "-I", "-S", "-B", "/usr/lib/entrance-kiosk")


class Systemd(Protocol):
    """Functions of systemd that the installer uses."""

    is_running: bool
    """False in a chroot, where an image is prepared."""

    def stop(self, units: Sequence[str]) -> None:
        """Stop the units and wait."""

    def start(self, units: Sequence[str]) -> None:
        """Start without waiting."""

    def reload(self) -> None:
        """Read all units again, with those of the release that is linked now."""

    def running(self) -> set[str]:
        """Those of the watched units that run or are being started."""

    def active(self) -> set[str]:
        """Those of the watched units that have started. One that systemd starts again and again has not."""

    def enabled(self) -> set[str]:
        """Those of the watched units that start at power-on."""

    def main_pid(self, unit: str) -> int:
        """Process id of an active unit, else 0."""

    def restarts(self) -> int:
        """How often systemd restarted the watched units by itself since they were started."""

    def purge_works(self) -> bool:
        """Run the unit that deletes expired events, and tell whether it succeeds."""

    def log_tail(self) -> list[str]:
        """Last lines of the daemon in the journal."""


class Systemctl:
    """The systemd of this device. If it does not run (an image is prepared in a chroot), nothing is started or stopped."""

    def __init__(self) -> None:
        self.is_running = Path("/run/systemd/system").is_dir()

    def stop(self, units: Sequence[str]) -> None:
        """Stop the units and wait."""
        if self.is_running and units:
            self._run("systemctl", "stop", *units)

    def start(self, units: Sequence[str]) -> None:
        """Start without waiting."""
        if self.is_running and units:
            self._run("systemctl", "start", "--no-block", *units)

    def reload(self) -> None:
        """Read all units again, with those of the release that is linked now."""
        if self.is_running:
            self._run("systemctl", "daemon-reload")

    def running(self) -> set[str]:
        """Those of the watched units that run or are being started."""
        return {
            unit for unit in WATCHED_UNITS if self._show(unit, "ActiveState") in ("active", "activating", "reloading")
        }

    def active(self) -> set[str]:
        """Those of the watched units that have started. One that systemd starts again and again has not."""
        return {unit for unit in WATCHED_UNITS if self._show(unit, "ActiveState") == "active"}

    def enabled(self) -> set[str]:
        """Those of the watched units that start at power-on."""
        wants = Path("/etc/systemd/system")
        return {unit for unit in WATCHED_UNITS if any(wants.glob(f"*.wants/{unit}"))}

    def main_pid(self, unit: str) -> int:
        """Process id of an active unit, else 0."""
        return int(self._show(unit, "MainPID") or 0) if self._show(unit, "ActiveState") == "active" else 0

    def restarts(self) -> int:
        """How often systemd restarted the watched units by itself since they were started."""
        return sum(int(self._show(unit, "NRestarts") or 0) for unit in WATCHED_UNITS if unit.endswith(".service"))

    def purge_works(self) -> bool:
        """Run the unit that deletes expired events, and tell whether it succeeds."""
        return subprocess.run(["systemctl", "start", PURGE_UNIT], check=False, capture_output=True).returncode == 0

    def log_tail(self) -> list[str]:
        """Last lines of the daemon in the journal."""
        command = ["journalctl", "--no-pager", "-o", "cat", "-n", "20", "-u", DAEMON_UNIT]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout.splitlines()

    def _show(self, unit: str, name: str) -> str:
        command = ["systemctl", "show", unit, "-p", name, "--value"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            message = done.stderr.strip() or f"exit status {done.returncode}"
            raise InstallError("system-command-failed", command=" ".join(command), error=message)


def start_in_own_unit(arguments: Sequence[str]) -> bool:
    """Start `kiosk` ARGUMENTS of this tool in a unit of its own: a closed terminal or the end of dpkg does not stop it.

    If it dies, systemd runs `recover` (ExecStopPost). False if such a unit runs already.
    """
    after = " ".join([*TOOL, "recover"])
    unit = [f"--unit={SWITCH_UNIT}", "--collect", "--no-block", "--quiet", "-p", f"ExecStopPost={after}"]
    limits = [
        "-p",
        "TimeoutStopSec=300",
        "-p",
        "OOMScoreAdjust=-900",
        f"--setenv=LANG={os.environ.get('LANG', 'C.UTF-8')}",
    ]
    done = subprocess.run(["systemd-run", *unit, *limits, *TOOL, *arguments], check=False, capture_output=True)
    return done.returncode == 0


def switch_is_running() -> bool:
    """True while that unit exists."""
    command = ["systemctl", "show", SWITCH_UNIT, "-p", "ActiveState", "--value"]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return state in ("active", "activating", "deactivating", "reloading")
