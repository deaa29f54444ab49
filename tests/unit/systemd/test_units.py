"""The systemd units: systemd accepts them, and their sandbox is as documented."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import PROJECT

UNITS = PROJECT / "systemd"
SERVICES = ("kiosk.service", "kiosk-web.service")
UNITS_THAT_RUN = (*SERVICES, "kiosk-purge.service")
UPDATE_UNITS = ("entrance-kiosk-os-updates.service", "entrance-kiosk-os-updates.timer")
ALL_UNITS = (
    *UNITS_THAT_RUN, "kiosk-purge.timer", "entrance-kiosk-recover.service", "entrance-kiosk-trial.service", *UPDATE_UNITS,
)  # fmt: skip
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")


def keys_of(name: str) -> dict[str, str]:
    """The keys of a unit. Values of repeated keys are joined by a blank, as systemd does for lists."""
    found: dict[str, str] = {}
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        key, sign, value = line.partition("=")
        if sign and not line.startswith(("#", "[")):
            found[key] = f"{found[key]} {value}" if key in found else value
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A root folder with the units and the programs that they start."""
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for name in ALL_UNITS:
        shutil.copy(UNITS / name, units)
    venv = tmp_path / "opt/entrance-kiosk/venv/bin"
    for program in (venv / "kiosk", venv / "python", tmp_path / "usr/bin/python3", tmp_path / "bin/sh"):
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    for target in ("basic", "sysinit", "shutdown", "multi-user", "timers", "time-set", "time-sync"):
        (units / f"{target}.target").write_text(f"[Unit]\nDescription={target}\n")
    for name in ("system.slice", "-.slice", "-.mount", "tmp.mount"):
        (units / name).write_text("[Unit]\nDescription=here so that nothing is missing\n")
    return tmp_path


