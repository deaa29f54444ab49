"""Our daemon on a real gpiochip with edges (QEMU virt, PL061). Lamps are watched and the button is pressed from outside.

The tests run in this order on one power-on. The chip leaves an output as it was when its program dies, as a Raspberry Pi does with
persist_gpio_outputs=y. One of its lines is a kernel LED, made by our own overlay (firmware_config/overlays). Not covered: pull-ups
(this board pulls every input down, so boards that light on a low pin cannot be judged here), contact bounce, and the Pi's own pin
controller (`make test-pi`).
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from kiosk.core.model import Outcome
from kiosk.hardware.gpio.pattern_player import Lamp
from tests.paths import PROJECT
from tests.system.arm import root as arm_root
from tests.system.conftest import Measured
from tests.system.container import requirements
from tests.system.emulator import gate as gates
from tests.system.emulator import image, qemu, site
from tests.system.emulator.gate import PYTHON, TOLERANCE_S, Gate
from tests.system.gpio import machine

pytestmark = [pytest.mark.system, pytest.mark.gpio, pytest.mark.timeout(1800)]
RESULTS = PROJECT / "build/system-tests/gpio"


@pytest.fixture(scope="module")
def gate(request: pytest.FixtureRequest) -> Iterator[Gate]:
    """The machine, switched on once. Console, edges and (after a failure) the journal are kept in build/system-tests/gpio."""
    requirements.skip_if(arm_root.missing(image.TOOLS))
    with qemu.machine(machine.command()) as guest:
        guest.pins.watch(guest.path_of("pl061"))
        guest.pins.drive(machine.PINS["admit_button"], high=True)
        guest.go()
        yield Gate(guest, {**machine.PINS, "led": machine.LED})
        gates.save_traces(guest, RESULTS)
        if request.session.testsfailed:
            (RESULTS / "journal").write_text(guest.shell.run("journalctl -b --no-pager"), encoding="utf-8")


def test_the_relays_overlay_applies_to_debians_trees_of_a_pi(gate: Gate, measured: Measured) -> None:
    boards = ("bcm2837-rpi-3-b", "bcm2711-rpi-4-b", "bcm2711-rpi-400")
    for board in boards:
        merged = machine.FOLDER / f"{board}.dtb"
        tree = image.kernel().tree(board)
        subprocess.run(["fdtoverlay", "-i", tree, "-o", merged, machine.compiled_overlay()], check=True)
        ask = ["fdtget", str(merged), "/kiosk-leds/kiosk-relay", "gpios"]
        assert subprocess.run(ask, check=True, capture_output=True, text=True).stdout.split()[1:] == ["23", "0"]
    measured(", ".join(boards))


def test_from_power_on_to_ready_neither_green_nor_relay_ever_rises(gate: Gate, measured: Measured) -> None:
    ready_s = gate.ready(300.0) - gate.machine.on_at_s
    assert not gate.rose("green")
    assert not gate.rose("relay")
    assert not gate.rose("led")
    measured(f"ready after {ready_s:.1f} s")


def test_a_code_before_the_camera_lights_green_closes_the_relay_and_is_recorded(gate: Gate, measured: Measured) -> None:
    before = gate.show("valid")
    played = gate.plays(Outcome.PASS, Lamp.GREEN, before)
    ((rose_s, fell_s),) = gate.high_times("relay", before, 1)
    assert abs(fell_s - rose_s - 1.0) < TOLERANCE_S, fell_s - rose_s
    record = gate.record_of("ok", 0)
    measured(f"green {played}; relay {fell_s - rose_s:.3f} s (1); record {record.seq}, {record.direction}")


def test_a_forged_one_lights_red_and_nothing_else(gate: Gate, measured: Measured) -> None:
    gate.show(site.EMPTY)
    before = gate.show("forged")
    played = gate.plays(Outcome.FAIL, Lamp.RED, before)
    assert not gate.rose("green", before)
    assert not gate.rose("relay", before)
    measured(f"red {played}; record {gate.record_of('bad-signature', 1).seq}")


def test_a_button_pressed_briefly_admits_no_one(gate: Gate, measured: Measured) -> None:
    gate.show(site.EMPTY)
    before = len(gate.machine.pins.edges)
    gate.machine.pins.drive(machine.PINS["admit_button"], high=False)
    threading.Event().wait(0.1)  # not the guest's clock: its shell takes longer to answer than the press lasts
    gate.machine.pins.drive(machine.PINS["admit_button"], high=True)
    gate.quiet(2.0)
    assert not gate.rose("green", before)
    assert len(gate.records()) == 2
    measured("pressed for less than half a second: no light, no record")


def test_a_held_button_admits_by_hand_with_a_record(gate: Gate, measured: Measured) -> None:
    before = len(gate.machine.pins.edges)
    gate.machine.pins.drive(machine.PINS["admit_button"], high=False)
    played = gate.plays(Outcome.PASS, Lamp.GREEN, before)
    gate.machine.pins.drive(machine.PINS["admit_button"], high=True)
    measured(f"green {played}; record {gate.record_of('manual', 2).seq}")


def test_a_daemon_killed_in_mid_pulse_leaves_the_relay_no_longer_than_five_seconds(
    gate: Gate, measured: Measured
) -> None:
    held_s = gate.killed_in_mid_pulse("more-0")
    assert held_s < 5.0, f"{held_s:.1f} s"
    measured(f"low {held_s:.1f} s after kill -9, and ever since")


def test_it_comes_back_by_itself_with_every_record(gate: Gate, measured: Measured) -> None:
    gate.show(site.EMPTY)
    gate.ready(300.0, len(gate.machine.pins.edges))
    assert len(gate.records()) == 4
    measured("ready again, 4 records")


def test_a_stop_leaves_every_line_low_and_quiet(gate: Gate, measured: Measured) -> None:
    before = len(gate.machine.pins.edges)
    gate.machine.shell.run("systemctl stop kiosk")
    stopped = len(gate.machine.pins.edges)
    gate.quiet(2.0)
    assert len(gate.machine.pins.edges) == stopped, "edges after the stop"
    assert not any(gate.machine.pins.level(pin) for pin in machine.PINS.values())
    assert not gate.rose("green", before)
    assert not gate.rose("relay", before)
    assert gate.machine.shell.run("systemctl show kiosk -p Result --value").strip() == "success"
    assert not _logged(gate, "Traceback"), "the stop was not clean; see the journal"
    measured("all low, no edge after the stop")


def test_a_line_that_another_program_holds_is_out_of_order_logged_once_and_recovers(
    gate: Gate, measured: Measured
) -> None:
    run = gate.machine.shell.run
    run(f"systemd-run -q --unit=line-holder -p WorkingDirectory=/run {PYTHON} -c '{machine.HOLD}'")
    run("until test -e /run/line-held; do sleep 0.1; done")
    before = len(gate.machine.pins.edges)
    try:
        reported = _reported_without_any_edge(gate, before)
    finally:
        run("systemctl stop line-holder")
    released_s = time.monotonic()
    recovered_s = gate.ready(120.0, before) - released_s
    measured(f"{reported}; ready {recovered_s:.1f} s after the release")


def _reported_without_any_edge(gate: Gate, before: int) -> str:
    run = gate.machine.shell.run
    run("systemctl start kiosk", 120.0)
    run(f"timeout 5 sh -c 'until test -e {machine.STATUS}; do sleep 0.1; done'")
    gate.quiet(5.0)
    status = json.loads(run(f"cat {machine.STATUS}; echo"))
    bad = {check["code"]: check["detail"] for check in status["checks"] if check["status"] != "pass"}
    assert (status["state"], list(bad)) == ("out-of-order", ["signal"]), status
    assert "busy" in bad["signal"], bad
    assert len(gate.machine.pins.edges) == before, "a lamp was lit, or the relay moved"
    lines = _logged(gate, "busy")
    assert len(lines) == 1, lines
    started, ready = (_micros(gate, f"{name}TimestampMonotonic") for name in ("ExecMainStart", "ActiveEnter"))
    return f"{ready - started:.1f} s after the start of its process, logged once, all lines low"


def test_the_kernels_relay_is_fired_inside_the_sandbox(gate: Gate, measured: Measured) -> None:
    run = gate.machine.shell.run
    change = f's/^relay = {machine.PINS["relay"]}$/relay_led = "kiosk-relay"\\nrelay_pulse_s = {machine.LED_S}/'
    run(f"sed -i '{change}' /etc/entrance-kiosk/kiosk.toml && grep relay_led /etc/entrance-kiosk/kiosk.toml")
    gate.show(site.EMPTY)
    before = len(gate.machine.pins.edges)
    run("systemctl restart kiosk", 120.0)
    gate.ready(120.0, before)
    before = gate.show("more-1")
    ((rose_s, fell_s),) = gate.high_times("led", before, 1)
    assert abs(fell_s - rose_s - machine.LED_S) < TOLERANCE_S, fell_s - rose_s
    assert not gate.rose("relay", before)
    measured(f"{fell_s - rose_s:.3f} s ({machine.LED_S:g})")


def test_killed_in_mid_pulse_the_kernels_relay_is_dropped_before_its_time(gate: Gate, measured: Measured) -> None:
    held_s = gate.killed_in_mid_pulse("more-2", "led")
    assert held_s < machine.LED_S - TOLERANCE_S, f"{held_s:.1f} s"
    gate.show(site.EMPTY)
    gate.ready(120.0, len(gate.machine.pins.edges))
    measured(f"low {held_s:.1f} s after kill -9")


def test_without_a_daemon_the_kernels_own_timer_opens_the_relay(gate: Gate, measured: Measured) -> None:
    run = gate.machine.shell.run
    run("mkdir -p /run/systemd/system/kiosk.service.d")
    run("printf '[Service]\nRestart=no\nExecStopPost=\n' > /run/systemd/system/kiosk.service.d/test.conf")
    run("systemctl daemon-reload")
    before = len(gate.machine.pins.edges)
    gate.killed_in_mid_pulse("more-3", "led")
    ((rose_s, fell_s),) = gate.high_times("led", before, 1)
    assert abs(fell_s - rose_s - machine.LED_S) < TOLERANCE_S, fell_s - rose_s
    assert run("systemctl show kiosk -p MainPID --value").strip() == "0"
    measured(f"{fell_s - rose_s:.3f} s ({machine.LED_S:g}), no program left")


def test_a_usb_camera_is_read_unplugged_and_read_again(gate: Gate, measured: Measured) -> None:
    """After the daemon was killed for good: the machine has one core."""
    script = f"{PYTHON} /opt/entrance-kiosk/{machine.CAMERA} 2>/run/camera-said || (cat /run/camera-said; false)"
    texts = json.loads(gate.machine.shell.run(script, 240.0).splitlines()[-1])
    assert "plug the camera in" in texts["absent"].lower(), texts
    assert "webcam:" in texts["unplugged"], texts
    measured(f"{texts['unplugged']!r}, then {texts['absent']!r}, then it reads again; taken: {texts['taken']!r}")


def _logged(gate: Gate, words: str) -> list[str]:
    """Lines of the daemon's journal since its last start."""
    lines = gate.machine.shell.run(
        "journalctl -o cat _SYSTEMD_INVOCATION_ID=$(systemctl show kiosk -p InvocationID --value)"
    )
    return [line for line in lines.splitlines() if words in line]


def _micros(gate: Gate, name: str) -> float:
    return int(gate.machine.shell.run(f"systemctl show kiosk -p {name} --value").strip()) / 1e6
