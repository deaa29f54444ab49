"""A real daemon on a machine with injected faults: board, clock, disk, relay and web UI, and how each fault is shown.

Each fault has a cause, a cure, the code of its health check and the state that the lamps show.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.simulation.processes import ChildProcess, free_port, python_module_command
from kiosk.simulation.sandbox import Sandbox
from kiosk.system.status_file import read_status
from tests.fakes.processes.replay_daemon import Scenes, daemon
from tests.faults.faulty_disk import Mounted

ROOMY_BYTES = 600_000_000
"""Size of the disk image, a sparse file. Large enough for the disk check to pass."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a machine."""

    cause: Callable[[], object]
    cure: Callable[[], object]
    check_code: str
    """Code of the health check that reports it."""
    state: str
    """State of the device with this fault."""


class FaultyMachine:
    """The simulated machine of one daemon. All files are in `folder`."""

    def __init__(self, folder: Path, exit_stack: ExitStack) -> None:
        self._exit_stack = exit_stack
        folder.mkdir(exist_ok=True)
        self.run_dir = folder / "run"
        self.scenes = Scenes(folder / "pictures")
        self._zone = folder / "sys/class/thermal/thermal_zone0/temp"
        self._trigger = folder / "leds/kiosk-relay/trigger"
        self._clock = folder / "clock"
        for path in (self._zone, self._trigger):
            path.parent.mkdir(parents=True)
        for name in ("delay_on", "delay_off", "shot", "invert"):
            (self._trigger.parent / name).write_text("0")
        self.heat(48.0)
        self.hold_relay(held=False)
        self.set_clock(0.0)
        self.disk = Mounted.make(folder / "disk", folder / "disk.img", ROOMY_BYTES)
        if self.disk is not None:
            exit_stack.callback(self.disk.remove)
        self._port = free_port()
        self._page: ChildProcess | None = None
        self.sandbox: Sandbox
        self.process: ChildProcess

    def start(self) -> None:
        """Start the daemon."""
        folder = self._zone.parents[4]
        records = f"{self.disk.folder}/events.db" if self.disk else "events.db"
        changes = {
            'pin_factory = "mock"': f'pin_factory = "mock"\nrelay_led = "kiosk-relay"\nleds_dir = "{folder}/leds"',
            'path = "events.db"': f'path = "{records}"\nmin_free_bytes = 2000000\nlow_space_bytes = 4000000',
            "port = 0": f"port = {self._port}",
            'run_dir = "run"': f'run_dir = "{self.run_dir}"\nsysfs = "{folder}/sys"',
        }
        command = ("tests.fakes.processes.clock_jump_daemon", str(self._clock))
        started = daemon(self.scenes.folder, self.run_dir, 15.0, changes=changes, command=command)
        self.sandbox, self.process = self._exit_stack.enter_context(started)

    def faults(self) -> dict[str, Fault]:
        """The faults that can be injected here. A full disk only if a file system can be mounted."""
        found = {
            "processor hot": Fault(lambda: self.heat(84.0), lambda: self.heat(48.0), "temperature", "degraded"),
            "page killed": Fault(self.kill_page, self.start_page, "web", "degraded"),
        }
        disk = self.disk
        if disk is not None:
            pid = self.process.popen.pid if self.process.popen else 0
            found["disk full"] = Fault(lambda: disk.fill(pid), lambda: disk.clear(pid), "storage", "out-of-order")
        return found

    def clock_fault(self) -> Fault:
        """The wall clock is set back by an hour. It needs no cure: the check passes again after a minute."""
        return Fault(lambda: self.set_clock(-3600.0), lambda: None, "clock", "degraded")

    def heat(self, celsius: float) -> None:
        """Set the temperature of the processor."""
        self._zone.write_text(f"{celsius * 1000:.0f}\n")

    def hold_relay(self, *, held: bool) -> None:
        """Another program takes or releases the LED of the relay."""
        self._trigger.write_text("[none] timer oneshot\n" if held else "none timer [oneshot]\n")

    def set_clock(self, seconds: float) -> None:
        """Set the offset of the wall clock."""
        draft = self._clock.with_suffix(".draft")
        draft.write_text(str(seconds))
        draft.replace(self._clock)

    def start_page(self) -> None:
        """Start the web UI, as systemd does."""
        config = str(self.sandbox.config_file)
        self._page = ChildProcess(
            "page", python_module_command("kiosk.cli", "web", "--config", config), self.sandbox.log_file("page")
        )
        self._page.start()
        self._exit_stack.callback(self._page.terminate)

    def kill_page(self) -> None:
        """Kill the web UI with SIGKILL."""
        assert self._page is not None
        self._page.kill()

    def fail_medium(self) -> bool:
        """The SD card fails and the kernel makes it read-only. False if this cannot be simulated here."""
        return self.disk is not None and self.process.popen is not None and self.disk.fail(self.process.popen.pid)

    def start_anew(self) -> None:
        """Power the machine off and on: the start repairs the disk and mounts it for writing."""
        self.process.terminate()
        if self.disk is not None:
            self.disk.repair()
        self.process.start()

    def status(self) -> dict[str, Any]:
        """The published status of the daemon. Empty if there is none."""
        return read_status(self.run_dir) or {}

    def bad(self) -> set[str]:
        """Codes of the checks that do not pass."""
        return {check_code["code"] for check_code in self.status().get("checks", ()) if check_code["status"] != "pass"}

    def knows(self, name: str) -> bool:
        """True if the status has a check with this code."""
        return any(check_code["code"] == name for check_code in self.status().get("checks", ()))

    def sentence(self, name: str) -> str:
        """Start of the log message of a check that fails now, without its value."""
        (found,) = (check for check in self.status()["checks"] if check["code"] == name)
        return f"{name}: {found['reason'] or found['status']}"

    def logged(self, words: str) -> int:
        """How often the text is in the log of the daemon."""
        return self.sandbox.log_file("daemon").read_text(encoding="utf-8").count(words)

    def daemon_log_lines(self, sentence: str) -> int:
        """Number of log lines of kiosk.app.daemon with this text."""
        lines = self.sandbox.log_file("daemon").read_text(encoding="utf-8").splitlines()
        return sum(1 for line in lines if " kiosk.app.daemon: " in line and sentence in line)


@contextmanager
def faulty_machine(folder: Path) -> Iterator[FaultyMachine]:
    """A machine that is not started yet, so that a fault can be injected before."""
    with ExitStack() as exit_stack:
        yield FaultyMachine(folder, exit_stack)
