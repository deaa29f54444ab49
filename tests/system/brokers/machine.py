"""One machine of a broker cluster: a program in the Debian root, with an address, files and a death of its own."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.system.brokers.network import ClusterNetwork
from tests.system.brokers.root import inside, ready_root, user_ids

START_TIMEOUT_S = 300.0


class Machine:
    """`number` counts from 1. Its name is `broker-NUMBER` on all machines of the network."""

    def __init__(self, number: int, folder: Path, network: ClusterNetwork, user: str) -> None:
        """`user`: the system user inside as whom programs run."""
        self.name = f"broker-{number}"
        self.address = network.addresses[number - 1]
        self.folder = folder / self.name
        self.root = ready_root()
        self._namespace = network.namespaces[number - 1]
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self.folder.mkdir(parents=True)
        self._hosts = self.folder / "hosts"
        self._hosts.write_text(network.hosts(), encoding="utf-8")

    def own_files(self) -> None:
        """Give all its files to the user."""
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, *user_ids(self.root, self._user))

    def command(self, command: Sequence[str], binds: Mapping[str, Path], environment: Mapping[str, str]) -> list[str]:
        """The command line of a program on this machine."""
        apart = inside(
            self.root, command, user=self._user, binds={**binds, "/etc/hosts": self._hosts}, environment=environment
        )
        return ["ip", "netns", "exec", self._namespace, *apart]

    def start_program(self, command: Sequence[str]) -> None:
        """Start the broker (a command line of `command`). It may not be ready yet."""
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def wait_until(self, is_ready: Callable[[], bool], log: Callable[[], str]) -> None:
        """`log`: its last words, if it ends or is not ready in START_TIMEOUT_S."""
        assert self._process is not None
        ends_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < ends_s and self._process.poll() is None:
            if is_ready():
                return
            threading.Event().wait(0.2)
        raise AssertionError(f"{self.name} does not start: {log()[-3000:]}")

    def kill(self) -> None:
        """kill -9 of all its processes at once: with the first process of a namespace, the kernel ends all others."""
        assert self._process is not None
        for pid in [*_descendants(self._process.pid), self._process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(30)
        self._process = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not killed."""
        return self._process is not None


def _descendants(pid: int) -> list[int]:
    """Children before grandchildren. (unshare's --kill-child does not survive the change to another user.)"""
    found = []
    with suppress(FileNotFoundError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            found += [int(child), *_descendants(int(child))]
    return found
