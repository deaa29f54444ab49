"""Settings that reduce writes to the SD card while the kiosk is idle: known units, known settings, a reason for each."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import PROJECT

FOLDER = PROJECT / "firmware_config/idle-writes"
SETTINGS = {
    "timesyncd.conf": {"SaveIntervalSec"},
    "man-db.timer.conf": {"ConditionPathExists"},
    "apt-daily.timer.conf": {"ConditionPathExists"},
    "apt-daily-upgrade.timer.conf": {"ConditionPathExists"},
}


def lines_of(name: str) -> list[str]:
    return (FOLDER / name).read_text(encoding="utf-8").splitlines()


def targets() -> dict[str, str]:
    """Name of a file -> its path on the device."""
    text = (PROJECT / "debian_packages/entrance-kiosk-appliance/install").read_text(encoding="utf-8")
    pairs = (line.split() for line in text.splitlines() if "/idle-writes/" in line)
    return {Path(source).name: f"/{target}" for source, target in pairs}


def test_each_file_is_installed_and_names_its_path() -> None:
    assert set(targets()) == {path.name for path in FOLDER.iterdir()} == set(SETTINGS)
    for name, target in targets().items():
        assert lines_of(name)[0].startswith(f"# {target}. Source: "), name


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_known_and_has_its_reason_above_it(name: str) -> None:
    lines = lines_of(name)
    found = {line.partition("=")[0]: lines[number - 1] for number, line in enumerate(lines) if line[0] not in "#["}
    assert set(found) == SETTINGS[name]
    assert all(before.startswith("# ") for before in found.values())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "timesyncd.conf"])
def test_systemd_accepts_each_drop_in(tmp_path: Path, name: str) -> None:
    unit = name.removesuffix(".conf")
    folder = tmp_path / "etc/systemd/system"
    (folder / f"{unit}.d").mkdir(parents=True)
    (folder / unit).write_text("[Timer]\nOnCalendar=daily\n")
    (folder / unit).with_suffix(".service").write_text("[Service]\nExecStart=/bin/program\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/program").write_text("#!/bin/sh\n")
    (tmp_path / "bin/program").chmod(0o755)
    shutil.copy(FOLDER / name, folder / f"{unit}.d/entrance-kiosk.conf")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={tmp_path}", f"/etc/systemd/system/{unit}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert [line for line in (done.stdout + done.stderr).splitlines() if "entrance-kiosk.conf" in line] == []


def test_after_no_answer_at_power_on_the_time_server_is_asked_again_soon() -> None:
    """If no server answers, timesyncd waits for its smallest poll interval. With 512 s this took too long."""
    assert not any(line.startswith("PollInterval") for line in lines_of("timesyncd.conf"))


def test_the_jobs_of_apt_that_work_at_any_hour_are_off_where_our_own_timer_is() -> None:
    units = (PROJECT / "debian_packages/entrance-kiosk-appliance/install").read_text(encoding="utf-8")
    (timer,) = [path for path in units.split() if path.startswith("usr/") and path.endswith("os-updates.timer")]
    for name in ("apt-daily.timer.conf", "apt-daily-upgrade.timer.conf"):
        assert f"ConditionPathExists=!/{timer}" in lines_of(name)
