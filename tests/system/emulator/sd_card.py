"""An SD card for an emulated board: Debian, and our packages as dpkg installed them. By hand only the tests' shell and scene."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kiosk.installer.bundle import build
from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases import release
from tests.paths import PROJECT
from tests.system.arm import root as arm_root
from tests.system.container import root as container_root
from tests.system.emulator import site
from tests.system.pi import writers

SIGNING_HOME = container_root.CACHE / "signing"
UNPACKED = "root/packages"
KEYS = "root/keys"
CONFIG_TXT = "dtparam=audio=on\ncamera_auto_detect=1\n[all]\n"
CMDLINE_TXT = "console=serial0,115200 console=tty1 root=PARTUUID=00000000-02 rootfstype=ext4 fsck.repair=yes rootwait\n"
INSTALL_S = 1800.0
SHELL_UNIT = """\
[Unit]
Description=A shell for the tests
DefaultDependencies=no
[Service]
ExecStartPre=/bin/touch {mark}
ExecStart={command}
Restart=always
[Install]
WantedBy=sysinit.target
"""


def shell_on_line(device: str) -> str:
    """A shell on a serial line."""
    return f"/bin/sh -c 'exec < {device} > {device} 2>&1; stty raw -echo; cat | sh'"


def shell_on_port(port: int) -> str:
    """A shell for each TCP connection."""
    return f"/bin/busybox nc -ll -p {port} -e /bin/sh"


@dataclass(frozen=True, slots=True)
class CardOptions:
    """What a card is for. `pins`: names as in `[gpio]`; `shell`: how the tests' shell is started."""

    pins: Mapping[str, int]
    shell: str
    broker: str = "127.0.0.1:1"
    more: int = 0
    """Valid passes beside the samples."""
    raspberry_pi: bool = False
    """Whether /boot/firmware is there, and ours to change."""


def populated(folder: Path, gate: CardOptions) -> Path:
    """`folder/root`: a fresh system in which dpkg has installed the packages of this checkout, set up for this gate."""
    root = arm_root.copied(arm_root.system_root(), folder / "root")
    _configure(root, folder / "site", gate)
    if gate.raspberry_pi:
        _firmware(root)
    _install(root, _bundle())
    _add_shell_and_scene(root, gate.shell)
    _run(root, "systemd-tmpfiles", "--create", "test-scene.conf")  # kiosk setup looks whether the camera has a source
    _run(root, "kiosk", "setup", "--yes", "--no-start", "--credentials-dir", f"/{KEYS}")
    if gate.raspberry_pi:
        _run(root, "kiosk", "firmware", "--board", "pi")
    shutil.rmtree(root / KEYS)
    return root


def _bundle() -> Path:
    """This checkout as `make bundle` makes it, for the root's machine and suite alone."""
    return build.build_bundle(PROJECT, [(arm_root.SUITE, "aarch64")], container_root.CACHE / "repository", SIGNING_HOME)


def _install(root: Path, bundle: Path) -> None:
    """Install our packages. The root was unpacked without a list of its packages, so that dpkg cannot see what they need."""
    for name in ("info", "updates"):
        (root / "var/lib/dpkg" / name).mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg/status").touch()
    target = root / UNPACKED
    target.mkdir()
    for deb in (*bundle.glob("pool/entrance-kiosk*.deb"), *bundle.glob("pool/*/entrance-kiosk-*.deb")):
        shutil.copy(deb, target)
    _run(root, "sh", "-c", f"dpkg --force-depends --force-unsafe-io --install /{UNPACKED}/*.deb")
    shutil.rmtree(target)
    assert release.linked_version(InstallLayout(root).current_link), "no release is linked"


def _run(root: Path, *command: str) -> None:
    done = arm_root.run_inside(root, list(command), timeout_s=INSTALL_S)
    assert done.returncode == 0, done.stdout + done.stderr


def _configure(root: Path, given: Path, gate: CardOptions) -> None:
    """Write what the centre gives for this gate (for `kiosk setup --credentials-dir`), and the pictures of people."""
    shutil.rmtree(given, ignore_errors=True)
    site.configure(given, gate.pins, broker=gate.broker, more=gate.more)
    keys = given / "etc/entrance-kiosk"
    shutil.rmtree(keys / "private")  # kiosk setup makes the pseudonym key
    (keys / "centre-private.pem").unlink()  # the centre's alone
    shutil.copytree(keys, root / KEYS)
    shutil.copytree(given / site.PICTURES, root / site.PICTURES)


def _firmware(root: Path) -> None:
    """The firmware's two files as Raspberry Pi OS has them."""
    boot = InstallLayout(root).boot_dir
    boot.mkdir(parents=True)
    (boot / "config.txt").write_text(CONFIG_TXT, encoding="utf-8")
    (boot / "cmdline.txt").write_text(CMDLINE_TXT, encoding="utf-8")


def added_words(root: Path) -> str:
    """What `kiosk firmware` added to the kernel's command line, and the firmware would hand to it."""
    line = (InstallLayout(root).boot_dir / "cmdline.txt").read_text(encoding="utf-8").strip()
    before = CMDLINE_TXT.strip()
    assert line.startswith(f"{before} "), line
    return line.removeprefix(before).strip()


def _add_shell_and_scene(root: Path, shell: str) -> None:
    """A shell for the tests, and a place for pictures to be shown."""
    (root / "etc/systemd/system/test-shell.service").write_text(
        SHELL_UNIT.format(command=shell, mark=writers.MARK), encoding="utf-8"
    )
    empty = f"/{site.PICTURES}/{site.EMPTY}.pgm"
    scene = f"d {site.SCENE} 0755 - - -\nC {site.SCENE}/scene.pgm 0644 - - - {empty}\n"
    (root / "etc/tmpfiles.d").mkdir(exist_ok=True)
    (root / "etc/tmpfiles.d/test-scene.conf").write_text(scene, encoding="utf-8")
    arm_root.run_inside(root, ["systemctl", "enable", "-q", "test-shell.service"]).check_returncode()
