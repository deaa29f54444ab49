"""`make test-gpio`: our daemon on a real gpiochip with edges (QEMU virt, PL061); lamps seen and button pressed from outside.

The chip leaves an output as it was when its program dies, as a Raspberry Pi's does with persist_gpio_outputs=y. One of its lines
is a kernel LED, made by our own overlay (firmware_config/kiosk-relay.dts). Not covered: pull-ups (this board pulls every input
down: boards that light on a low pin cannot be judged here), contact bounce, the Pi's own pin controller (that is `make test-pi`).
"""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from kiosk.core.model import Outcome
from kiosk.hardware.gpio.pattern_player import Lamp
from tests.paths import PROJECT
from tests.system.arm import root as rung_arm_root
from tests.system.container import root as rung_root
from tests.system.emulator import gate as rung_gate
from tests.system.emulator import image, qemu, sd_card, site
from tests.system.emulator.gate import Gate

PINS = {"green": 4, "red": 6, "amber": 7, "buzzer": 3, "relay": 2, "admit_button": 5}  # the chip has eight lines
LED = 1
"""The line of the relay as a kernel LED; the daemon knows it by its name only."""
LED_S = 9.0
"""Long enough for `ExecStopPost` to come first, on a machine that shares its cores."""
MODULES = (*image.VIRT_MODULES, "virtio_console", "ledtrig_oneshot", "leds_gpio", "vivid")
"""The relay's, which a Pi's kernel has built in, and the virtual camera."""
CAMERA = "rung_usb_camera_inside.py"
FOLDER = rung_root.CACHE / "gpio"
RESULTS = PROJECT / "build/rungs/gpio"
BOARD = ["-cpu", "cortex-a53", "-smp", "1", "-m", "1024", "-nic", "none"]
TOOLS = image.TOOLS
STATUS = "/run/entrance-kiosk/status.json"
HOLD = f"""import lgpio, pathlib, signal
lgpio.gpio_claim_input(lgpio.gpiochip_open(0), {PINS["green"]})
pathlib.Path("/run/rung-held").touch()
signal.pause()"""
"""Another program that has the green lamp's line."""


def main() -> int:
    """Exit status 0 where every promise was kept; 77 where this machine cannot ask."""
    if rung_gate.cannot("test-gpio", TOOLS):
        return rung_arm_root.CANNOT
    with qemu.machine(command()) as machine:
        machine.pins.watch(machine.path_of("pl061"))
        machine.pins.drive(PINS["admit_button"], high=True)
        machine.go()
        failed = rung_gate.judged(Promises(Gate(machine, {**PINS, "led": LED})).all())
        rung_gate.kept(machine, RESULTS)
        if failed:
            (RESULTS / "journal").write_text(machine.shell.run("journalctl -b --no-pager"), encoding="utf-8")
            print(f"test-gpio: {failed} promises were not kept; see {RESULTS}", file=sys.stderr)
    return 1 if failed else 0


def board_of_a_pi() -> Path:
    """virt's device tree with a Pi's revision, which gpiozero asks for, without the key that takes a line, and with our overlay."""
    return with_relay_led(image.board_of_a_pi(BOARD, FOLDER))


def with_relay_led(tree: Path) -> Path:
    """The board after `dtoverlay=kiosk-relay,gpio=1`, which on a Pi is the firmware's work."""
    merged = FOLDER / "virt-relay.dtb"
    subprocess.run(["fdtput", "-p", "-t", "s", tree, "/__symbols__", "gpio", "/pl061@9030000"], check=True)
    subprocess.run(["fdtoverlay", "-i", tree, "-o", merged, compiled_overlay()], check=True)
    place = [str(merged), "/kiosk-leds/kiosk-relay", "gpios"]
    said = subprocess.run(["fdtget", "-t", "x", *place], check=True, capture_output=True, text=True).stdout
    chip, _, flags = said.split()
    subprocess.run(["fdtput", "-t", "x", *place, chip, f"{LED:x}", flags], check=True)
    return merged


def compiled_overlay() -> Path:
    """As it goes to /boot/firmware/overlays."""
    made = FOLDER / "kiosk-relay.dtbo"
    source = PROJECT / "firmware_config/kiosk-relay.dts"
    subprocess.run(["dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", made, source], check=True)
    return made


