"""A container with a real systemd whose disk outlives it: booted, looked into from outside, cut off in mid-work."""

import fcntl
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.system.container.control_groups import Groups
from tests.system.container.disk import Disk

BOOT_S = 60.0
_tick = threading.Event()


def until(what: str, ask: Callable[[], Any], timeout_s: float) -> Any:
    """Ask until the answer is true; five times a second."""
    ends_s = time.monotonic() + timeout_s
    while time.monotonic() < ends_s:
        found = ask()
        if found:
            return found
        _tick.wait(0.2)
    raise AssertionError(f"not within {timeout_s:g} s: {what}")


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other test run has containers on this machine, and keep others waiting."""
    with Path(tempfile.gettempdir(), "entrance-kiosk-container.lock").open("w", encoding="utf-8") as only_one:
        fcntl.flock(only_one, fcntl.LOCK_EX)
        yield


class Container:
    """One machine; `boot` and `cut` (or `power_off`) again and again."""

    def __init__(
        self, name: str, disk: Disk, groups: Groups | None, binds: dict[Path, str], *, network: str | None = None
    ) -> None:
        """`name`: no other running container's. `disk`: attached. `groups`: where it is not the only one.
        `binds`: folder of this machine -> where in there, read-only. `network`: a network namespace. None: loopback only.
        """
        self._name = name
        self.root = disk.mounted
        """Its disk, as this machine sees it."""
        self._disk = disk
        self._groups = groups
        self._network = f"--network-namespace-path=/run/netns/{network}" if network else "--private-network"
        self._console = disk.mounted.parent / "console"
        self._binds = [f"--bind-ro={path}:{seen}" for path, seen in binds.items()]
        self._nspawn: subprocess.Popen[bytes] | None = None

    def boot(self) -> float:
        """Power on; seconds until systemd says that everything was started."""
        began_s = time.monotonic()
        settings = [self._network, "--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off"]
        quiet = [
            "--quiet",
            "--boot",
            "--link-journal=no",
            "--system-call-filter=@clock",
            f"--machine=entrance-kiosk-{self._name}",
        ]
        with self._console.open("ab") as console:
            nspawn = ["systemd-nspawn", *quiet, *settings, f"--directory={self.root}", *self._binds]
            self._nspawn = subprocess.Popen(
                self._groups.started_in(nspawn) if self._groups else nspawn,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        until("the container has booted", self._has_booted, BOOT_S)
        return time.monotonic() - began_s

    def _has_booted(self) -> bool:
        if self._nspawn is None or self._nspawn.poll() is not None:
            raise AssertionError(f"the container ended; see {self._console}")
        if not self._init():
            return False
        said = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return said in ("running", "degraded")

    def _init(self) -> int:
        """Process id of its systemd, as seen from here; 0 where it has none (yet)."""
        assert self._nspawn is not None
        pid = self._nspawn.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return int(children[0]) if children else 0

    def command(self, *words: str) -> list[str]:
        """The command line by which this machine runs a command in there."""
        return [
            "nsenter",
            "-t",
            str(self._init()),
            "-m",
            "-u",
            "-i",
            "-n",
            "-p",
            "-C",
            "--",
            "env",
            "-i",
            *ENVIRONMENT,
            *words,
        ]

    def run(self, *words: str, check: bool = True, timeout_s: float = 600.0) -> subprocess.CompletedProcess[str]:
        """Run a command in there, to its end."""
        done = subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command in there."""
        return subprocess.Popen(
            self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def cut(self) -> None:
        """The power goes: nothing reaches the disk any more, and every process ends. Afterwards the disk is as a boot finds it."""
        assert self._nspawn is not None
        self._disk.lose_power()
        os.kill(self._init(), signal.SIGKILL)  # with a PID namespace's init all its processes end
        self._ended()
        self._disk.detach()
        self._disk.attach()

    def power_off(self) -> None:
        """An orderly end; nothing where it does not run."""
        if self._nspawn is None:
            return
        if self._nspawn.poll() is None and self._init():
            self.run("systemctl", "poweroff", check=False)
        self._ended()

    def _ended(self) -> None:
        assert self._nspawn is not None
        try:
            self._nspawn.wait(60)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait(60)
        self._nspawn = None


ENVIRONMENT: Sequence[str] = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
)
