"""Machine faults with the real daemon: the lamps show them, the log has one line, and they disappear with their cause."""

import contextlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.app.control_socket import SOCKET_FILE
from tests.fakes.processes.replay_daemon import shows, until
from tests.faults.displayed_faults import FaultyMachine, faulty_machine
from tests.faults.injection.supervised import limit_while, lowest_free_descriptor


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[FaultyMachine]:
    with faulty_machine(tmp_path / "machine") as found:
        yield found


def test_each_machine_fault_is_shown_and_logged_once_and_recovers_by_itself(machine: FaultyMachine) -> None:
    machine.start()
    machine.start_page()
    until(lambda: shows(machine.run_dir, "ready") and machine.knows("web"), 30.0)
    for name, fault in machine.faults().items():
        fault.cause()
        until(lambda fault=fault: shows(machine.run_dir, fault.state) and fault.check_code in machine.bad(), 20.0)  # type: ignore[misc]  # bound
        message = machine.sentence(fault.check_code)
        fault.cure()
        until(lambda fault=fault: fault.check_code not in machine.bad(), 20.0)  # type: ignore[misc]  # bound
        until(lambda fault=fault: machine.daemon_log_lines(f"{fault.check_code} recovered") == 1, 20.0)  # type: ignore[misc]  # bound
        assert machine.daemon_log_lines(message) == 1, f"{name}: {machine.sandbox.log_file('daemon').read_text()}"
    assert machine.process.is_running, "a fault ended the daemon"


def test_a_failed_disk_is_shown_before_the_first_event(machine: FaultyMachine) -> None:
    machine.start()
    until(lambda: shows(machine.run_dir, "ready"), 30.0)
    if not machine.fail_medium():
        pytest.skip("no separate file system that can be made to fail here")
    until(lambda: shows(machine.run_dir, "out-of-order") and "storage" in machine.bad(), 20.0)
    until(lambda: machine.daemon_log_lines("storage: read-only") == 1, 20.0)
    machine.start_anew()
    until(lambda: shows(machine.run_dir, "ready"), 30.0)


def test_a_clock_jump_is_shown_and_logged_once_and_expires(machine: FaultyMachine) -> None:
    machine.start()
    until(lambda: shows(machine.run_dir, "ready"), 30.0)
    machine.set_clock(-3600.0)
    until(lambda: shows(machine.run_dir, "degraded") and "clock" in machine.bad(), 20.0)
    message = machine.sentence("clock")
    until(lambda: "clock" not in machine.bad(), 90.0)
    assert machine.daemon_log_lines(message) == 1


def test_a_relay_held_by_another_program_is_out_of_order_until_it_is_released(
    machine: FaultyMachine,
) -> None:
    machine.hold_relay(held=True)
    machine.start()
    until(lambda: shows(machine.run_dir, "out-of-order"), 20.0)
    assert machine.bad() == {"signal"}
    until(lambda: machine.logged("the trigger is not oneshot") > 0, 20.0)
    machine.hold_relay(held=False)
    until(lambda: shows(machine.run_dir, "ready"), 20.0)
    assert machine.logged("the trigger is not oneshot") == 1


def test_a_daemon_without_free_descriptors_goes_on_and_recovers_by_itself(machine: FaultyMachine) -> None:
    """It can open neither images nor its status, and a client of its control socket waits."""
    machine.start()
    until(lambda: shows(machine.run_dir, "ready"), 30.0)
    assert machine.process.popen is not None
    pid = machine.process.popen.pid

    def wait_for_the_fault() -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(machine.run_dir / SOCKET_FILE))
            with contextlib.suppress(OSError):  # the daemon may have ended the connection, or have none free
                client.sendall(b'{"command": "pause", "paused": false}\n')
            until(lambda: machine.logged("Too many open files") > 0, 20.0)

    limit_while(pid, resource.RLIMIT_NOFILE, lowest_free_descriptor(pid), wait_for_the_fault)
    began = (machine.status() or {}).get("now_at")
    until(lambda: machine.status().get("now_at") != began and shows(machine.run_dir, "ready"), 30.0)
    assert machine.process.is_running, machine.logged("CRITICAL")
    assert machine.logged("CRITICAL") == 0
