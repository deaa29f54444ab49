"""The machine of `make test-gpio`: QEMU virt, a Pi's device tree, our relay overlay, a disk populated by install.sh."""

import shutil
import subprocess
from pathlib import Path

from tests.paths import PROJECT
from tests.system.container import root as container_root
from tests.system.emulator import image, sd_card

PINS = {"green": 4, "red": 6, "amber": 7, "buzzer": 3, "relay": 2, "admit_button": 5}  # the chip has eight lines
LED = 1
"""The line of the relay as a kernel LED; the daemon knows it by its name only."""
LED_S = 9.0
"""Long enough for `ExecStopPost` to come first, on a machine that shares its cores."""
MODULES = (*image.VIRT_MODULES, "virtio_console", "ledtrig_oneshot", "leds_gpio", "vivid")
"""The relay's, which a Pi's kernel has built in, and the virtual camera."""
CAMERA = "usb_camera_inside.py"
FOLDER = container_root.CACHE / "gpio"
BOARD = ["-cpu", "cortex-a53", "-smp", "1", "-m", "1024", "-nic", "none"]
STATUS = "/run/entrance-kiosk/status.json"
HOLD = f"""import lgpio, pathlib, signal
lgpio.gpio_claim_input(lgpio.gpiochip_open(0), {PINS["green"]})
pathlib.Path("/run/line-held").touch()
signal.pause()"""
"""Another program that has the green lamp's line."""


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
    source = PROJECT / "firmware_config/overlays/kiosk-relay.dts"
    subprocess.run(["dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", made, source], check=True)
    return made


def command() -> list[str]:
    """The machine: a root with this checkout installed, on a disk that forgets."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    linux = image.kernel()
    root = sd_card.populated(FOLDER, sd_card.CardOptions(PINS, shell=sd_card.shell_on_line("/dev/hvc0"), more=4))
    shutil.copy(Path(__file__).with_name(CAMERA), root / "opt/entrance-kiosk" / CAMERA)
    disk = image.disk(root, FOLDER / "disk.img", 2048)
    initrd = image.initrd(linux, MODULES, FOLDER)
    return [
        *("qemu-system-aarch64", "-M", "virt", *BOARD, "-dtb", str(board_of_a_pi())),
        *("-kernel", str(linux.image), "-initrd", str(initrd)),
        *("-append", "console=ttyAMA0 loglevel=4 root=/dev/vda rootflags=rw,noatime systemd.getty_auto=no"),
        *("-drive", f"file={disk},if=virtio,format=raw,snapshot=on"),
        *("-device", "virtio-serial-pci", "-device", "virtconsole,chardev=shell"),
    ]
