"""Child processes of a demo or a test: started in their own session, ended in order, never left running."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.core.ports import KioskError

TERMINATE_TIMEOUT_S = 10.0


class ProcessError(KioskError):
    """A process of the demo did not start or ended by itself."""


@dataclass(slots=True)
class ChildProcess:
    """One process and its log file."""

    name: str
    command: Sequence[str]
    log_file: Path
    popen: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self.popen is not None and self.popen.poll() is None

    def start(self) -> None:
        """Start it in its own session, so that Ctrl-C reaches only us and we end the processes in order."""
        with self.log_file.open("ab") as log:
            self.popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_environment(),
            )

    def kill(self) -> None:
        """Kill it with SIGKILL, which is like a power cut for it, and reap it."""
        if self.popen:
            self.popen.kill()
            self.popen.wait()

    def terminate(self) -> int | None:
        """Terminate it, and kill it after a timeout. Returns the exit status, None if it never ran."""
        if self.popen is None:
            return None
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        try:
            return self.popen.wait(TERMINATE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.popen.returncode

    def log_tail(self) -> str:
        """The last lines of its log, for an error message."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
        return ""

    def check_running(self) -> None:
        """Raise ProcessError with the last log lines if it has ended."""
        if not self.is_running:
            code = self.popen.returncode if self.popen else None
            raise ProcessError(f"{self.name} ended by itself (status {code}). End of its log:\n{self.log_tail()}")


def python_module_command(*arguments: str) -> list[str]:
    """The command line of one of our modules, with this interpreter."""
    return [sys.executable, "-m", *arguments]


def find_mosquitto() -> str:
    """Path of the broker. Debian installs it outside an ordinary user's PATH. Raises ProcessError if it is missing."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    if found is None:
        raise ProcessError("mosquitto is not installed. Run:  sudo apt-get install mosquitto")
    return found


def free_port() -> int:
    """A loopback TCP port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> Mapping[str, str]:
    """Our environment without the variable that would make a child notify our own supervisor."""
    return {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"} | {"PYTHONUNBUFFERED": "1"}
