"""`make test-gpio`: our daemon on a real gpiochip with edges (QEMU virt, PL061); lamps seen and button pressed from outside.

The chip leaves an output as it was when its program dies, as a Raspberry Pi's does with persist_gpio_outputs=y. Not covered:
pull-ups, contact bounce, the Pi's own pin controller (that is `make test-pi`).
"""

import sys
from collections.abc import Callable
from pathlib import Path

from kiosk.devices.patterns import Lamp
from kiosk.model import Outcome
from tests import rung_arm_root, rung_card, rung_gate, rung_image, rung_premises, rung_qemu, rung_root
from tests.rung_gate import Gate

PINS = {"green": 4, "red": 6, "amber": 7, "buzzer": 3, "relay": 2, "admit_button": 5}  # the chip has eight lines
FOLDER = rung_root.CACHE / "gpio"
RESULTS = rung_root.PROJECT / "build/rungs/gpio"
BOARD = ["-cpu", "cortex-a53", "-smp", "1", "-m", "1024", "-nic", "none"]
TOOLS = rung_image.TOOLS


def main() -> int:
    """Exit status 0 where every promise was kept; 77 where this machine cannot ask."""
    if rung_gate.cannot("test-gpio", TOOLS):
        return rung_arm_root.CANNOT
    with rung_qemu.machine(command()) as machine:
        machine.pins.watch(machine.path_of("pl061"))
        machine.pins.drive(PINS["admit_button"], high=True)
        machine.go()
        failed = rung_gate.judged(Promises(Gate(machine, PINS)).all())
        rung_gate.kept(machine, RESULTS)
        if failed:
            (RESULTS / "journal").write_text(machine.shell.run("journalctl -b --no-pager"), encoding="utf-8")
            print(f"test-gpio: {failed} promises were not kept; see {RESULTS}", file=sys.stderr)
    return 1 if failed else 0


def command() -> list[str]:
    """The machine: a root with this checkout installed, on a disk that forgets."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    linux = rung_image.kernel()
    root = rung_card.populated(FOLDER, rung_card.Gate(PINS, shell=rung_card.shell_on_line("/dev/hvc0"), more=4))
    disk = rung_image.disk(root, FOLDER / "disk.img", 2048)
    initrd = rung_image.initrd(linux, (*rung_image.VIRT_MODULES, "virtio_console"), FOLDER)
    return [
        *("qemu-system-aarch64", "-M", "virt", *BOARD, "-dtb", str(rung_image.board_of_a_pi(BOARD, FOLDER))),
        *("-kernel", str(linux.image), "-initrd", str(initrd)),
        *("-append", "console=ttyAMA0 loglevel=4 root=/dev/vda rootflags=rw,noatime systemd.getty_auto=no"),
        *("-drive", f"file={disk},if=virtio,format=raw,snapshot=on"),
        *("-device", "virtio-serial-pci", "-device", "virtconsole,chardev=shell"),
    ]


class Promises:
    """What is asked of one running kiosk, in this order."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.machine = gate.machine

    def all(self) -> list[Callable[[], str]]:
        """As they are asked."""
        return [
            self.from_power_on_to_ready_neither_green_nor_relay_ever_rises,
            self.a_code_before_the_camera_lights_green_closes_the_relay_and_is_recorded,
            self.a_forged_one_lights_red_and_nothing_else,
            self.a_brushed_button_admits_nobody,
            self.a_held_button_admits_by_hand_with_a_record,
            self.a_daemon_killed_in_mid_pulse_leaves_the_relay_no_longer_than_five_seconds,
            self.it_comes_back_by_itself_with_every_record,
            self.a_stop_leaves_every_line_low_and_quiet,
        ]

    def from_power_on_to_ready_neither_green_nor_relay_ever_rises(self) -> str:
        ready_s = self.gate.ready(300.0) - self.machine.on_at_s
        assert not self.gate.rose("green")
        assert not self.gate.rose("relay")
        return f"ready after {ready_s:.1f} s"

    def a_code_before_the_camera_lights_green_closes_the_relay_and_is_recorded(self) -> str:
        before = self.gate.show("valid")
        played = self.gate.plays(Outcome.PASS, Lamp.GREEN, before)
        ((rose_s, fell_s),) = self.gate.high_times("relay", before, 1)
        assert abs(fell_s - rose_s - 1.0) < rung_gate.TOLERANCE_S, fell_s - rose_s
        record = self.gate.record_of("ok", 0)
        return f"green {played}; relay {fell_s - rose_s:.3f} s (1); record {record.seq}, {record.direction}"

    def a_forged_one_lights_red_and_nothing_else(self) -> str:
        self.gate.show(rung_premises.NOBODY)
        before = self.gate.show("forged")
        played = self.gate.plays(Outcome.FAIL, Lamp.RED, before)
        assert not self.gate.rose("green", before)
        assert not self.gate.rose("relay", before)
        return f"red {played}; record {self.gate.record_of('bad-signature', 1).seq}"

    def a_brushed_button_admits_nobody(self) -> str:
        self.gate.show(rung_premises.NOBODY)
        before = len(self.machine.pins.edges)
        self.machine.pins.drive(PINS["admit_button"], high=False)
        self.gate.quiet(0.1)
        self.machine.pins.drive(PINS["admit_button"], high=True)
        self.gate.quiet(2.0)
        assert not self.gate.rose("green", before)
        assert len(self.gate.records()) == 2
        return "pressed for less than half a second: no light, no record"

    def a_held_button_admits_by_hand_with_a_record(self) -> str:
        before = len(self.machine.pins.edges)
        self.machine.pins.drive(PINS["admit_button"], high=False)
        played = self.gate.plays(Outcome.PASS, Lamp.GREEN, before)
        self.machine.pins.drive(PINS["admit_button"], high=True)
        return f"green {played}; record {self.gate.record_of('manual', 2).seq}"

    def a_daemon_killed_in_mid_pulse_leaves_the_relay_no_longer_than_five_seconds(self) -> str:
        held_s = self.gate.killed_in_mid_pulse("more-0")
        assert held_s < 5.0, f"{held_s:.1f} s"
        return f"low {held_s:.1f} s after kill -9, and ever since"

    def it_comes_back_by_itself_with_every_record(self) -> str:
        self.gate.show(rung_premises.NOBODY)
        self.gate.ready(300.0, len(self.machine.pins.edges))
        assert len(self.gate.records()) == 4
        return "ready again, 4 records"

    def a_stop_leaves_every_line_low_and_quiet(self) -> str:
        before = len(self.machine.pins.edges)
        self.machine.shell.run("systemctl stop kiosk")
        stopped = len(self.machine.pins.edges)
        self.gate.quiet(2.0)
        assert len(self.machine.pins.edges) == stopped, "edges after the stop"
        assert not any(self.machine.pins.level(pin) for pin in PINS.values())
        assert not self.gate.rose("green", before)
        assert not self.gate.rose("relay", before)
        return "all low, no edge after the stop"


if __name__ == "__main__":
    sys.exit(main())
