"""An emulated machine seen from outside: its console, a shell on a serial line, its pins (qtest), its monitor (QMP), its end.

with qemu.machine(["qemu-system-aarch64", "-M", "virt", ...]) as guest:
    guest.pins.watch(guest.path_of("pl061"))
    guest.go()
    guest.console.wait("login", 60)
    guest.kill()
"""

import contextlib
import fcntl
import json
import queue
import re
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")
_ANSWER_S = 30.0
_END = "kiosk-shell-answered"


class EmulatorError(Exception):
    """The machine did not do in time what it should have; the sentence says what."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A change of a pin's level, at this machine's monotonic clock."""

    at_s: float
    line: int
    high: bool


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """A line of the console, at this machine's monotonic clock."""

    at_s: float
    text: str


class History(Generic[_T]):
    """What came so far, in its order. A caller can wait for more. From any thread."""

    def __init__(self) -> None:
        self._things: list[_T] = []
        self._grown = threading.Condition()

    def add(self, thing: _T) -> None:
        """Append, and wake those who wait."""
        with self._grown:
            self._things.append(thing)
            self._grown.notify_all()

    def all(self) -> list[_T]:
        """A copy of everything."""
        with self._grown:
            return list(self._things)

    def first(self, wanted: Callable[[_T], bool], timeout_s: float, what: str, after: int = 0) -> _T:
        """The first thing that is wanted, from position `after` on. Raises EmulatorError, with `what`, after `timeout_s`."""
        ends_s = time.monotonic() + timeout_s
        position = after
        with self._grown:
            while True:
                for thing in self._things[position:]:
                    if wanted(thing):
                        return thing
                position = len(self._things)
                if not self._grown.wait(ends_s - time.monotonic()):
                    raise EmulatorError(f"not within {timeout_s:g} s: {what}")

    def __len__(self) -> int:
        with self._grown:
            return len(self._things)


class Pins:
    """QEMU's qtest line: hears a chip's outputs, sets its inputs, reads and writes the machine's memory."""

    def __init__(self, path: Path) -> None:
        self.edges: History[Edge] = History()
        self._answers: queue.Queue[str] = queue.Queue()
        self._socket = _connected(path)
        self._chip = ""
        self._listener = threading.Thread(target=self._hear, name="qtest", daemon=True)
        self._listener.start()

    def close(self) -> None:
        """Once the machine has ended."""
        self._listener.join()
        self._socket.close()

    def watch(self, chip: str) -> None:
        """From now on `edges` grows with every change of an output of the chip at this QOM path. Once a machine."""
        self._chip = chip
        self._ask(f"irq_intercept_out {chip}")

    def drive(self, line: int, *, high: bool) -> None:
        """Set an input of the watched chip."""
        self._ask(f"set_irq_in {self._chip} unnamed-gpio-in {line} {int(high)}")

    def read(self, address: int) -> int:
        """32 bits of the machine's physical memory: a device's register."""
        return int(self._ask(f"readl {address:#x}").split()[1], 16)

    def write(self, address: int, value: int) -> None:
        """32 bits into the machine's physical memory: a device's register."""
        self._ask(f"writel {address:#x} {value:#x}")

    def level(self, line: int) -> bool:
        """As the last edge left it; low where there was none."""
        return next((edge.high for edge in reversed(self.edges.all()) if edge.line == line), False)

    def _ask(self, command: str) -> str:
        self._socket.sendall(f"{command}\n".encode())
        answer = self._answers.get(timeout=_ANSWER_S)
        if not answer.startswith("OK"):
            raise EmulatorError(f"qtest: {command}: {answer}")
        return answer

    def _hear(self) -> None:
        with contextlib.suppress(OSError), self._socket.makefile() as lines:
            for line in lines:
                words = line.split()
                if words[:1] == ["IRQ"]:
                    self.edges.add(Edge(time.monotonic(), int(words[2]), words[1] == "raise"))
                else:
                    self._answers.put(line.strip())


class Monitor:
    """QEMU's QMP line. One caller at a time."""

    def __init__(self, path: Path) -> None:
        self._socket = _connected(path)
        self._lines = self._socket.makefile()
        self._answer()
        self.ask("qmp_capabilities")

    def close(self) -> None:
        """Once the machine has ended."""
        self._lines.close()
        self._socket.close()

    def ask(self, command: str, **arguments: object) -> Any:
        """The command's return value. Raises EmulatorError."""
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        answer = self._answer()
        if "error" in answer:
            raise EmulatorError(f"QMP: {command}: {answer['error']}")
        return answer["return"]

    def _answer(self) -> dict[str, Any]:
        for line in self._lines:
            found: dict[str, Any] = json.loads(line)
            if "event" not in found:
                return found
        raise EmulatorError("QMP: the machine has ended")


