"""A real daemon whose machine a test or benchmark spoils: its board, clock, disk, relay and page; and how each fault is shown.

Each fault has a cause, a cure, the fact of the self-check that tells it and the state that the lamp shows.
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
"""Of a file that has holes where nothing was written: no less than what the self-check calls room enough."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a machine fails."""

    cause: Callable[[], object]
    cure: Callable[[], object]
    fact: str
    """Name of the fact that tells it."""
    state: str
    """What the lamp shows."""


class SpoiledMachine:
    """The machine around one daemon; everything lies under `folder`."""

    def __init__(self, folder: Path, house: ExitStack) -> None:
        self._house = house
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
            house.callback(self.disk.remove)
        self._port = free_port()
        self._page: ChildProcess | None = None
        self.premises: Sandbox
        self.process: ChildProcess

    def start(self) -> None:
        """Start the daemon, and the page beside it."""
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
        self.premises, self.process = self._house.enter_context(started)

    def faults(self) -> dict[str, Fault]:
        """What can fail on this machine; a disk only where a file system may be mounted."""
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
        """The wall clock is set back by an hour; nothing has to be cured: it is forgotten after a minute."""
        return Fault(lambda: self.set_clock(-3600.0), lambda: None, "clock", "degraded")

    def heat(self, celsius: float) -> None:
        """What the board's sensor says from now on."""
        self._zone.write_text(f"{celsius * 1000:.0f}\n")

    def hold_relay(self, *, held: bool) -> None:
        """Another program takes the relay's LED, or lets it go."""
        self._trigger.write_text("[none] timer oneshot\n" if held else "none timer [oneshot]\n")

    def set_clock(self, seconds: float) -> None:
        """The wall clock is so far off from now on."""
        draft = self._clock.with_suffix(".draft")
        draft.write_text(str(seconds))
        draft.replace(self._clock)

    def start_page(self) -> None:
        """As systemd does it."""
        config = str(self.premises.config_file)
        self._page = ChildProcess(
            "page", python_module_command("kiosk", "web", "--config", config), self.premises.log_file("page")
        )
        self._page.start()
        self._house.callback(self._page.terminate)

    def kill_page(self) -> None:
        """kill -9."""
        assert self._page is not None
        self._page.kill()

    def fail_medium(self) -> bool:
        """The memory card fails, and the kernel lets nobody write any more; False where that cannot be done here."""
        return self.disk is not None and self.process.popen is not None and self.disk.fail(self.process.popen.pid)

    def start_anew(self) -> None:
        """The machine is switched off and on: the start checks the disk, and mounts it for writing."""
        self.process.terminate()
        if self.disk is not None:
            self.disk.repair()
        self.process.start()

    def status(self) -> dict[str, Any]:
        """The daemon's, as everybody sees it; empty where there is none."""
        return read_status(self.run_dir) or {}

    def bad(self) -> set[str]:
        """Names of the facts that are not well."""
        return {fact["code"] for fact in self.status().get("checks", ()) if fact["status"] != "pass"}

    def knows(self, name: str) -> bool:
        """Whether there is such a fact at all."""
        return any(fact["code"] == name for fact in self.status().get("checks", ()))

    def sentence(self, name: str) -> str:
        """The beginning of what the log says of a check that fails now, without its value."""
        (found,) = (check for check in self.status()["checks"] if check["code"] == name)
        return f"{name}: {found['reason'] or found['status']}"

    def logged(self, words: str) -> int:
        """How often the daemon's log has these words."""
        return self.premises.log_file("daemon").read_text(encoding="utf-8").count(words)

    def told(self, sentence: str) -> int:
        """How many lines of the log say so."""
        lines = self.premises.log_file("daemon").read_text(encoding="utf-8").splitlines()
        return sum(1 for line in lines if " kiosk.app.daemon: " in line and sentence in line)


@contextmanager
def spoiled_machine(folder: Path) -> Iterator[SpoiledMachine]:
    """Not started yet: something may be spoiled before."""
    with ExitStack() as house:
        yield SpoiledMachine(folder, house)