def command() -> list[str]:
    """The machine: a root with this checkout installed, on a disk that forgets."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    linux = image.kernel()
    root = sd_card.populated(FOLDER, sd_card.Gate(PINS, shell=sd_card.shell_on_line("/dev/hvc0"), more=4))
    shutil.copy(PROJECT / "tests" / CAMERA, root / "opt/entrance-kiosk" / CAMERA)
    disk = image.disk(root, FOLDER / "disk.img", 2048)
    initrd = image.initrd(linux, MODULES, FOLDER)
    return [
        *("qemu-system-aarch64", "-M", "virt", *BOARD, "-dtb", str(board_of_a_pi())),
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
            self.the_relays_overlay_applies_to_debians_trees_of_a_pi,
            self.from_power_on_to_ready_neither_green_nor_relay_ever_rises,
            self.a_code_before_the_camera_lights_green_closes_the_relay_and_is_recorded,
            self.a_forged_one_lights_red_and_nothing_else,
            self.a_brushed_button_admits_nobody,
            self.a_held_button_admits_by_hand_with_a_record,
            self.a_daemon_killed_in_mid_pulse_leaves_the_relay_no_longer_than_five_seconds,
            self.it_comes_back_by_itself_with_every_record,
            self.a_stop_leaves_every_line_low_and_quiet,
            self.a_line_in_another_programs_hands_is_out_of_order_told_once_and_healed,
            self.the_kernels_relay_is_fired_inside_the_sandbox,
            self.killed_in_mid_pulse_the_kernels_relay_is_dropped_before_its_time,
            self.killed_with_nobody_after_it_the_kernels_own_timer_opens_the_relay,
            self.a_usb_camera_is_read_unplugged_and_read_again,
        ]

    def the_relays_overlay_applies_to_debians_trees_of_a_pi(self) -> str:
        boards = ("bcm2837-rpi-3-b", "bcm2711-rpi-4-b", "bcm2711-rpi-400")
        for board in boards:
            merged = FOLDER / f"{board}.dtb"
            tree = image.kernel().tree(board)
            subprocess.run(["fdtoverlay", "-i", tree, "-o", merged, compiled_overlay()], check=True)
            ask = ["fdtget", str(merged), "/kiosk-leds/kiosk-relay", "gpios"]
            assert subprocess.run(ask, check=True, capture_output=True, text=True).stdout.split()[1:] == ["23", "0"]
        return ", ".join(boards)

    def from_power_on_to_ready_neither_green_nor_relay_ever_rises(self) -> str:
        ready_s = self.gate.ready(300.0) - self.machine.on_at_s
        assert not self.gate.rose("green")
        assert not self.gate.rose("relay")
        assert not self.gate.rose("led")
        return f"ready after {ready_s:.1f} s"

    def a_code_before_the_camera_lights_green_closes_the_relay_and_is_recorded(self) -> str:
        before = self.gate.show("valid")
        played = self.gate.plays(Outcome.PASS, Lamp.GREEN, before)
        ((rose_s, fell_s),) = self.gate.high_times("relay", before, 1)
        assert abs(fell_s - rose_s - 1.0) < rung_gate.TOLERANCE_S, fell_s - rose_s
        record = self.gate.record_of("ok", 0)
        return f"green {played}; relay {fell_s - rose_s:.3f} s (1); record {record.seq}, {record.direction}"

    def a_forged_one_lights_red_and_nothing_else(self) -> str:
        self.gate.show(site.NOBODY)
        before = self.gate.show("forged")
        played = self.gate.plays(Outcome.FAIL, Lamp.RED, before)
        assert not self.gate.rose("green", before)
        assert not self.gate.rose("relay", before)
        return f"red {played}; record {self.gate.record_of('bad-signature', 1).seq}"

    def a_brushed_button_admits_nobody(self) -> str:
        self.gate.show(site.NOBODY)
        before = len(self.machine.pins.edges)
        self.machine.pins.drive(PINS["admit_button"], high=False)
        threading.Event().wait(0.1)  # not the guest's clock: its shell takes longer to answer than a brush lasts
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
        self.gate.show(site.NOBODY)
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
        assert self.machine.shell.run("systemctl show kiosk -p Result --value").strip() == "success"
        assert not self._told("Traceback"), "the stop was not clean; see the journal"
        return "all low, no edge after the stop"

    def a_line_in_another_programs_hands_is_out_of_order_told_once_and_healed(self) -> str:
        run = self.machine.shell.run
        run(f"systemd-run -q --unit=rung-holder -p WorkingDirectory=/run {rung_gate.PYTHON} -c '{HOLD}'")
        run("until test -e /run/rung-held; do sleep 0.1; done")
        before = len(self.machine.pins.edges)
        try:
            told = self._told_in_the_dark(before)
        finally:
            run("systemctl stop rung-holder")
        released_s = time.monotonic()
        healed_s = self.gate.ready(120.0, before) - released_s
        return f"{told}; ready {healed_s:.1f} s after the release"

    def _told_in_the_dark(self, before: int) -> str:
        run = self.machine.shell.run
        run("systemctl start kiosk", 120.0)
        run(f"timeout 5 sh -c 'until test -e {STATUS}; do sleep 0.1; done'")
        self.gate.quiet(5.0)
        status = json.loads(run(f"cat {STATUS}; echo"))
        bad = {fact["name"]: fact["en"] for fact in status["facts"]}
        assert (status["state"], list(bad)) == ("out-of-order", ["lamps"]), status
        assert "busy" in bad["lamps"], bad
        assert len(self.machine.pins.edges) == before, "a lamp was lit, or the relay moved"
        said = self._told("cannot be had")
        assert len(said) == 1, said
        started, ready = (self._micros(f"{name}TimestampMonotonic") for name in ("ExecMainStart", "ActiveEnter"))
        return f"{ready - started:.1f} s after the start of its process, told once, dark"

    def the_kernels_relay_is_fired_inside_the_sandbox(self) -> str:
        run = self.machine.shell.run
        change = f's/^relay = {PINS["relay"]}$/relay_led = "kiosk-relay"\\nrelay_s = {LED_S}/'
        run(f"sed -i '{change}' /etc/entrance-kiosk/kiosk.toml && grep relay_led /etc/entrance-kiosk/kiosk.toml")
        self.gate.show(site.NOBODY)
        before = len(self.machine.pins.edges)
        run("systemctl restart kiosk", 120.0)
        self.gate.ready(120.0, before)
        before = self.gate.show("more-1")
        ((rose_s, fell_s),) = self.gate.high_times("led", before, 1)
        assert abs(fell_s - rose_s - LED_S) < rung_gate.TOLERANCE_S, fell_s - rose_s
        assert not self.gate.rose("relay", before)
        return f"{fell_s - rose_s:.3f} s ({LED_S:g})"

    def killed_in_mid_pulse_the_kernels_relay_is_dropped_before_its_time(self) -> str:
        held_s = self.gate.killed_in_mid_pulse("more-2", "led")
        assert held_s < LED_S - rung_gate.TOLERANCE_S, f"{held_s:.1f} s"
        self.gate.show(site.NOBODY)
        self.gate.ready(120.0, len(self.machine.pins.edges))
        return f"low {held_s:.1f} s after kill -9"

    def killed_with_nobody_after_it_the_kernels_own_timer_opens_the_relay(self) -> str:
        run = self.machine.shell.run
        run("mkdir -p /run/systemd/system/kiosk.service.d")
        run("printf '[Service]\nRestart=no\nExecStopPost=\n' > /run/systemd/system/kiosk.service.d/rung.conf")
        run("systemctl daemon-reload")
        before = len(self.machine.pins.edges)
        self.gate.killed_in_mid_pulse("more-3", "led")
        ((rose_s, fell_s),) = self.gate.high_times("led", before, 1)
        assert abs(fell_s - rose_s - LED_S) < rung_gate.TOLERANCE_S, fell_s - rose_s
        assert run("systemctl show kiosk -p MainPID --value").strip() == "0"
        return f"{fell_s - rose_s:.3f} s ({LED_S:g}), no program left"

    def a_usb_camera_is_read_unplugged_and_read_again(self) -> str:
        """After the daemon was killed for good: the machine has one core."""
        script = f"{rung_gate.PYTHON} /opt/entrance-kiosk/{CAMERA} 2>/run/camera-said || (cat /run/camera-said; false)"
        told = json.loads(self.machine.shell.run(script, 240.0).splitlines()[-1])
        assert "plug the camera in" in told["absent"], told
        assert "webcam:" in told["unplugged"], told
        return f"{told['unplugged']!r}, then {told['absent']!r}, then it reads again; taken: {told['taken']!r}"

    def _told(self, words: str) -> list[str]:
        """Lines of the daemon's journal since its last start."""
        lines = self.machine.shell.run(
            "journalctl -o cat _SYSTEMD_INVOCATION_ID=$(systemctl show kiosk -p InvocationID --value)"
        )
        return [line for line in lines.splitlines() if words in line]

    def _micros(self, name: str) -> float:
        return int(self.machine.shell.run(f"systemctl show kiosk -p {name} --value").strip()) / 1e6


if __name__ == "__main__":
    sys.exit(main())
