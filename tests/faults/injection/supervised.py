"""A process that is started again when it ends by itself, as systemd does it with `Restart=always`."""

import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.faults.injection.memory_group import MemoryGroup
from tests.paths import PROJECT

TERM_TIMEOUT_S = 30.0


class Supervised:
    """One process. All methods are called from one thread."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_file: Path,
        *,
        memory: MemoryGroup | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """It is not started yet. `variables` are added to the environment."""
        self.name = name
        self.log_file = log_file
        self.memory = memory
        self.last_lines_before_end = ""
        """Of the log, when it ended by itself the last time."""
        self._command = memory.started_in(command) if memory else list(command)
        self._variables = variables or {}
        self._popen: subprocess.Popen[bytes] | None = None
        self.pids: list[int] = []
        """Of all its starts."""
        self._is_wanted = False

    @property
    def pid(self) -> int:
        assert self._popen is not None, f"{self.name} was never started"
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self._popen = subprocess.Popen(
                self._command,
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=os.environ | self._variables,
            )
        self.pids.append(self._popen.pid)
        self._is_wanted = True

    def start_if_ended(self) -> bool:
        """Start it again if it ended by itself. True if it had to be done."""
        if not self._is_wanted or self.is_running:
            return False
        self._close_stdin()
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        self.last_lines_before_end = " | ".join(line.strip()[:300] for line in lines[-8:])
        self.start()
        return True

    def tell(self, *lines: str) -> bool:
        """Write lines to its stdin. False if it has just ended."""
        assert self._popen is not None
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(b"".join(line.encode() + b"\n" for line in lines))
            self._popen.stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def end(self, how: signal.Signals) -> bool:
        """End and reap it. False if it did not end on the signal and was killed."""
        self._is_wanted = False
        if self._popen is None:
            return True
        self._popen.send_signal(how)
        try:
            self._popen.wait(TERM_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
            return False
        finally:
            self._close_stdin()
        return True

    def wait_for_end(self, timeout_s: float) -> bool:
        """Whether it ended by itself within this time."""
        assert self._popen is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout_s)
        return not self.is_running

    def _close_stdin(self) -> None:
        if self._popen is not None and self._popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._popen.stdin.close()


def stop_while(pids: Sequence[int], wait: Callable[[], None]) -> None:
    """SIGSTOP these processes, wait, and let them go on."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        wait()
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def limit_while(pid: int, kind: int, limit: int, wait: Callable[[], None]) -> None:
    """Set a soft limit of a running process (prlimit(2)), wait, and set the old one again."""
    with contextlib.suppress(ProcessLookupError):
        old = resource.prlimit(pid, kind)
        resource.prlimit(pid, kind, (limit, old[1]))
        try:
            wait()
        finally:
            resource.prlimit(pid, kind, old)


def lowest_free_descriptor(pid: int) -> int:
    """With this as its limit, the process can open no further file. 0 if it has just ended."""
    try:
        used = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return 0
    return next(number for number in range(len(used) + 1) if number not in used)


def address_space_bytes(pid: int) -> int:
    """The present address space. 0 if the process has just ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


@contextlib.contextmanager
def no_free_descriptors() -> Iterator[None]:
    """This process can open nothing within the block."""
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open("/dev/null", os.O_RDONLY)]
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 2, old[1])
    )
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(taken[0]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)
        for descriptor in taken:
            os.close(descriptor)
