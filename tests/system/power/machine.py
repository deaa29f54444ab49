"""The machine of `make test-power`: a Pi's pins, a root disk that is only read, a data disk whose writes are recorded."""

import contextlib
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.paths import PROJECT
from tests.system.arm import root as arm_root
from tests.system.container import root as container_root
from tests.system.emulator import image, qemu, site
from tests.system.power.log import DISK_BYTES, MARKS_AT

FOLDER = container_root.CACHE / "power"
BOARD = ("-cpu", "cortex-a53", "-smp", "2", "-m", "1024", "-nic", "none")
TOOLS = {**image.TOOLS, "losetup": "mount", "debugfs": "e2fsprogs"}
CROWD = 36
PINS = {"green": 4, "red": 6, "amber": 7, "buzzer": 3, "relay": 2}
"""The chip has lines 0 to 7, of which a Pi has 2 to 7."""
HOST = "10.0.2.2"
"""This machine, as QEMU's user network names it for the guest."""
PULSE_S = 0.05
RECORDER = (
    "tests/__init__.py",
    "tests/fakes/__init__.py",
    "tests/fakes/data/__init__.py",
    "tests/fakes/data/access_events.py",
    "tests/system/__init__.py",
    "tests/system/power/__init__.py",
    "tests/system/power/log.py",
    "tests/system/power/recorder.py",
)
"""What the recorder needs beside the product."""
Parts = tuple[str, ...]
"""The command line of a machine, without its data disk; nothing of it is written to."""
INIT = """\
#!/bin/sh
# First program of the machine of `make test-power`. The kernel hands `start=` and `preload=` of its command line to us.
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t ext4 -o ro /dev/vdb /media
ip link set lo up
ip link set eth0 up && ip address add 10.0.2.15/24 dev eth0 || echo "PROBLEM: no network"
# As a Raspberry Pi mounts its card: noatime, and the journal is played back by the mount.
mount -t ext4 -o noatime /dev/vdc /var/lib/entrance-kiosk || echo "PROBLEM: the data disk does not mount"
echo "MOUNTED $(cat /proc/sys/kernel/random/boot_id)"
export PYTHONPATH=/opt/entrance-kiosk/site:/media/site PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
cd /run
while :; do
    case $start in
        crowd | empty) set -- -m kiosk.cli run --config /media/etc/entrance-kiosk/kiosk.toml --camera "replay:/media/$start" ;;
        recorder) set -- -m tests.system.power.recorder ;;
    esac
    env ${preload:+LD_PRELOAD=$preload} python3 "$@"
    echo "ENDED $?"
done
"""


def prepared(broker_port: int) -> Parts:
    """The machine with this checkout, a crowd of synthetic people with passes, and a broker's port on this host."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    linux = image.kernel()
    root = image.disk(arm_root.ready_root(), FOLDER / "root.img", 1024)
    (FOLDER / "init").write_text(INIT, encoding="utf-8")
    for command in (
        "mkdir media", "mkdir var/lib/entrance-kiosk",
        f"write {FOLDER}/init sbin/power-init", "set_inode_field sbin/power-init mode 0100755",
    ):  # fmt: skip
        subprocess.run(["debugfs", "-w", "-R", command, str(root)], check=True, capture_output=True)
    media = image.disk(_media(broker_port), FOLDER / "media.img", 64)
    initrd = image.initrd(linux, (*image.VIRT_MODULES, "gpio_pl061"), FOLDER)
    return (
        *("qemu-system-aarch64", "-M", "virt", *BOARD, "-dtb", str(image.board_of_a_pi(BOARD, FOLDER))),
        *("-kernel", str(linux.image), "-initrd", str(initrd)),
        *("-netdev", "user,id=outside", "-device", "virtio-net-pci,netdev=outside,romfile="),
        *("-drive", f"file={root},if=none,id=root,format=raw,snapshot=on", "-device", "virtio-blk-pci,drive=root"),
        *("-drive", f"file={media},if=none,id=media,format=raw,snapshot=on"),
        *("-device", "virtio-blk-pci,drive=media"),
    )


def _media(broker_port: int) -> Path:
    """A folder with this checkout's code, the configuration with keys and lists, and the pictures."""
    folder = FOLDER / "media"
    shutil.rmtree(folder, ignore_errors=True)
    code = folder / "site"
    with zipfile.ZipFile(image.project_wheel(FOLDER / "wheel")) as wheel:
        wheel.extractall(code)
    for name in RECORDER:
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, code / name)
    shutil.copy(_without_fsync(), folder / "without-fsync.so")
    (folder / "etc").mkdir()
    world = site.configure(folder, PINS, broker=f"{HOST}:{broker_port}")
    _configure(folder / "etc/entrance-kiosk/kiosk.toml")
    people = {f"{number:03}": (world.make_valid_pass(number),) for number in range(CROWD)}
    people |= {f"{number:03}-x": (world["forged"].data,) for number in range(0, CROWD, 12)}
    site.write_pictures(folder / "crowd", people)
    site.write_pictures(folder / "empty", {"empty": ()})
    return folder


