"""install.sh on Debian bookworm and trixie with a real systemd and no network: install, upgrade, rollback, power cuts, uninstall.

The tests run in this order on one machine for each suite. Both suites are asked at the same time: an upgrade is, for the most part,
waiting. The machine is a container whose disk outlives it (tests/system/container) and loses, when the power goes, what the kernel
had not written. Not covered: Raspberry Pi OS's own packages and its firmware partition.
"""

import json
from collections.abc import Callable

import pytest

from tests.paths import PROJECT, shell_blocks
from tests.system.container.container import until
from tests.system.install.cuts import power_cut
from tests.system.install.device import PROGRAM, Device, version
from tests.system.install.machines import Devices, on_each_suite

Measured = Callable[[str], None]
SOURCE = "/etc/apt/sources.list.d/entrance-kiosk.sources"
INSTALL_SH = "/usr/lib/entrance-kiosk/install.sh"
pytestmark = [pytest.mark.system, pytest.mark.install, pytest.mark.timeout(3600)]
# Everything that belongs to an installation: name, size, time of change, target of a link; of folders the name.
LIST = (
    "find /opt/entrance-kiosk /etc /usr/lib/entrance-kiosk /usr/lib/systemd/system /usr/bin/kiosk "
    "-type d -printf '%p\\n' -o -not -name '*.cache' -printf '%p %s %T@ %l\\n' | sort"
)
IMPORTS = """
import numpy, simplejpeg, picamera2, zxingcpp, cv2
print(numpy.__version__, numpy.__file__, simplejpeg.__file__, picamera2.__file__)
"""
# apt's simplejpeg, as Raspberry Pi OS has it, under the venv's numpy.
TRAP = """
import importlib.util, glob, numpy
path, = glob.glob("/usr/lib/python3/dist-packages/simplejpeg/_jpeg*.so")
spec = importlib.util.spec_from_file_location("simplejpeg._jpeg", path)
spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""


@on_each_suite
def test_without_keys_it_installs_and_says_what_is_missing(device: Device) -> str:
    device.write_settings()
    done = device.install("first", "--site", "cho-mau", "--gate", "cong-1", check=False)
    assert (done.returncode, "Something is still missing" in done.stderr) == (3, True), done.stderr
    assert device.container.run("systemctl", "is-active", "kiosk", check=False).stdout.strip() == "inactive"
    text = device.container.run("cat", "/etc/entrance-kiosk/kiosk.toml").stdout
    assert {'site = "cho-mau"', 'device = "cong-1"'} <= set(text.splitlines())
    return done.stderr.strip().splitlines()[-1]


@on_each_suite
def test_installs_without_a_network_and_is_ready(device: Device) -> str:
    assert device.container.run("ls", "/sys/class/net").stdout.split() == ["lo"]
    done = device.install("first", "--credentials-dir", "/keys")
    assert "State: Ready" in done.stderr, done.stderr
    assert "kiosk.toml                       replaced" in done.stderr, "the example was not edited"
    assert device.serves() == version("first")
    device.nothing_is_lost()
    for unit in ("kiosk.service", "kiosk-web.service", "kiosk-purge.timer", "entrance-kiosk-recover.service"):
        device.container.run("systemctl", "is-enabled", unit)
    device.container.run("kiosk", "check-config")
    return next(line for line in done.stderr.splitlines() if "State: Ready" in line)


@on_each_suite
def test_the_settings_of_the_board_are_in_force_or_a_mark_asks_for_a_reboot(device: Device) -> str:
    marks = device.container.run("cat", "/run/reboot-required.pkgs").stdout
    assert "entrance-kiosk-appliance" in marks
    usage = device.container.run("sh", "-c", "ls -d /var/log/journal /run/log/journal", check=False).stdout
    assert "/run/log/journal" in usage, "the journal is in memory without a reboot"
    return marks.strip()


@on_each_suite
def test_security_updates_are_set_up_without_a_network_and_their_state_is_in_the_health(device: Device) -> str:
    run = device.container.run
    assert run("systemctl", "is-active", "entrance-kiosk-os-updates.timer").stdout.strip() == "active"
    assert run("systemctl", "is-enabled", "entrance-kiosk-os-updates.timer").stdout.strip() == "enabled"
    assert "Status: install ok installed" in run("dpkg", "--status", "unattended-upgrades").stdout
    said = run("kiosk", "os-updates", "--install", "--now").stdout
    state = json.loads(run("cat", "/var/lib/entrance-kiosk-os-updates/state.json").stdout)
    assert (state["error"], state["pending"]) == ("", 0), said
    found = until("the check", lambda: [one for one in device.status()["checks"] if one["code"] == "os-updates"], 30)
    assert found[0]["status"] == "pass"
    return said.strip().splitlines()[-1]


@on_each_suite
def test_masks_edits_and_disabled_units_of_the_owner_stay(device: Device) -> str:
    run = device.container.run
    run("systemctl", "mask", "kiosk-purge.timer")
    run("systemctl", "unmask", "kiosk-purge.timer")
    folder = "/etc/systemd/system/kiosk-web.service.d"
    run("sh", "-c", f"mkdir -p {folder}; printf '[Service]\\nNice=5\\n' > {folder}/own.conf")
    run("systemctl", "disable", "kiosk-web.service")
    run("dpkg-reconfigure", "entrance-kiosk")
    assert run("systemctl", "is-enabled", "kiosk-web", check=False).stdout.strip() == "disabled"
    assert run("systemctl", "show", "kiosk-web", "-p", "Nice", "--value").stdout.strip() == "5"
    run("systemctl", "enable", "kiosk-web.service")
    run("sh", "-c", f"rm -r {folder}; systemctl daemon-reload")
    damaged = run("sh", "-c", "dpkg --verify $(dpkg-query -W -f '${Package} ' 'entrance-kiosk*')", check=False).stdout
    assert [line for line in damaged.splitlines() if "/etc/default/entrance-kiosk" not in line] == []
    return "mask, drop-in and disable; dpkg --verify finds nothing"


@on_each_suite
def test_a_second_run_changes_nothing(device: Device) -> str:
    before, pid = device.container.run("sh", "-c", LIST).stdout, device.pid()
    device.install("first", "--credentials-dir", "/keys")
    after = device.container.run("sh", "-c", LIST).stdout
    assert after == before, set(after.splitlines()) ^ set(before.splitlines())
    assert device.pid() == pid, "the daemon was restarted"
    return f"{len(before.splitlines())} files as they were, the daemon is the same process"


@on_each_suite
def test_picamera2_is_imported_over_apts_packages_with_numpy_2(device: Device) -> str:
    python = f"{PROGRAM}/venv/bin/python"
    numpy, *paths = device.container.run(python, "-c", IMPORTS).stdout.split()
    assert numpy.startswith("2.")
    assert [path.startswith("/opt") for path in paths] == [True, True, False], paths
    trapped = device.container.run(python, "-c", TRAP, check=False)
    apt = device.container.run("/usr/bin/python3", "-c", "import numpy; print(numpy.__version__)").stdout.strip()
    if apt.startswith("1."):
        assert trapped.returncode, "apt's simplejpeg works under numpy 2: the reason for ours is gone"
        apt = f"{apt}, whose simplejpeg says under ours: {trapped.stderr.splitlines()[-1]}"
    return f"numpy {numpy} and simplejpeg from the venv, picamera2 from apt's place; apt has numpy {apt}"


@on_each_suite
def test_a_power_cut_of_a_gate_at_work_loses_nothing(device: Device) -> str:
    acknowledged = device.note_what_was_acknowledged()
    device.container.cut()
    booted_s = device.container.boot()
    assert device.serves() == version("first")
    device.nothing_is_lost()
    return f"{acknowledged} records before, up again {booted_s:.1f} s after power-on"


def _goes_back(device: Device, variant: str) -> str:
    """An upgrade to a broken version, which must end where it began."""
    runs = device.status()["version"]
    device.note_what_was_acknowledged()
    done = device.install(variant, check=False)
    assert (done.returncode, "The upgrade failed" in done.stderr) == (1, True), done.stderr
    assert device.serves() == runs
    device.nothing_is_lost()
    device.journal_is_gone()
    assert version(variant) not in device.releases(), "a rejected release goes"
    return str(device.outcome()["reason"])


@pytest.mark.parametrize("variant", ["imports", "page", "purge", "unit"])
def test_a_broken_version_is_refused_or_taken_back(devices: Devices, measured: Measured, variant: str) -> None:
    measured(devices.ask(variant, lambda device: _goes_back(device, variant)))


@on_each_suite
def test_a_version_that_dies_on_its_trial_is_taken_back_by_itself(device: Device) -> str:
    runs = device.status()["version"]
    device.note_what_was_acknowledged()
    device.install("dies-later")
    until("the trial ended", lambda: device.outcome()["outcome"] == "rolled-back", 180)
    assert device.serves() == runs
    device.nothing_is_lost()
    until("the rejected release is gone", lambda: version("dies-later") not in device.releases(), 60)
    return str(device.outcome()["reason"])


@on_each_suite
def test_a_version_that_falls_at_once_is_taken_back_and_status_says_so_until_it_is_acknowledged(device: Device) -> str:
    reason = _goes_back(device, "falls")
    assert _release_check(device)["reason"] == "returned"
    detail = str(_release_check(device)["detail"])
    assert detail == f"{version('falls')} -> {device.release()}: {reason}"
    device.container.run("kiosk", "release", "acknowledge")
    until("it is acknowledged", lambda: _release_check(device)["status"] == "pass", 30)
    return detail


def _release_check(device: Device) -> dict[str, object]:
    (found,) = [check for check in device.status()["checks"] if check["code"] == "release"]
    return dict(found)


@on_each_suite
def test_a_version_that_is_out_of_order_is_taken_back(device: Device) -> str:
    return _goes_back(device, "dark")


@on_each_suite
def test_a_version_that_changed_the_schema_and_never_says_ready_is_taken_back_with_its_records(device: Device) -> str:
    before = device.nothing_is_lost()
    said = _goes_back(device, "mute")
    after = device.nothing_is_lost()
    assert after["schema"] == before["schema"] + 1, (before, after)
    return (
        f"schema {before['schema']} became {after['schema']}, {before['last']} records became {after['last']}; {said}"
    )


@on_each_suite
def test_a_version_from_which_there_is_no_way_back_is_refused(device: Device) -> str:
    pid = device.pid()
    done = device.install("one-way", check=False)
    assert (done.returncode, "cannot be rolled back" in done.stderr) == (1, True), done.stderr
    assert device.pid() == pid
    return done.stderr.strip()


TAMPERINGS = {
    "a package": "f=$(ls $d/pool/*/entrance-kiosk-0*.deb | head -n 1); "
    "dd if=/dev/zero of=$f bs=1 count=9 seek=90000 conv=notrunc status=none",
    "the index": "for f in $d/dists/*/main/*/Packages*; do echo >> $f; done",
    "the list of sums": "sed -i s/^Origin:.*/Origin:x/ $d/dists/*/Release $d/dists/*/InRelease",
    "the key": "head -c 40 /dev/urandom >> $d/entrance-kiosk.gpg",
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_stick_on_which_something_was_changed_is_refused(devices: Devices, measured: Measured, what: str) -> None:
    def check(device: Device) -> str:
        pid, copy = device.pid(), "/var/tmp/tampered"  # noqa: S108  inside the container
        before = device.container.run("sha256sum", SOURCE).stdout
        device.container.run(
            "sh", "-c", f"d={copy}; rm -rf $d; cp -r {device.bundles['better']} $d; {TAMPERINGS[what]}"
        )
        done = device.container.run("sh", f"{copy}/install.sh", "--yes", check=False)
        device.container.run("rm", "-r", copy)
        assert (done.returncode, "Nothing was changed" in done.stderr) == (1, True), done.stderr
        assert device.pid() == pid
        assert device.container.run("sha256sum", SOURCE).stdout == before
        return done.stderr.strip().splitlines()[-1]

    measured(devices.ask(what, check))


@on_each_suite
def test_an_installer_that_is_killed_while_it_switches_leaves_a_gate_that_works(device: Device) -> str:
    runs = device.release()
    upgrade = device.container.begin(*device.installing("better"))
    device.switch_begins()
    device.container.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "entrance-kiosk-upgrade")
    upgrade.communicate(timeout=120)
    assert upgrade.returncode == 1
    device.serves()
    assert device.release() == runs
    device.nothing_is_lost()
    device.journal_is_gone()
    return f"{runs} runs, without a reboot"


@on_each_suite
def test_a_terminal_that_is_closed_while_it_switches_changes_nothing(device: Device) -> str:
    upgrade = device.container.begin(*device.installing("better"))
    device.switch_begins()
    device.container.run("pkill", "-KILL", "-f", "install.sh|release wait")
    upgrade.communicate(timeout=60)
    until("the switch came to its end", lambda: device.release() == version("better"), 60)
    until(
        "no upgrade is under way",
        lambda: device.container.run("systemctl", "is-active", "entrance-kiosk-upgrade", check=False).returncode != 0,
        60,
    )
    device.journal_is_gone()
    assert device.serves() == version("better")
    device.nothing_is_lost()
    return f"{device.release()} runs"


@on_each_suite
def test_the_owner_goes_back_by_one_command(device: Device) -> str:
    device.container.run("kiosk", "release", "return")
    assert device.serves() == version("first")
    unit = device.container.run("systemctl", "show", "kiosk-web", "-p", "Description", "--value").stdout
    assert "0.9.2" not in unit, unit
    device.nothing_is_lost()
    return f"{device.release()} runs, with its own units"


@on_each_suite
def test_a_better_version_takes_over(device: Device) -> str:
    device.note_what_was_acknowledged()
    done = device.install("better")
    assert device.serves() == version("better")
    assert "0.9.2" in device.container.run("systemctl", "show", "kiosk-web", "-p", "Description", "--value").stdout
    device.nothing_is_lost()
    assert device.releases() == {version("first"), version("better")}
    stamps = ("-p", "ActiveExitTimestampMonotonic", "-p", "ActiveEnterTimestampMonotonic")
    shown = device.container.run("systemctl", "show", "kiosk", *stamps).stdout.split()
    left_us, entered_us = (
        int(next(line for line in shown if line.startswith(name)).partition("=")[2]) for name in stamps[1::2]
    )
    size = device.container.run("du", "-sm", f"{PROGRAM}/current/").stdout.split()[0]
    (said,) = (line for line in done.stderr.splitlines() if line.startswith("Done:"))
    return f"{said} The gate was closed for {(entered_us - left_us) / 1e6:.1f} s; a release is {size} MB"


@on_each_suite
def test_the_printed_blocks_of_the_manual_do_what_the_manual_says(device: Device) -> str:
    upgrade = (PROJECT / "docs/how-to/upgrade.md").read_text(encoding="utf-8")
    done = []
    for section in ("Upgrade", "Return", "Security updates of the operating system", "Upgrade"):
        for block in (block for block in shell_blocks(upgrade, section) if "make bundle" not in block):
            text = block.replace("/media/usb/entrance-kiosk-VERSION", device.bundles["better"])
            device.container.run("sh", "-euc", f'sudo() {{ "$@"; }}\n{text}')
            done.append(section)
    assert device.serves() == version("better")
    device.nothing_is_lost()
    return f"{len(done)} blocks"


@on_each_suite
def test_power_cuts_of_an_upgrade_leave_a_version_that_works_and_every_record(device: Device) -> str:
    said = [power_cut(device) for _ in range(device.options.cuts)]
    where = ", ".join(f"{count} {moment}" for moment, count in device.cuts.items())
    return f"{where or 'none'}: {' | '.join(said)}"


@on_each_suite
def test_uninstalling_keeps_the_records(device: Device) -> str:
    device.note_what_was_acknowledged()
    device.container.run("sh", INSTALL_SH, "--uninstall")
    device.nothing_is_lost()
    left = _left_behind(device)
    kept = (
        "/etc/apt/apt.conf.d/", "/etc/chrony/", "/etc/default/", "/etc/entrance-kiosk", "/etc/systemd/system/", "/var/lib/",
        "/opt/entrance-kiosk",
    )  # fmt: skip
    assert [path for path in left if not path.startswith(kept)] == []
    assert device.container.run("systemctl", "is-active", "kiosk", check=False).stdout.strip() == "inactive"
    return f"{device.seen_seq} records are still there"


@on_each_suite
def test_installing_again_goes_on_where_it_was(device: Device) -> str:
    device.install("better")
    assert device.serves() == version("better")
    return f"{device.nothing_is_lost()['last']} records, same epoch"


def _left_behind(device: Device) -> list[str]:
    """Paths with our name, without logs and what the test itself put there."""
    found = device.container.run("find", "/", "-xdev", "-iname", "*kiosk*", "-not", "-path", "/proc/*").stdout
    others = ("/bundles", "/keys", "/run", "/var/log", "/sys", "/var/cache/apt")
    return [path for path in found.splitlines() if not path.startswith(others)]


@on_each_suite
def test_purging_asks_for_the_number_of_undelivered_events_and_then_leaves_nothing(device: Device) -> str:
    device.container.run("systemctl", "stop", "kiosk")
    script = device.container.run("cat", INSTALL_SH).stdout
    device.container.run("sh", "-c", f"cat > /root/install.sh <<'END'\n{script}END")
    refused = device.container.run("sh", "/root/install.sh", "--uninstall", "--purge", check=False)
    assert (refused.returncode, "never delivered" in refused.stderr) == (1, True), refused.stderr
    device.nothing_is_lost()
    device.container.run("sh", "/root/install.sh", "--uninstall", "--purge", "--yes")
    assert _left_behind(device) == []
    assert device.container.run("id", "entrance-kiosk", check=False).returncode == 1
    return refused.stderr.strip().splitlines()[0]
