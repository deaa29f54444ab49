"""`make test-pi`: a Raspberry Pi 3B (QEMU raspi3b, Debian's kernel, our SD card) from power-on to light, page and centre.

PI_ARGS: --short (no idle time is measured), --idle-minutes N. Not covered: the firmware and its overlays, the vendor's kernel,
edges on inputs and pull-ups (QEMU models neither), the board's watchdog, Wi-Fi.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from kiosk.core.model import Outcome
from kiosk.hardware.gpio.pattern_player import Lamp
from mqtt.centre.ingest.ledger import read_counts
from tests.fakes.processes.broker import Broker, free_port
from tests.paths import PROJECT
from tests.system.arm import root as rung_arm_root
from tests.system.container import root as rung_root
from tests.system.emulator import gate as rung_gate
from tests.system.emulator import image, qemu
from tests.system.emulator import sd_card as rung_card
from tests.system.emulator.gate import Gate
from tests.system.pi import wear
from tests.system.pi.writers import Card

PINS = {"green": 17, "red": 27, "amber": 22, "buzzer": 18, "relay": 23}
FOLDER = rung_root.CACHE / "pi"
RESULTS = PROJECT / "build/rungs/pi"
TOOLS = {**image.TOOLS, "dumpe2fs": "e2fsprogs"}
HOST = "10.0.2.2"
"""This machine, as QEMU's user network names it."""
CARD_MB = 2048
CARD = Card(image=FOLDER / "card.img", trace=FOLDER / "writes.log", device="/dev/mmcblk0")
GPFSEL2, GPLEV0 = 0x3F200008, 0x3F200034
TIME_SERVER = f"[Time]\nNTP={HOST}\n"
OUTPUTS_PERSIST = "pinctrl_bcm2835.persist_gpio_outputs=y"
"""Raspberry Pi's kernel does so by itself, where nobody has written our word."""
SHELL_PORT = 2323
READY_S = 400.0
STATUS = "/run/entrance-kiosk/status.json"
KILL = f"kill -9 $(grep -o '\"pid\": *[0-9]*' {STATUS} | grep -o '[0-9]*')"
PARTS = ("kernel", "system", "ours")


def main(arguments: Sequence[str]) -> int:
    """Exit status 0 where every promise was kept; 77 where this machine cannot ask."""
    parser = argparse.ArgumentParser(description="make test-pi")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--idle-minutes", type=float, default=12.0)
    asked = parser.parse_args(arguments)
    if rung_gate.cannot("test-pi", TOOLS):
        return rung_arm_root.CANNOT
    failed = 0
    with Broker(log_type="error") as broker, tempfile.TemporaryDirectory() as scratch:
        page, shell, installed_words = free_port(), free_port(), sd_card(broker.port)
        database = Path(scratch, "centre.db")
        collect = [sys.executable, "-m", "kiosk", "centre", "--broker", broker.address, "--database", str(database)]
        with subprocess.Popen(collect, cwd=PROJECT, stderr=subprocess.DEVNULL) as centre:
            try:
                for more in ("", OUTPUTS_PERSIST):
                    with qemu.machine(command(f"{installed_words} {more}", page, shell), shell) as machine:
                        machine.pins.watch(machine.path_of("bcm2835_gpio"))
                        machine.go()
                        asks = Promises(Gate(machine, PINS), page, database, 0.0 if asked.short else asked.idle_minutes)
                        failed += rung_gate.judged(asks.where_outputs_persist() if more else asks.all())
                        results = RESULTS / ("persist-y" if more else "persist-n")
                        rung_gate.kept(machine, results)
                        (results / "time-line").write_text(asks.time_line(), encoding="utf-8")
            finally:
                centre.terminate()
    return 1 if failed else 0


