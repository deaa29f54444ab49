"""The emulated Pi with the kernel that leaves the pins of a dead program as they were. The tests run in this order."""

from collections.abc import Iterator

import pytest

from tests.system.conftest import Measured
from tests.system.emulator.gate import Gate
from tests.system.pi import board
from tests.system.pi.conftest import PowerOn

pytestmark = [pytest.mark.system, pytest.mark.pi, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def gate(power_on: PowerOn) -> Iterator[Gate]:
    """The board, switched on once."""
    with power_on(board.OUTPUTS_PERSIST, "persist-y") as found:
        yield found


def test_it_becomes_ready(gate: Gate, measured: Measured) -> None:
    measured(f"{gate.ready(board.READY_S) - gate.machine.on_at_s:.1f} s after power-on")


def test_a_daemon_killed_in_mid_pulse_leaves_the_relay_no_longer_than_five_seconds(
    gate: Gate, measured: Measured
) -> None:
    held_s = board.held_after_kill(gate)
    assert held_s < 5.0, f"{held_s:.1f} s"
    measured(f"low {held_s:.1f} s after kill -9, and ever since")
