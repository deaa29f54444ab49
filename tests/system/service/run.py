"""`make test-service`: our units on real systemd, booted in a container (systemd-nspawn) from the trixie root.

What is checked is in tests/system/service/inside.py. Not covered: the units' device policy (a container has no BPF for it) and
the board's own watchdog.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.paths import PROJECT
from tests.system.container import root as rung_root

TOOLS = {**rung_root.TOOLS, "systemd-nspawn": "systemd-container"}
SCRIPT = "rung_service_inside.py"
UNITS = ("kiosk.service", "kiosk-web.service", "kiosk-purge.service", "kiosk-purge.timer")
UDEV_RULES = "70-entrance-kiosk.rules"
RESULTS = PROJECT / "build/rungs/service"
UNIT = f"""\
[Unit]
Description=The checks of tests/{SCRIPT}
[Service]
Type=exec
ExecStart={rung_root.VENV}/bin/python /opt/entrance-kiosk/{SCRIPT}
StandardError=journal
[Install]
WantedBy=multi-user.target
"""


def main() -> int:
    """Exit status 0 where every promise was kept."""
    lack = rung_root.wanting(TOOLS)
    if lack:
        print(f"test-service: {lack}", file=sys.stderr)
        return rung_root.CANNOT
    root = rung_root.ready_root()
    rung_root.install(root)
    install_units(root)
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    booted = boot(root)
    checks = RESULTS / "checks"
    for line in checks.read_text(encoding="utf-8").splitlines() if checks.exists() else []:
        result = json.loads(line)
        print(f"{'ok ' if result['met'] else 'BAD'} {result['check']}: {result['said']}", flush=True)
    if booted:
        print(f"test-service: ended with {booted}; the journal is {RESULTS / 'journal'}", file=sys.stderr)
    return booted


def install_units(root: Path) -> None:
    """What install does with systemd/, and the unit that runs the checks."""
    systemd = PROJECT / "systemd"
    units = root / "etc/systemd/system"
    for name in UNITS:
        shutil.copy(systemd / name, units / name)
    (units / "rung.service").write_text(UNIT, encoding="utf-8")
    shutil.copy(systemd / "entrance-kiosk.sysusers", root / "usr/lib/sysusers.d/entrance-kiosk.conf")
    shutil.copy(systemd / "entrance-kiosk.tmpfiles", root / "usr/lib/tmpfiles.d/entrance-kiosk.conf")
    shutil.copy(PROJECT / "firmware_config/udev" / UDEV_RULES, root / "etc/udev/rules.d" / UDEV_RULES)
    drop_in = root / "etc/systemd/journald.conf.d/entrance-kiosk.conf"
    drop_in.parent.mkdir(exist_ok=True)
    shutil.copy(systemd / "journald.conf.d/entrance-kiosk.conf", drop_in)
    shutil.copy(PROJECT / "tests" / SCRIPT, root / "opt/entrance-kiosk" / SCRIPT)
    rung_root.run_inside(root, ["systemd-sysusers"]).check_returncode()
    python = f"{rung_root.VENV}/bin/python"
    rung_root.run_inside(root, [python, f"/opt/entrance-kiosk/{SCRIPT}", "furnish"]).check_returncode()
    enable = ["systemctl", "enable", "-q", "kiosk.service", "kiosk-web.service", "kiosk-purge.timer", "rung.service"]
    rung_root.run_inside(root, enable).check_returncode()


def boot(root: Path) -> int:
    """Boot the root with what it writes in memory and with no network; the checks end it. Returns their exit status."""
    command = [
        "systemd-nspawn", "--quiet", "--boot", "--volatile=overlay", "--private-network", "--register=no",
        "--keep-unit", "--system-call-filter=@clock", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
        f"--directory={root}", f"--bind={RESULTS}:/results", "--machine=entrance-kiosk-rung",
    ]  # fmt: skip
    with (RESULTS / "console").open("w", encoding="utf-8") as console:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, check=False, timeout=300
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
