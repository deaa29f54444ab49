"""What an emulated machine starts from: Debian's arm64 kernel, a small initrd of our own, and disk images made from folders."""

import gzip
import lzma
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.paths import PROJECT
from tests.system.arm import root as arm_root

SUITE = "trixie"  # pinctrl_bcm2835.persist_gpio_outputs came with Linux 6.10; bookworm has 6.1
TOOLS = {
    "qemu-system-aarch64": "qemu-system-arm",
    "mke2fs": "e2fsprogs",
    "depmod": "kmod",
    "cpio": "cpio",
    "fdtput": "device-tree-compiler",
}
VIRT_MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "ext4")
PI_MODULES = ("bcm2835_rng", "bcm2835", "sdhci_iproc", "mmc_block", "ext4", "dwc2", "usbnet", "cdc_ether", "rndis_host")
INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module" || echo "initrd: $module failed"; done < /modules/order
for word in $(cat /proc/cmdline); do case $word in root=*) root=${word#root=};; rootflags=*) flags=${word#rootflags=};;
    init=*) init=${word#init=};; esac; done
tries=0; while [ ! -b "$root" ] && [ $tries -lt 300 ]; do usleep 100000; tries=$((tries+1)); done
mount -t ext4 -o "${flags:-rw}" "$root" /target || { echo "initrd: $root cannot be mounted"; poweroff -f; }
for each in dev proc sys; do mount --move /$each /target/$each; done
exec switch_root /target "${init:-/sbin/init}"
"""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Where its parts lie."""

    folder: Path

    @property
    def image(self) -> Path:
        """What QEMU starts."""
        (found,) = (self.folder / "boot").glob("vmlinuz-*")
        return found

    @property
    def release(self) -> str:
        """As `uname -r` says it."""
        return self.image.name.removeprefix("vmlinuz-")

    def tree(self, board: str) -> Path:
        """The device tree of a board, such as `bcm2837-rpi-3-b`."""
        (found,) = self.folder.glob(f"usr/lib/linux-image-*/broadcom/{board}.dtb")
        return found


def kernel() -> Kernel:
    """Debian's, unpacked once."""

    def make(target: Path) -> None:
        mirror = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
        options = ["--quiet", "--variant=extract", "--arch=arm64", "--include=linux-image-arm64"]
        subprocess.run(["mmdebstrap", *options, SUITE, str(target), mirror], check=True)
        (target / "lib").mkdir(exist_ok=True)
        if not (target / "lib/modules").exists():
            (target / "lib/modules").symlink_to("../usr/lib/modules")
        (release,) = (path.name for path in (target / "usr/lib/modules").iterdir())
        subprocess.run(["depmod", "-b", str(target), release], check=True)

    return Kernel(arm_root.cached("kernel", [Path(__file__)], [SUITE], make))


def initrd(linux: Kernel, modules: Sequence[str], folder: Path) -> Path:
    """An initrd in `folder` that loads modules, mounts `root=` with `rootflags=` and starts `init=`."""
    tree = folder / "initrd.tree"
    shutil.rmtree(tree, ignore_errors=True)
    for each in ("bin", "dev", "modules", "proc", "sys", "target"):
        (tree / each).mkdir(parents=True)
    shutil.copy(arm_root.system_root() / "bin/busybox", tree / "bin/busybox")
    order = []
    for path in _with_dependencies(linux, modules):
        content = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        name = path.name.removesuffix(".xz")
        (tree / "modules" / name).write_bytes(content)
        order.append(name)
    (tree / "modules/order").write_text("".join(f"{name}\n" for name in order), encoding="utf-8")
    (tree / "init").write_text(INIT, encoding="utf-8")
    (tree / "init").chmod(0o755)
    names = "\0".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*"))).encode()
    packed = subprocess.run(
        ["cpio", "-o", "-0", "-H", "newc", "--quiet"], cwd=tree, input=names, capture_output=True, check=True
    ).stdout
    made = folder / "initrd.gz"
    made.write_bytes(gzip.compress(packed, 1))
    shutil.rmtree(tree)
    return made


def _with_dependencies(linux: Kernel, modules: Sequence[str]) -> list[Path]:
    """Module files in the order in which they load."""
    found: dict[Path, None] = {}
    for module in modules:
        ask = ["modprobe", "-d", str(linux.folder), "-S", linux.release, "--show-depends", module]
        said = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
        found |= {Path(line.split()[1]): None for line in said.splitlines() if line.startswith("insmod")}
    return list(found)


def board_of_a_pi(board: Sequence[str], folder: Path) -> Path:
    """virt's device tree with a Pi's revision, which gpiozero asks for, and without the key that takes a line of the chip.

    `board`: the processor and memory that the machine is started with. The file lies in `folder`.
    """
    tree = folder / "virt.dtb"
    dump = ["qemu-system-aarch64", "-M", f"virt,dumpdtb={tree}", *board]
    subprocess.run(dump, check=True, capture_output=True)
    revised(tree)
    subprocess.run(["fdtput", "-r", str(tree), "/gpio-keys"], check=True)
    return tree


def revised(tree: Path) -> None:
    """Write a Pi 3B's revision into a device tree, as the firmware does."""
    subprocess.run(["fdtput", "-p", "-t", "x", str(tree), "/system", "linux,revision", "a02082"], check=True)


def disk(folder: Path, image: Path, size_mb: int, label: str = "") -> Path:
    """An ext4 image of a folder's content. The SD controller wants a power of two."""
    with image.open("wb") as file:
        file.truncate(size_mb << 20)  # a file that is there already mke2fs fills without a word
    make = ["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-d", str(folder)]
    subprocess.run([*make, *(["-L", label] if label else []), str(image)], check=True)
    return image


def project_wheel(folder: Path) -> Path:
    """This checkout as a wheel, in `folder`."""
    import sys

    shutil.rmtree(folder, ignore_errors=True)
    uv = Path(sys.executable).parent / "uv"
    build = [str(uv), "build", "-q", "--wheel", "--out-dir", str(folder)]
    subprocess.run(build, cwd=PROJECT, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel
