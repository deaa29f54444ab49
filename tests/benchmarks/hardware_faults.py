"""The part of the hardware benchmark in which things fail: how soon the lamp says so, in how many lines, and when it heals.

Each row is of the real daemon. Most of the time is waiting, so the kinds of faults are tried beside each other.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from tests.benchmarks.table import Row, goal_row
from tests.fakes.processes.replay_daemon import HEIGHT, WIDTH, Scenes, daemon, empty_scene, shows, state, until
from tests.fakes.processes.running_demo import demonstration
from tests.faults.displayed_faults import Fault, SpoiledMachine, spoiled_machine

HEALS_S = 90.0
"""The longest that anything takes to be well again: a clock that was set back is forgotten after a minute."""


def run_beside(memory_folder: Path, disk_folder: Path, also: Callable[[], list[Row]]) -> list[Row]:
    """All rows of faults, and those of `also`, which waits as well. Pictures lie in memory, what fails is on a disk."""
    parts: list[Callable[[], list[Row]]] = [
        partial(fault_rows, memory_folder),
        partial(machine_fault_rows, disk_folder),
        frozen_rows,
        also,
    ]
    with ThreadPoolExecutor(len(parts)) as pool:
        return [row for rows in [pool.submit(part) for part in parts] for row in rows.result()]


def fault_rows(folder: Path) -> list[Row]:
    """Each fault: how long until the state says so, and whether it heals when the cause goes."""
    scenes = Scenes(folder / "faults")
    black = np.full((HEIGHT, WIDTH), 4, np.uint8)
    white = np.full((HEIGHT, WIDTH), 252, np.uint8)
    smeared = np.asarray(cv2.GaussianBlur(empty_scene(), (0, 0), 12), np.uint8)
    faults: dict[str, tuple[Callable[[], None], Callable[[], None], str]] = {
        "camera unplugged": (scenes.unplug, scenes.plug_in, "out-of-order"),
        "camera hangs": (scenes.hang, scenes.let_go, "out-of-order"),
        "lens covered": (lambda: scenes.fill(lambda _: black), scenes.well, "degraded"),
        "lens blinded": (lambda: scenes.fill(lambda _: white), scenes.well, "degraded"),
        "lens smeared": (lambda: scenes.fill(lambda _: smeared), scenes.well, "degraded"),
    }
    run_dir = folder / "faults-run"
    rows = []
    with daemon(scenes.folder, run_dir, 15.0) as (premises, _):
        until(lambda: state(run_dir) == "ready", 30.0)
        for name, (cause, cure, expected) in faults.items():
            cause()
            shown_s = until(partial(shows, run_dir, expected), 20.0)
            cure()
            healed_s = until(partial(shows, run_dir, "ready"), 20.0)
            rows.append(goal_row(f"fault: {name}, shown as {expected}", round(shown_s, 1), "s", "<= 5"))
            rows.append(Row(f"fault: {name}, healed by itself", round(healed_s, 1), "s"))
        log = premises.log_file("daemon").read_text(encoding="utf-8")
    told = sum(1 for line in log.splitlines() if " ERROR " in line and "no picture" in line)
    rows.append(goal_row("fault: camera unplugged, lines of error in the log", told, "lines", "<= 1"))
    return rows


def machine_fault_rows(folder: Path) -> list[Row]:
    """The machine around the daemon fails: its board, page, disk, clock, relay."""
    with spoiled_machine(folder / "machine") as machine:
        rows = _held_relay_rows(machine)
        machine.start_page()
        until(partial(machine.knows, "web"), 30.0)
        clock = Trial(machine, "clock set back by an hour", machine.clock_fault())
        for name, fault in machine.faults().items():
            rows += Trial(machine, name, fault).healed_rows()
        rows += clock.healed_rows()
        if machine.fail_medium():
            shown_s = until(lambda: "storage" in machine.bad(), 20.0)
            until(lambda: machine.told("The memory card is read-only") > 0, 20.0)
            told = machine.told("The memory card is read-only")
            rows += _fault("disk closed by its kernel (read-only)", "out-of-order", shown_s, None, told)
    return rows


def _held_relay_rows(machine: SpoiledMachine) -> list[Row]:
    machine.hold_relay(held=True)
    machine.start()
    shown_s = until(partial(shows, machine.run_dir, "out-of-order"), 30.0)
    until(lambda: machine.logged("the trigger is not oneshot") > 0, 20.0)
    machine.hold_relay(held=False)
    healed_s = until(partial(shows, machine.run_dir, "ready"), 30.0)
    told = machine.logged("the trigger is not oneshot")
    return [
        Row("fault: relay in another program's hands, told after the start of the process", round(shown_s, 1), "s"),
        goal_row("fault: relay in another program's hands, lines of error in the log", told, "lines", "<= 1"),
        Row("fault: relay in another program's hands, healed by itself", round(healed_s, 1), "s"),
    ]


class Trial:
    """One fault, caused at once and waited for until the lamp says so; then, whenever asked, cured."""

    def __init__(self, machine: SpoiledMachine, name: str, fault: Fault) -> None:
        self._machine, self._name, self._fault = machine, name, fault
        fault.cause()
        self._shown_s = until(lambda: fault.fact in machine.bad(), 20.0)
        self._said = machine.sentence(fault.fact)

    def healed_rows(self) -> list[Row]:
        """Cure it, wait until it recovered, and say how all that went."""
        machine, fact = self._machine, self._fault.fact
        self._fault.cure()
        healed_s = until(lambda: fact not in machine.bad(), HEALS_S)
        until(lambda: machine.told(f"{fact} recovered") > 0, 20.0)
        return _fault(self._name, self._fault.state, self._shown_s, healed_s, machine.told(self._said))


def _fault(name: str, shown_as: str, shown_s: float, healed_s: float | None, told: int) -> list[Row]:
    rows = [
        goal_row(f"fault: {name}, shown as {shown_as}", round(shown_s, 1), "s", "<= 5"),
        goal_row(f"fault: {name}, lines of warning in the log", told, "lines", "<= 1"),
    ]
    if healed_s is not None:
        rows.append(Row(f"fault: {name}, healed by itself", round(healed_s, 1), "s"))
    return rows


def frozen_rows() -> list[Row]:
    """A sensor that sends one picture for ever: the stage of the demonstration stands still."""
    with demonstration() as running:
        run_dir = running.sandbox.run_dir
        running.set_camera_frozen(frozen=True)
        shown_s = until(partial(shows, run_dir, "out-of-order"), 20.0)
        running.set_camera_frozen(frozen=False)
        healed_s = until(partial(shows, run_dir, "ready"), 20.0)
        log = running.sandbox.log_file("kiosk").read_text(encoding="utf-8")
    return _fault("picture frozen", "out-of-order", shown_s, healed_s, log.count("picture is frozen"))
