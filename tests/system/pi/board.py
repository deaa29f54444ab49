"""The emulated Raspberry Pi 3B of `make test-pi`: its SD card, its command line, its registers."""

import subprocess
import threading
import time

from tests.system.arm import root as arm_root
from tests.system.container import root as container_root
from tests.system.emulator import image, sd_card
from tests.system.emulator.gate import Gate
from tests.system.pi import wear
from tests.system.pi.writers import Card

PINS = {"green": 17, "red": 27, "amber": 22, "buzzer": 18, "relay": 23}
FOLDER = container_root.CACHE / "pi"
TOOLS = {**image.TOOLS, "dumpe2fs": "e2fsprogs"}
HOST = "10.0.2.2"
"""This machine, as QEMU's user network names it."""
CARD_MB = 2048
CARD = Card(image=FOLDER / "card.img", trace=FOLDER / "writes.log", device="/dev/mmcblk0")
GPFSEL2, GPLEV0 = 0x3F200008, 0x3F200034
TIME_SERVER = f"[Time]\nNTP={HOST}\n"
OUTPUTS_PERSIST = "pinctrl_bcm2835.persist_gpio_outputs=y"
"""The default of Raspberry Pi's kernel, where the command line does not say otherwise."""
SHELL_PORT = 2323
READY_S = 800.0
STATUS = "/run/entrance-kiosk/status.json"
KILL = f"kill -9 $(grep -o '\"pid\": *[0-9]*' {STATUS} | grep -o '[0-9]*')"


def make_card(broker_port: int) -> str:
    """Make the card: install.sh has populated it; an address comes over DHCP. Returns install.sh's kernel words."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    options = sd_card.CardOptions(
        PINS,
        shell=sd_card.shell_on_port(SHELL_PORT),
        broker=f"{HOST}:{broker_port}",
        more=wear.EVENTS + 1,
        raspberry_pi=True,
    )
    root = sd_card.populated(FOLDER, options)
    (root / "etc/systemd/timesyncd.conf.d").mkdir(exist_ok=True)
    (root / "etc/systemd/timesyncd.conf.d/test.conf").write_text(TIME_SERVER, encoding="utf-8")
    (root / "etc/fstab").write_text("/dev/mmcblk0 / ext4 defaults,noatime 0 1\n", encoding="utf-8")
    arm_root.run_inside(root, ["systemctl", "enable", "-q", "NetworkManager"]).check_returncode()
    image.disk(root, CARD.image, CARD_MB)
    return sd_card.added_words(root)


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


def held_after_kill(gate: Gate) -> float:
    """Kill -9 the daemon while the relay is energised. Returns after how many seconds the relay fell, for good."""
    before = gate.show(f"more-{wear.EVENTS}")
    gate.rises("relay", before)
    gate.machine.shell.run(KILL)
    killed_s = time.monotonic()
    pause = threading.Event()
    while energised(gate) and time.monotonic() < killed_s + 30.0:
        pause.wait(0.05)
    held_s = time.monotonic() - killed_s
    while time.monotonic() < killed_s + max(8.0, held_s + 3.0):
        assert not energised(gate), "energised again"
        pause.wait(0.05)
    return held_s


def energised(gate: Gate) -> bool:
    """An output, and high. From the chip's registers: QEMU reports no edge where a pin turns into an input."""
    select = gate.machine.pins.read(GPFSEL2) >> 3 * (PINS["relay"] - 20) & 7
    return select == 1 and bool(gate.machine.pins.read(GPLEV0) >> PINS["relay"] & 1)
