"""A root as install leaves it: the product under /opt/entrance-kiosk/releases, its units and drop-ins, and a shell for the rung."""

import shutil
import zipfile
from pathlib import Path

from tests import rung_arm_root, rung_image, rung_premises, rung_root

SITE = f"lib/python{rung_arm_root.PYTHON}/site-packages"
SHELL_UNIT = """\
[Unit]
Description=The rung's shell
DefaultDependencies=no
[Service]
ExecStart={command}
Restart=always
[Install]
WantedBy=sysinit.target
"""


def shell_on_line(device: str) -> str:
    """A shell on a serial line."""
    return f"/bin/sh -c 'exec < {device} > {device} 2>&1; stty raw -echo; cat | sh'"


def shell_on_port(port: int) -> str:
    """A shell for whoever connects over TCP."""
    return f"/bin/busybox nc -ll -p {port} -e /bin/sh"


def populate(root: Path, *, shell: str) -> None:
    """Install this checkout into a copy of the arm64 root. `shell`: how the rung's shell is started."""
    venv = root / "opt/entrance-kiosk/releases/rung/venv"
    (venv / "bin").mkdir(parents=True)
    (venv / SITE).parent.mkdir(parents=True)
    (root / "opt/entrance-kiosk/site").rename(venv / SITE)
    (root / "opt/entrance-kiosk/venv").symlink_to("releases/rung/venv")
    (venv / "bin/python").symlink_to(f"/usr/bin/python{rung_arm_root.PYTHON}")
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = true\n", encoding="utf-8")
    start = "#!/opt/entrance-kiosk/venv/bin/python\nimport sys\nfrom kiosk.cli import main\nsys.exit(main())\n"
    (venv / "bin/kiosk").write_text(start, encoding="utf-8")
    (venv / "bin/kiosk").chmod(0o755)
    wheel = rung_image.project_wheel(rung_root.CACHE / "arm-wheel")
    zipfile.ZipFile(wheel).extractall(venv / SITE)
    ours = [str((venv / SITE / room).relative_to(root)) for room in ("kiosk", "mqtt", "web_ui")]
    rung_arm_root.compile_python(root, ours)
    _units(root)
    (root / "etc/systemd/system/rung-shell.service").write_text(SHELL_UNIT.format(command=shell), encoding="utf-8")
    nobody = f"/{rung_premises.PICTURES}/{rung_premises.NOBODY}.pgm"
    scene = f"d {rung_premises.SCENE} 0755 - - -\nC {rung_premises.SCENE}/scene.pgm 0644 - - - {nobody}\n"
    (root / "etc/tmpfiles.d").mkdir(exist_ok=True)
    (root / "etc/tmpfiles.d/rung-scene.conf").write_text(scene, encoding="utf-8")
    enable = ["systemctl", "enable", "-q", "kiosk.service", "kiosk-web.service", "rung-shell.service"]
    rung_arm_root.run_inside(root, enable).check_returncode()


def _units(root: Path) -> None:
    systemd, firmware = rung_root.PROJECT / "systemd", rung_root.PROJECT / "firmware_config"
    for source, target in (
        (systemd / "kiosk.service", "etc/systemd/system/kiosk.service"),
        (systemd / "kiosk-web.service", "etc/systemd/system/kiosk-web.service"),
        (systemd / "entrance-kiosk.sysusers", "usr/lib/sysusers.d/entrance-kiosk.conf"),
        (systemd / "entrance-kiosk.tmpfiles", "usr/lib/tmpfiles.d/entrance-kiosk.conf"),
        (systemd / "journald.conf.d/entrance-kiosk.conf", "etc/systemd/journald.conf.d/entrance-kiosk.conf"),
        (firmware / "udev/70-entrance-kiosk.rules", "etc/udev/rules.d/70-entrance-kiosk.rules"),
    ):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / target)
    rung_arm_root.run_inside(root, ["systemd-sysusers"]).check_returncode()


def belongs_to_the_kiosk(root: Path) -> None:
    """Owner and mode of what was written to /etc/entrance-kiosk, as install sets them."""
    etc = "/etc/entrance-kiosk"
    own = f"chown -R root:entrance-kiosk {etc} && chmod -R u=rwX,g=rX,o= {etc}"
    rung_arm_root.run_inside(root, ["sh", "-c", own]).check_returncode()
    rung_arm_root.run_inside(root, ["systemd-tmpfiles", "--create", "entrance-kiosk.conf"]).check_returncode()