def lists() -> set[bytes]:
    """The signed lists that the machine was given, whole."""
    return {path.read_bytes() for path in (FOLDER / "media/etc/entrance-kiosk").glob("*.cbor")}


def _configure(file: Path) -> None:
    """Short visits and pulses, so that many people pass between two cuts."""
    text = file.read_text(encoding="utf-8")
    for old, new in (
        ("repeat_window_s = 8.0", "repeat_window_s = 1.0"),
        ("frames_per_s = 5.0", "frames_per_s = 10.0"),
        ("[gpio]\n", f"[gpio]\nrelay_pulse_s = {PULSE_S}\n"),
        ("[storage]\n", "[storage]\nlow_space_bytes = 0\n"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def _without_fsync() -> Path:
    """Debian's libeatmydata for the machine: preloaded, it turns fsync into nothing. The control run needs it."""

    def make(target: Path) -> None:
        mirror = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
        options = ["--quiet", "--variant=extract", "--arch=arm64", "--include=libeatmydata1"]
        subprocess.run(["mmdebstrap", *options, arm_root.SUITE, str(target), mirror], check=True)

    folder = arm_root.cached("eatmydata", [], [arm_root.SUITE], make)
    (found,) = folder.glob("usr/lib/*/libeatmydata.so.1*.*")
    return found


def blank_disk(disk: Path) -> None:
    """A data disk with an empty file system and room behind it for the recorder's marks."""
    disk.unlink(missing_ok=True)
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    make = ["mke2fs", "-q", "-F", "-t", "ext4", str(disk), f"{MARKS_AT >> 20}M"]
    subprocess.run(make, check=True)


@contextlib.contextmanager
def running(parts: Parts, disk: Path, log: Path, *, start: str, honest: bool = True) -> Iterator[qemu.Machine]:
    """Switched on, with all that it writes to `disk` recorded in `log`. Without `honest`, nothing in it can fsync."""
    log.unlink(missing_ok=True)
    with log.open("wb") as file:
        file.truncate(1 << 30)
    preload = "" if honest else " preload=/media/without-fsync.so"
    quiet = "console=ttyAMA0 loglevel=3 panic=-1 root=/dev/vda rootflags=ro"
    data = [
        *("-append", f"{quiet} init=/sbin/power-init start={start}{preload}"),
        *("-blockdev", f"driver=file,node-name=data,filename={disk}"),
        *("-blockdev", f"driver=file,node-name=log,filename={log}"),
        *("-blockdev", "driver=blklogwrites,node-name=recorded,file=data,log=log"),
        *("-device", "virtio-blk-pci,drive=recorded"),
    ]
    with qemu.machine([*parts, *data]) as guest:
        guest.pins.watch(guest.path_of("pl061"))
        guest.go()
        yield guest


def let_run(guest: qemu.Machine, seconds: float) -> None:
    """Let the machine work for a while."""
    ends_s = time.monotonic() + seconds
    with contextlib.suppress(qemu.EmulatorError):
        guest.console.first(
            lambda line: line.text.startswith("ENDED"), ends_s - time.monotonic(), "", len(guest.console)
        )


def problems(lines: Sequence[qemu.ConsoleLine]) -> list[str]:
    """What a person would have had to repair."""
    return [line.text for line in lines if line.text.startswith(("PROBLEM", "ENDED"))]
