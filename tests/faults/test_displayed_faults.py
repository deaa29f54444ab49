"""The machine around the real daemon fails: the lamp says so, the log once, and it heals by itself when the cause goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.processes.replay_daemon import shows, until
from tests.faults.displayed_faults import SpoiledMachine, spoiled_machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[SpoiledMachine]:
    with spoiled_machine(tmp_path / "machine") as found:
        yield found


def test_each_fault_of_the_machine_is_shown_told_once_and_heals_by_itself(machine: SpoiledMachine) -> None:
    machine.start()
    machine.start_page()
    until(lambda: shows(machine.run_dir, "ready") and machine.knows("web"), 30.0)
    for name, fault in machine.faults().items():
        fault.cause()
        until(lambda fault=fault: shows(machine.run_dir, fault.state) and fault.fact in machine.bad(), 20.0)  # type: ignore[misc]  # bound
        said = machine.sentence(fault.fact)
        fault.cure()
        until(lambda fault=fault: fault.fact not in machine.bad(), 20.0)  # type: ignore[misc]  # bound
        until(lambda fault=fault: machine.told(f"{fault.fact} recovered") == 1, 20.0)  # type: ignore[misc]  # bound
        assert machine.told(said) == 1, f"{name}: {machine.premises.log_file('daemon').read_text()}"
    assert machine.process.is_running, "a fault ended the daemon"


def test_a_medium_that_fails_is_shown_before_anybody_comes(machine: SpoiledMachine) -> None:
    machine.start()
    until(lambda: shows(machine.run_dir, "ready"), 30.0)
    if not machine.fail_medium():
        pytest.skip("no file system of one's own here that may be made to fail")
    until(lambda: shows(machine.run_dir, "out-of-order") and "storage" in machine.bad(), 20.0)
    until(lambda: machine.told("storage: read-only") == 1, 20.0)
    machine.start_anew()
    until(lambda: shows(machine.run_dir, "ready"), 30.0)


def test_a_clock_that_jumps_is_shown_told_once_and_forgotten_by_itself(machine: SpoiledMachine) -> None:
    machine.start()
    until(lambda: shows(machine.run_dir, "ready"), 30.0)
    machine.set_clock(-3600.0)
    until(lambda: shows(machine.run_dir, "degraded") and "clock" in machine.bad(), 20.0)
    said = machine.sentence("clock")
    until(lambda: "clock" not in machine.bad(), 90.0)
    assert machine.told(said) == 1


def test_a_relay_in_another_programs_hands_is_out_of_order_and_healed_when_it_is_let_go(
    machine: SpoiledMachine,
) -> None:
    machine.hold_relay(held=True)
    machine.start()
    until(lambda: shows(machine.run_dir, "out-of-order"), 20.0)
    assert machine.bad() == {"signal"}
    until(lambda: machine.logged("the trigger is not oneshot") > 0, 20.0)
    machine.hold_relay(held=False)
    until(lambda: shows(machine.run_dir, "ready"), 20.0)
    assert machine.logged("the trigger is not oneshot") == 1
