"""The units of centre and broker: systemd accepts them, their sandbox is narrow, and the packages have all of them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import PROJECT

CENTRE = sorted((PROJECT / "systemd/centre").glob("entrance-*.service")) + sorted(
    (PROJECT / "systemd/centre").glob("*.timer")
)
BROKER = [PROJECT / "systemd/broker/entrance-broker.service"]
SERVICES = [path for path in (*CENTRE, *BROKER) if path.suffix == ".service"]
MAX_EXPOSURE = 2.5
"""Of systemd-analyze security: the network is what these services are for."""
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")


@needs_systemd
@pytest.mark.parametrize("path", [*CENTRE, *BROKER], ids=lambda path: path.name)
def test_systemd_accepts_each_unit(path: Path, tmp_path: Path) -> None:
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for each in (*CENTRE, *BROKER):
        shutil.copy(each, units)
    for program in ("usr/lib/entrance-centre/kiosk", "usr/sbin/mosquitto", "bin/kill"):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    for name in ("basic", "sysinit", "shutdown", "multi-user", "timers", "time-set", "time-sync", "network-online"):
        (units / f"{name}.target").write_text(f"[Unit]\nDescription={name}\n")
    for name in ("postgresql.service", "system.slice", "-.slice", "-.mount", "tmp.mount"):
        text = "[Service]\nExecStart=/bin/kill\n" if name.endswith(".service") else ""
        (units / name).write_text(f"[Unit]\nDescription=here so that nothing is missing\n{text}")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={tmp_path}", f"/etc/systemd/system/{path.name}"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert [line for line in (done.stdout + done.stderr).splitlines() if path.name in line] == []
    assert done.returncode == 0, done.stderr


@needs_systemd
@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_the_exposure_of_a_service_is_small(path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    found = re.search(r"Overall exposure level.*: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MAX_EXPOSURE


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_system_call_that_is_not_allowed_gives_an_error_and_kills_nothing(path: Path) -> None:
    """Libraries ask for calls that they can do without: numpy's OpenBLAS for mbind(2)."""
    assert "SystemCallErrorNumber=EPERM" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [*CENTRE, *BROKER], ids=lambda path: path.name)
def test_each_unit_is_in_its_package(path: Path) -> None:
    package = PROJECT / "debian_packages" / ("entrance-broker" if path in BROKER else "entrance-centre")
    assert f"systemd/{path.parent.name}/{path.name} " in (package / "install").read_text(encoding="utf-8")
    if "[Install]" in path.read_text(encoding="utf-8"):
        for script in ("postinst", "prerm", "postrm"):
            assert path.name in (package / script).read_text(encoding="utf-8"), script
