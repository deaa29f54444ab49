"""A Raspberry Pi 3B (QEMU raspi3b, Debian's kernel, our SD card) from power-on to light, page and centre.

The tests run in this order on one power-on. Not covered: the firmware and its overlays, the vendor's kernel, edges on inputs and
pull-ups (QEMU models neither), the board's watchdog, Wi-Fi.
"""

import time
import urllib.request
from collections.abc import Iterator

import pytest

from kiosk.core.model import Outcome
from kiosk.hardware.gpio.pattern_player import Lamp
from mqtt.centre.sqlite.ledger import read_counts
from tests.system.conftest import Measured
from tests.system.emulator.gate import Gate
from tests.system.pi import board
from tests.system.pi.conftest import PowerOn, Site
from tests.system.pi.wear import Wear

pytestmark = [pytest.mark.system, pytest.mark.pi, pytest.mark.timeout(3600)]
PARTS = ("kernel", "system", "ours")
IDLE_MINUTES = 12.0


@pytest.fixture(scope="module")
def gate(power_on: PowerOn) -> Iterator[Gate]:
    """The board, switched on once, with the kernel that lets go of a dead program's pins."""
    with power_on("", "persist-n") as found:
        yield found


@pytest.fixture(scope="module")
def wear(gate: Gate) -> Wear:
    """Bytes that reach the card."""
    return Wear(gate, board.CARD)


def test_from_power_on_to_the_ready_lamp_neither_green_nor_relay_ever_rises(gate: Gate, measured: Measured) -> None:
    ready_s = gate.ready(board.READY_S)
    assert not gate.rose("green")
    assert not gate.rose("relay")
    uptime_s = float(gate.machine.shell.run("cut -d' ' -f1 /proc/uptime"))
    zero_s = time.monotonic() - uptime_s
    manager = _micros(gate, "systemctl show -p UserspaceTimestampMonotonic")
    started = _micros(gate, "systemctl show kiosk -p ExecMainStartTimestampMonotonic")
    kernel = zero_s - gate.machine.on_at_s
    line = (kernel + manager, started - manager, ready_s - zero_s - started)
    shares = "; ".join(f"{name} {share:.1f} s" for name, share in zip(PARTS, line, strict=True))
    measured(f"{sum(line):.1f} s: {shares}")


def test_a_code_lights_green_and_closes_the_relay_though_no_clock_was_set(gate: Gate, measured: Measured) -> None:
    # One core cannot keep a lamp's rhythm while the network starts beside it.
    gate.machine.shell.run("systemctl is-system-running --wait || true", board.READY_S)
    before = gate.show("valid")
    played = gate.plays(Outcome.PASS, Lamp.GREEN, before)
    ((rose_s, fell_s),) = gate.high_times("relay", before, 1)
    record = gate.record_of("ok", 0)
    assert record.clock == "unset", record
    measured(f"green {played}; relay {fell_s - rose_s:.3f} s; record {record.seq}, clock {record.clock}")


def test_the_page_answers_over_the_network(gate: Gate, site: Site, measured: Measured) -> None:
    ends_s = time.monotonic() + 120.0
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{site.page_port}/", timeout=20) as answer:
                text = answer.read().decode()
            break
        except OSError:
            if time.monotonic() > ends_s:
                raise
            gate.quiet(2.0)
    assert "<html" in text
    measured(f"status {answer.status}, {len(text)} characters")


def test_the_access_event_reaches_the_centre(gate: Gate, site: Site, measured: Measured) -> None:
    ends_s = time.monotonic() + 120.0
    while read_counts(site.centre_database).distinct < 1:
        assert time.monotonic() < ends_s, "nothing came"
        gate.quiet(2.0)
    measured(str(read_counts(site.centre_database)))


def test_a_power_on_costs_the_card_little(wear: Wear, measured: Measured) -> None:
    measured(wear.of_a_power_on())


def test_an_access_event_costs_the_card_little(wear: Wear, measured: Measured) -> None:
    measured(wear.of_an_access_event())


def test_an_idle_kiosk_leaves_the_card_alone(wear: Wear, measured: Measured, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--short"):
        pytest.skip("--short: no idle time is measured")
    measured(wear.of_idle_time(request.config.getoption("--idle-minutes") or IDLE_MINUTES))


def test_a_daemon_killed_in_mid_pulse_leaves_the_relay_no_longer_than_five_seconds(
    gate: Gate, measured: Measured
) -> None:
    held_s = board.held_after_kill(gate)
    assert held_s < 5.0, f"{held_s:.1f} s"
    measured(f"low {held_s:.1f} s after kill -9, and ever since")


def _micros(gate: Gate, command: str) -> float:
    return int(gate.machine.shell.run(f"{command} --value").strip()) / 1e6
