"""Our systemd units on a real systemd, booted in a container (systemd-nspawn) from the trixie root.

What is checked is in inside.py, which runs in that container. Not covered: the units' device policy, because a container has no
BPF for it, and the board's own watchdog.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import PROJECT
from tests.system.conftest import Measured
from tests.system.container import promises, requirements
from tests.system.container import root as container_root
from tests.system.container.promises import CheckResult
from tests.system.service import inside

pytestmark = [pytest.mark.system, pytest.mark.service, pytest.mark.timeout(1200)]
TOOLS = {**requirements.MMDEBSTRAP, "systemd-nspawn": "systemd-container"}
SCRIPT = Path(inside.__file__)
INSTALLED = "/opt/entrance-kiosk/service_inside.py"
UNITS = ("kiosk.service", "kiosk-web.service", "kiosk-purge.service", "kiosk-purge.timer")
CHECKS_UNIT = "kiosk-checks.service"
UDEV_RULES = "70-entrance-kiosk.rules"
RESULTS = PROJECT / "build/system-tests/service"
BOOT_S = 600.0
UNIT = f"""\
[Unit]
Description=Checks of the units
[Service]
Type=exec
ExecStart={container_root.VENV}/bin/python {INSTALLED}
StandardError=journal
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture(scope="module")
def results() -> dict[str, CheckResult]:
    """Boot the container once; its checks end it. Journal and console are kept in build/system-tests/service."""
    requirements.skip_if(requirements.missing(TOOLS))
    root = container_root.ready_root()
    container_root.install(root)
    _install_units(root)
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    _boot(root)
    checks = RESULTS / "checks"
    assert checks.exists(), f"the container did not reach its checks; see {RESULTS / 'console'}"
    return promises.parse(checks.read_text(encoding="utf-8"))


@pytest.mark.parametrize("promise", [check.__name__ for check in inside.CHECKS])
def test_the_units_on_real_systemd(results: dict[str, CheckResult], promise: str, measured: Measured) -> None:
    promises.judge(results, promise, measured)


def _install_units(root: Path) -> None:
    """What install.sh does with systemd/, and the unit that runs the checks."""
    systemd = PROJECT / "systemd"
    units = root / "etc/systemd/system"
    for name in UNITS:
        shutil.copy(systemd / name, units / name)
    (units / CHECKS_UNIT).write_text(UNIT, encoding="utf-8")
    shutil.copy(systemd / "entrance-kiosk.sysusers", root / "usr/lib/sysusers.d/entrance-kiosk.conf")
    shutil.copy(systemd / "entrance-kiosk.tmpfiles", root / "usr/lib/tmpfiles.d/entrance-kiosk.conf")
    shutil.copy(PROJECT / "firmware_config/udev" / UDEV_RULES, root / "etc/udev/rules.d" / UDEV_RULES)
    drop_in = root / "etc/systemd/journald.conf.d/entrance-kiosk.conf"
    drop_in.parent.mkdir(exist_ok=True)
    shutil.copy(systemd / "journald.conf.d/entrance-kiosk.conf", drop_in)
    shutil.copy(SCRIPT, root / INSTALLED.lstrip("/"))
    container_root.run_inside(root, ["systemd-sysusers"]).check_returncode()
    configure = [f"{container_root.VENV}/bin/python", INSTALLED, "configure"]
    container_root.run_inside(root, configure).check_returncode()
    enable = ["systemctl", "enable", "-q", "kiosk.service", "kiosk-web.service", "kiosk-purge.timer", CHECKS_UNIT]
    container_root.run_inside(root, enable).check_returncode()


def _boot(root: Path) -> None:
    """Boot the root without a network. What it writes stays in memory."""
    command = [
        "systemd-nspawn", "--quiet", "--boot", "--volatile=overlay", "--private-network", "--register=no",
        "--keep-unit", "--system-call-filter=@clock", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
        f"--directory={root}", f"--bind={RESULTS}:/results", "--machine=entrance-kiosk-service-test",
    ]  # fmt: skip
    with (RESULTS / "console").open("w", encoding="utf-8") as console:
        subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, check=False, timeout=BOOT_S
        )