@needs_systemd
@pytest.mark.parametrize("name", ALL_UNITS)
def test_systemd_accepts_each_unit(installed: Path, name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={installed}", f"/etc/systemd/system/{name}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    messages = [line for line in (done.stdout + done.stderr).splitlines() if name in line or "/opt/" in line]
    assert messages == []
    assert done.returncode == 0, done.stderr


@needs_systemd
def test_the_check_itself_finds_a_misspelt_key(installed: Path) -> None:
    unit = installed / "etc/systemd/system/kiosk.service"
    unit.write_text(unit.read_text().replace("WatchdogSec", "WatchdogSecs"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={installed}", "/etc/systemd/system/kiosk.service"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "WatchdogSecs" in done.stdout + done.stderr


@needs_systemd
@pytest.mark.parametrize("name", UNITS_THAT_RUN)
def test_the_exposure_of_a_unit_is_at_most_two(name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=yes", str(UNITS / name)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", done.stdout)
    assert found, done.stdout
    assert float(found[1]) <= 2.0


@pytest.mark.parametrize("name", SERVICES)
def test_no_unit_waits_for_network_or_time(name: str) -> None:
    keys = keys_of(name)
    assert not {"Requires", "BindsTo", "Requisite"} & set(keys)
    assert keys.get("Wants", "network-pre.target") == "network-pre.target", (
        "the network is configured after the gate is open"
    )
    assert not re.search("network|time|resolv", keys["After"])
    assert keys["Restart"] == "always"
    assert keys["StartLimitIntervalSec"] == "0"


def test_at_power_on_the_daemon_waits_for_file_systems_and_devices_only() -> None:
    """basic.target, the default, waits for the NTP client, sockets, paths and timers (systemd.special(7))."""
    for unit in ("kiosk.service", "entrance-kiosk-recover.service"):
        keys = keys_of(unit)
        assert keys["DefaultDependencies"] == "no"
        assert {"local-fs.target", "systemd-tmpfiles-setup.service"} <= set(keys["After"].split()), unit
        assert not {"basic.target", "sysinit.target", "sockets.target"} & set(keys["After"].split()), unit
        assert keys["Conflicts"] == "shutdown.target", unit
        assert "shutdown.target" in keys["Before"].split(), unit


def test_the_web_ui_starts_after_the_daemon_and_waits_for_no_other_unit() -> None:
    assert keys_of("kiosk-web.service")["After"] == "kiosk.service"
    assert int(keys_of("kiosk.service")["StartupCPUWeight"]) > 100 > int(keys_of("kiosk-web.service")["CPUWeight"])


def test_all_outputs_are_switched_off_after_any_end_of_the_daemon() -> None:
    assert "-m kiosk.hardware.gpio.all_off" in keys_of("kiosk.service")["ExecStopPost"]


def test_only_root_reads_the_private_keys_and_the_daemon_gets_copies_in_memory() -> None:
    keys = keys_of("kiosk.service")
    assert keys["LoadCredential"] == "private:/etc/entrance-kiosk/private"
    for unit in UNITS_THAT_RUN:
        assert "-/etc/entrance-kiosk/private" in keys_of(unit)["InaccessiblePaths"].split(), unit
    lines = (UNITS / "entrance-kiosk.tmpfiles").read_text(encoding="utf-8").splitlines()
    private = [line.split()[2:5] for line in lines if "/private" in line and not line.startswith("#")]
    assert private == [["0700", "root", "root"], ["0400", "root", "root"]]


def test_the_pulse_of_the_relay_can_be_triggered_inside_the_sandbox() -> None:
    """ProtectKernelTunables= makes /sys read-only, and the LED of the relay is there."""
    keys = keys_of("kiosk.service")
    assert keys["ProtectKernelTunables"] == "yes"
    assert "-/sys/class/leds/kiosk-relay" in keys["ReadWritePaths"].split()


def test_expired_events_are_deleted_only_while_the_daemon_does_not_run() -> None:
    service, timer = keys_of("kiosk-purge.service"), keys_of("kiosk-purge.timer")
    assert "kiosk purge --unless-running" in service["ExecStart"], (
        "the command judges the age of the status, systemd cannot"
    )
    assert "status.json" not in service["ConditionPathExists"]
    assert "OnCalendar" not in timer, "a kiosk's clock may stand in 1970"
    assert timer["OnUnitInactiveSec"] == "1h"


@pytest.mark.parametrize("name", SERVICES)
def test_daemon_and_web_ui_have_a_watchdog(name: str) -> None:
    keys = keys_of(name)
    assert (keys["Type"], keys["NotifyAccess"]) == ("notify", "main")
    assert 5 <= int(keys["WatchdogSec"]) <= 30


def test_the_clock_quality_can_be_read_inside_the_sandbox() -> None:
    """kiosk/system/clock.py asks adjtimex(2), which ProtectClock= and @system-service forbid."""
    keys = keys_of("kiosk.service")
    assert {"adjtimex", "clock_adjtime", "clock_adjtime64"} <= set(keys["SystemCallFilter"].split())
    assert keys.get("ProtectClock", "no") == "no"


def test_the_web_ui_cannot_write_events_or_open_keys_and_devices() -> None:
    keys = keys_of("kiosk-web.service")
    assert "-/var/lib/entrance-kiosk" in keys["ReadOnlyPaths"].split()
    assert "-/etc/entrance-kiosk/private" in keys["InaccessiblePaths"].split()
    assert (keys["PrivateDevices"], keys["DynamicUser"]) == ("yes", "yes")
    assert keys["StateDirectory"] != keys_of("kiosk.service")["StateDirectory"]


@pytest.mark.parametrize("name", UNITS_THAT_RUN)
def test_there_are_no_core_dumps(name: str) -> None:
    assert keys_of(name)["LimitCORE"] == "0"


def test_on_a_read_only_root_no_event_is_recorded_into_memory() -> None:
    keys = keys_of("kiosk.service.d/read-only-root.conf")
    state = f"/var/lib/{keys_of('kiosk.service')['StateDirectory']}"
    assert keys == {"RequiresMountsFor": state, "AssertPathIsMountPoint": state}


def test_the_journal_stays_in_memory() -> None:
    keys = keys_of("journald.conf.d/entrance-kiosk.conf")
    assert keys["Storage"] == "volatile"
    assert keys["RuntimeMaxUse"] == "16M"


def test_the_timeout_of_the_hardware_watchdog_is_in_its_range() -> None:
    assert int(keys_of("system.conf.d/entrance-kiosk.conf")["RuntimeWatchdogSec"]) <= 15