def sd_card(broker_port: int) -> str:
    """Make the card: install.sh has populated it; an address comes from whoever gives one. Returns install.sh's kernel words."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    gate = rung_card.Gate(
        PINS,
        shell=rung_card.shell_on_port(SHELL_PORT),
        broker=f"{HOST}:{broker_port}",
        more=wear.PASSAGES + 1,
        raspberry_pi=True,
    )
    root = rung_card.populated(FOLDER, gate)
    (root / "etc/systemd/timesyncd.conf.d").mkdir(exist_ok=True)
    (root / "etc/systemd/timesyncd.conf.d/rung.conf").write_text(TIME_SERVER, encoding="utf-8")
    (root / "etc/fstab").write_text("/dev/mmcblk0 / ext4 defaults,noatime 0 1\n", encoding="utf-8")
    rung_arm_root.run_inside(root, ["systemctl", "enable", "-q", "NetworkManager"]).check_returncode()
    image.disk(root, CARD.image, CARD_MB)
    return rung_card.added_words(root)


def command(more: str, page: int, shell: int) -> list[str]:
    """The machine. Its card forgets what was written when it ends; `more`: words for the kernel."""
    linux = image.kernel()
    tree = FOLDER / "board.dtb"
    tree.write_bytes(linux.tree("bcm2837-rpi-3-b").read_bytes())
    subprocess.run(["fdtput", "-r", tree, "/soc/serial@7e201000/bluetooth"], check=True)  # as dtoverlay=disable-bt does
    image.revised(tree)
    words = (
        "earlycon=pl011,mmio32,0x3f201000 keep_bootcon console=ttyAMA0,115200 loglevel=6 systemd.getty_auto=no "
        f"root=/dev/mmcblk0 rootflags=rw,noatime {more}"
    )
    ports = f"hostfwd=tcp:127.0.0.1:{page}-:8080,hostfwd=tcp:127.0.0.1:{shell}-:{SHELL_PORT}"
    return [
        *("qemu-system-aarch64", "-M", "raspi3b", "-accel", "tcg,thread=single"),
        *("-dtb", str(tree), "-kernel", str(linux.image)),
        *("-initrd", str(image.initrd(linux, image.PI_MODULES, FOLDER)), "-append", words),
        *("-drive", f"file={CARD.image},if=sd,format=raw,snapshot=on"),
        *("-trace", "blk_co_pwritev", "-D", str(CARD.trace)),  # the card's model counts no statistics of its own
        *("-netdev", f"user,id=usb,{ports}", "-device", "usb-net,netdev=usb"),
    ]


class Promises:
    """What is asked of one power-on, in this order."""

    def __init__(self, gate: Gate, page: int, database: Path, idle_minutes: float) -> None:
        self.gate = gate
        self.machine = gate.machine
        self._page = page
        self._database = database
        self._wear = wear.Wear(gate, CARD, idle_minutes)
        self._idle = bool(idle_minutes)

    def all(self) -> list[Callable[[], str]]:
        """As they are asked."""
        asked = [
            self.from_power_on_to_the_ready_lamp_neither_green_nor_relay_ever_rises,
            self.a_code_lights_green_and_closes_the_relay_though_no_clock_was_set,
            self.the_page_answers_over_the_network,
            self.the_passage_reaches_the_centre,
            self._wear.a_power_on_costs_the_card_little,
            self._wear.a_passage_costs_the_card_little,
        ]
        if self._idle:
            asked.append(self._wear.while_nobody_comes_the_card_is_left_alone)
        return [*asked, self.a_daemon_killed_in_mid_pulse_leaves_the_relay_no_longer_than_five_seconds]

    def where_outputs_persist(self) -> list[Callable[[], str]]:
        """The same board with the kernel that leaves dead pins as they were."""
        return [
            self.it_becomes_ready,
            self.a_daemon_killed_in_mid_pulse_leaves_the_relay_no_longer_than_five_seconds,
        ]

    def it_becomes_ready(self) -> str:
        return f"{self.gate.ready(READY_S) - self.machine.on_at_s:.1f} s after power-on"

    def from_power_on_to_the_ready_lamp_neither_green_nor_relay_ever_rises(self) -> str:
        ready_s = self.gate.ready(READY_S)
        assert not self.gate.rose("green")
        assert not self.gate.rose("relay")
        uptime_s = float(self.machine.shell.run("cut -d' ' -f1 /proc/uptime"))
        zero_s = time.monotonic() - uptime_s
        manager = self._micros("systemctl show -p UserspaceTimestampMonotonic")
        started = self._micros("systemctl show kiosk -p ExecMainStartTimestampMonotonic")
        kernel = zero_s - self.machine.on_at_s
        line = (kernel + manager, started - manager, ready_s - zero_s - started)
        told = "; ".join(f"{name} {share:.1f} s" for name, share in zip(PARTS, line, strict=True))
        return f"{sum(line):.1f} s: {told}"

    def a_code_lights_green_and_closes_the_relay_though_no_clock_was_set(self) -> str:
        # One core cannot keep a lamp's rhythm while the network starts beside it.
        self.machine.shell.run("systemctl is-system-running --wait || true", READY_S)
        before = self.gate.show("valid")
        played = self.gate.plays(Outcome.PASS, Lamp.GREEN, before)
        ((rose_s, fell_s),) = self.gate.high_times("relay", before, 1)
        record = self.gate.record_of("ok", 0)
        assert record.clock == "unset", record
        return f"green {played}; relay {fell_s - rose_s:.3f} s; record {record.seq}, clock {record.clock}"

    def the_page_answers_over_the_network(self) -> str:
        ends_s = time.monotonic() + 120.0
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._page}/", timeout=20) as answer:
                    text = answer.read().decode()
                break
            except OSError:
                if time.monotonic() > ends_s:
                    raise
                self.gate.quiet(2.0)
        assert "<html" in text
        return f"status {answer.status}, {len(text)} characters"

    def the_passage_reaches_the_centre(self) -> str:
        ends_s = time.monotonic() + 120.0
        while read_counts(self._database).distinct < 1:
            assert time.monotonic() < ends_s, "nothing came"
            self.gate.quiet(2.0)
        return str(read_counts(self._database))

    def a_daemon_killed_in_mid_pulse_leaves_the_relay_no_longer_than_five_seconds(self) -> str:
        before = self.gate.show(f"more-{wear.PASSAGES}")
        self.gate.rises("relay", before)
        self.machine.shell.run(KILL)
        killed_s = time.monotonic()
        pause = threading.Event()
        while self._energised() and time.monotonic() < killed_s + 30.0:
            pause.wait(0.05)
        held_s = time.monotonic() - killed_s
        assert held_s < 5.0, f"{held_s:.1f} s"
        while time.monotonic() < killed_s + 8.0:
            assert not self._energised(), "energised again"
            pause.wait(0.05)
        return f"low {held_s:.1f} s after kill -9, and ever since"

    def time_line(self) -> str:
        """Which unit took how long at power-on, and what the daemon waited for; or that the system is still starting."""
        asked = ("systemd-analyze blame", "systemd-analyze critical-chain kiosk.service")
        return self.machine.shell.run(f"{' --no-pager; '.join(asked)} --no-pager; true", 120.0)

    def _energised(self) -> bool:
        """An output, and high. From the chip's registers: QEMU tells no edge where a pin turns into an input."""
        select = self.machine.pins.read(GPFSEL2) >> 3 * (PINS["relay"] - 20) & 7
        return select == 1 and bool(self.machine.pins.read(GPLEV0) >> PINS["relay"] & 1)

    def _micros(self, command: str) -> float:
        return int(self.machine.shell.run(f"{command} --value").strip()) / 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