class Shell:
    """A shell in the machine that reads commands from a line of its own, a serial one or TCP, and does not echo."""

    def __init__(self, open_line: Callable[[], socket.socket]) -> None:
        """The line is opened by the first command, and again while nothing answers there."""
        self._open_line = open_line
        self._said: History[str] = History()
        self._socket: socket.socket | None = None
        self._listeners: list[threading.Thread] = []
        self._asked_times = 0

    def close(self) -> None:
        """Once the machine has ended."""
        for listener in self._listeners:
            listener.join(_ANSWER_S)
        if self._socket:
            self._socket.close()

    def run(self, command: str, timeout_s: float = 60.0) -> str:
        """What a command printed, stderr included. Raises EmulatorError where it fails or does not end in time."""
        if self._socket is None:
            self._socket = self._opened()
        return self._asked(self._socket, command, timeout_s)

    def _asked(self, line: socket.socket, command: str, timeout_s: float) -> str:
        before = len(self._said)
        self._asked_times += 1
        end = f"{_END} {self._asked_times} "  # an answer that was given up may still come, on a line opened before
        line.sendall(f"{{ {command}\n}} 2>&1; echo {end}$?\n".encode())
        last = self._said.first(lambda said: said.startswith(end), timeout_s, f"the end of: {command}", before)
        lines = self._said.all()[before:]
        printed = "\n".join(said for said in lines if not said.startswith(_END))
        if last.split()[2] != "0":
            raise EmulatorError(f"{command}: status {last.split()[2]}: {printed}")
        return printed

    def _opened(self) -> socket.socket:
        """QEMU takes a TCP connection before the guest listens, and drops it then."""
        for _ in range(20):
            line = self._open_line()
            self._listeners.append(threading.Thread(target=self._hear, args=[line], name="shell", daemon=True))
            self._listeners[-1].start()
            try:
                self._asked(line, "true", 10.0)
            except (EmulatorError, OSError):
                line.close()
            else:
                return line
        raise EmulatorError("the guest's shell does not answer")

    def _hear(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError), line.makefile(errors="replace", newline="\n") as lines:
            for said in lines:
                self._said.add(said.rstrip("\r\n"))


class Machine:
    """One machine; made by `machine()`. It stands still until `go`."""

    def __init__(self, command: Sequence[str], folder: Path, shell_port: int | None) -> None:
        self.console: Console = Console()
        self._folder = folder
        listening = "server=on,wait=off"
        self._qemu = subprocess.Popen(
            [
                *(command[0], "-S", "-display", "none", "-no-reboot", "-serial", "stdio", *command[1:]),
                *("-chardev", f"socket,id=shell,path={folder}/shell,{listening}"),
                *("-qtest", f"unix:{folder}/qtest,{listening}", "-qtest-log", "none"),
                *("-qmp", f"unix:{folder}/qmp,{listening}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._listener = threading.Thread(target=self._hear, name="console", daemon=True)
        self._listener.start()
        try:
            self.monitor = Monitor(folder / "qmp")
            self.pins = Pins(folder / "qtest")
            self.shell = Shell(lambda: _connected(folder / "shell") if shell_port is None else _dialled(shell_port))
        except OSError:
            self.kill()
            raise EmulatorError(f"QEMU did not start: {self.console.tail()}") from None
        self.on_at_s = 0.0
        """When it was switched on."""

    def go(self) -> None:
        """Switch it on."""
        self.on_at_s = time.monotonic()
        self.monitor.ask("cont")

    def path_of(self, kind: str) -> str:
        """The QOM path of the only device of a kind, such as `pl061`. Raises EmulatorError."""
        found = list(self._paths("/machine", kind))
        if len(found) != 1:
            raise EmulatorError(f"{len(found)} devices are of the kind {kind}: {found}")
        return found[0]

    def kill(self) -> None:
        """The power is cut: kill -9; what its disks were not asked to flush may be lost."""
        self._qemu.kill()
        self._qemu.wait()

    def close(self) -> None:
        """Kill it where it still runs, and let go of its lines."""
        self.kill()
        self._listener.join()
        for line in (self.monitor, self.pins, self.shell):
            line.close()

    def ended(self, timeout_s: float) -> None:
        """Wait until it has switched itself off. Raises EmulatorError."""
        try:
            self._qemu.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise EmulatorError(f"not within {timeout_s:g} s: switched off. {self.console.tail()}") from None

    def _paths(self, path: str, kind: str) -> Iterator[str]:
        for each in self.monitor.ask("qom-list", path=path):
            if each["type"].startswith("child<"):
                below = f"{path}/{each['name']}"
                if each["type"] == f"child<{kind}>":
                    yield below
                yield from self._paths(below, kind)

    def _hear(self) -> None:
        assert self._qemu.stdout
        with self._qemu.stdout as lines:
            for line in lines:
                self.console.add(ConsoleLine(time.monotonic(), line.rstrip("\r\n")))


class Console(History[ConsoleLine]):
    """What the machine printed on its first serial line, and QEMU's own complaints."""

    def wait(self, pattern: str, timeout_s: float) -> ConsoleLine:
        """The first line in which the regular expression is found. Raises EmulatorError with the console's end."""
        try:
            return self.first(lambda line: re.search(pattern, line.text) is not None, timeout_s, pattern)
        except EmulatorError as error:
            raise EmulatorError(f"{error}; the console ends with:\n{self.tail()}") from None

    def tail(self, lines: int = 30) -> str:
        """Its last lines."""
        return "\n".join(line.text for line in self.all()[-lines:])


@contextlib.contextmanager
def machine(command: Sequence[str], shell_port: int | None = None) -> Iterator[Machine]:
    """A machine that stands still with its lines connected; killed at the end. One at a time: others wait for it.

    `command` may use the chardev `shell` for the serial line that the guest's shell sits on; or the shell is behind a TCP port
    of this machine.
    """
    with Path(tempfile.gettempdir(), "entrance-kiosk-emulator.lock").open("w", encoding="utf-8") as only_one:
        fcntl.flock(only_one, fcntl.LOCK_EX)
        with tempfile.TemporaryDirectory(prefix="kiosk-machine-") as folder:
            made = Machine(command, Path(folder), shell_port)
            try:
                yield made
            finally:
                made.close()


def _connected(path: Path) -> socket.socket:
    """Connect as soon as QEMU listens. Raises OSError after ten seconds."""
    ends_s = time.monotonic() + 10.0
    pause = threading.Event()
    while True:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(str(path))
        except OSError:
            line.close()
            if time.monotonic() > ends_s:
                raise
            pause.wait(0.05)
        else:
            return line


def _dialled(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=None)
