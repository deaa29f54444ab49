"""Fault rows of the hardware benchmark: how soon the lamps show a fault, the number of log lines, and the recovery.

All rows measure the real daemon. Most of the time is waiting, so the kinds of faults run in parallel.
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
from tests.faults.displayed_faults import Fault, FaultyMachine, faulty_machine

MAX_RECOVERY_S = 90.0
"""Maximum time of a recovery. A clock jump is reported for a minute."""


def run_beside(memory_folder: Path, disk_folder: Path, also: Callable[[], list[Row]]) -> list[Row]:
    """All fault rows, and the rows of `also`, which runs in parallel. Images are in memory, faulty files on a disk."""
    parts: list[Callable[[], list[Row]]] = [
        partial(fault_rows, memory_folder),
        partial(machine_fault_rows, disk_folder),
        frozen_rows,
        also,
    ]
    with ThreadPoolExecutor(len(parts)) as pool:
        return [row for rows in [pool.submit(part) for part in parts] for row in rows.result()]


def fault_rows(folder: Path) -> list[Row]:
    """Camera faults: time until the state shows each one, and time of the recovery."""
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
    with daemon(scenes.folder, run_dir, 15.0) as (sandbox, _):
        until(lambda: state(run_dir) == "ready", 30.0)
        for name, (cause, cure, expected) in faults.items():
            cause()
            shown_s = until(partial(shows, run_dir, expected), 20.0)
            cure()
            recovered_s = until(partial(shows, run_dir, "ready"), 20.0)
            rows.append(goal_row(f"fault: {name}, shown as {expected}", round(shown_s, 1), "s", "<= 5"))
            rows.append(Row(f"fault: {name}, recovered by itself", round(recovered_s, 1), "s"))
        log = sandbox.log_file("daemon").read_text(encoding="utf-8")
    line_count = sum(1 for line in log.splitlines() if " ERROR " in line and "camera failed" in line)
    rows.append(goal_row("fault: camera unplugged, lines of error in the log", line_count, "lines", "<= 1"))
    return rows


def machine_fault_rows(folder: Path) -> list[Row]:
    """Faults of the machine: board, web UI, disk, clock, relay."""
    with faulty_machine(folder / "machine") as machine:
        rows = _held_relay_rows(machine)
        machine.start_page()
        until(partial(machine.knows, "web"), 30.0)
        clock = InjectedFault(machine, "clock set back by an hour", machine.clock_fault())
        for name, fault in machine.faults().items():
            rows += InjectedFault(machine, name, fault).recovery_rows()
        rows += clock.recovery_rows()
        if machine.fail_medium():
            shown_s = until(lambda: "storage" in machine.bad(), 20.0)
            until(lambda: machine.daemon_log_lines("storage: read-only") > 0, 20.0)
            line_count = machine.daemon_log_lines("storage: read-only")
            rows += _fault("disk made read-only by the kernel", "out-of-order", shown_s, None, line_count)
    return rows


def _held_relay_rows(machine: FaultyMachine) -> list[Row]:
    machine.hold_relay(held=True)
    machine.start()
    shown_s = until(partial(shows, machine.run_dir, "out-of-order"), 30.0)
    until(lambda: machine.logged("the trigger is not oneshot") > 0, 20.0)
    machine.hold_relay(held=False)
    recovered_s = until(partial(shows, machine.run_dir, "ready"), 30.0)
    line_count = machine.logged("the trigger is not oneshot")
    return [
        Row("fault: relay held by another program, shown after the start of the process", round(shown_s, 1), "s"),
        goal_row("fault: relay held by another program, error lines in the log", line_count, "lines", "<= 1"),
        Row("fault: relay held by another program, recovered by itself", round(recovered_s, 1), "s"),
    ]


class InjectedFault:
    """One fault: injected at once, and waited for until the lamps show it."""

    def __init__(self, machine: FaultyMachine, name: str, fault: Fault) -> None:
        self._machine, self._name, self._fault = machine, name, fault
        fault.cause()
        self._shown_s = until(lambda: fault.check_code in machine.bad(), 20.0)
        self._message = machine.sentence(fault.check_code)

    def recovery_rows(self) -> list[Row]:
        """Cure it, wait for the recovery, and return the rows."""
        machine, code = self._machine, self._fault.check_code
        self._fault.cure()
        recovered_s = until(lambda: code not in machine.bad(), MAX_RECOVERY_S)
        until(lambda: machine.daemon_log_lines(f"{code} recovered") > 0, 20.0)
        return _fault(
            self._name, self._fault.state, self._shown_s, recovered_s, machine.daemon_log_lines(self._message)
        )


def _fault(name: str, shown_as: str, shown_s: float, recovered_s: float | None, line_count: int) -> list[Row]:
    rows = [
        goal_row(f"fault: {name}, shown as {shown_as}", round(shown_s, 1), "s", "<= 5"),
        goal_row(f"fault: {name}, lines of warning in the log", line_count, "lines", "<= 1"),
    ]
    if recovered_s is not None:
        rows.append(Row(f"fault: {name}, recovered by itself", round(recovered_s, 1), "s"))
    return rows


def frozen_rows() -> list[Row]:
    """A sensor that repeats one frame: the scenario of the demo is frozen."""
    with demonstration() as demo:
        run_dir = demo.sandbox.run_dir
        demo.set_camera_frozen(frozen=True)
        shown_s = until(partial(shows, run_dir, "out-of-order"), 20.0)
        demo.set_camera_frozen(frozen=False)
        recovered_s = until(partial(shows, run_dir, "ready"), 20.0)
        log = demo.sandbox.log_file("kiosk").read_text(encoding="utf-8")
    return _fault("picture frozen", "out-of-order", shown_s, recovered_s, log.count("camera: frozen"))
