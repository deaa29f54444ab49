"""Security updates of the operating system: never while the gate is open, only security, and their state is known."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.cli.maintenance.os_updates import (
    QUIET_FOR,
    UPDATES_FIELD,
    Finished,
    Machine,
    install_updates,
    is_quiet,
    reason_to_wait,
)
from kiosk.core.rules import OpeningHours
from kiosk.health.os_updates import read_os_updates
from kiosk.installer.bundle import repository
from kiosk.installer.bundle.suites import names_in_index
from tests.paths import PROJECT

APT_CONF = PROJECT / "firmware_config/os-updates/52entrance-kiosk"
MONDAY = datetime(2026, 11, 30)  # noqa: DTZ001  local time
OFFICE = (OpeningHours.parse("mon-fri 07:30-17:00"), OpeningHours.parse("sat 08:00-12:00"))
SIMULATED = """\
NOTE: This is only a simulation!
Inst libssl3 [3.0.15-1] (3.0.17-1 Debian-Security:12/oldstable-security [arm64])
Inst libc6 [2.36-9] (2.36-10 Debian:12.12/oldstable, Debian-Security:12/oldstable-security [arm64])
Inst vim [2:9.0.1] (2:9.0.2 Debian:12.12/oldstable [arm64])
Inst curl [7.88.1-10] (7.88.1-11 entrance-kiosk:bookworm [arm64])
Inst entrance-kiosk [0.9.1] (0.9.2 entrance-kiosk:bookworm [all])
Conf libssl3 (3.0.17-1 Debian-Security:12/oldstable-security [arm64])
"""


@pytest.mark.parametrize(
    ("hours", "day_and_time", "quiet"),
    [
        ((), "mon 01:59", False),
        ((), "mon 02:00", True),
        ((), "sun 04:59", True),
        ((), "sun 05:00", False),
        (OFFICE, "mon 03:00", True),
        (OFFICE, "mon 05:00", False),  # opens in less than three hours
        (OFFICE, "mon 12:00", False),
        (OFFICE, "mon 17:00", True),
        (OFFICE, "sun 12:00", True),
        ((OpeningHours.parse("mon-sun 22:00-04:00"),), "tue 03:00", False),
        ((OpeningHours.parse("mon-sun 22:00-04:00"),), "tue 05:00", True),
        ((OpeningHours.parse("mon-sun 00:00-24:00"),), "tue 03:00", False),
    ],
)
def test_updates_come_only_while_the_gate_is_closed_and_stays_closed(
    hours: tuple[OpeningHours, ...], day_and_time: str, quiet: bool
) -> None:
    day, time = day_and_time.split()
    hour, minute = map(int, time.split(":"))
    number = ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(day)
    local = MONDAY + timedelta(days=number, hours=hour, minutes=minute)
    assert is_quiet(local, hours) is quiet
    assert (reason_to_wait(local, hours, clock_is_set=True) is None) is quiet
    assert reason_to_wait(local, hours, clock_is_set=False) is not None


@given(
    st.lists(
        st.tuples(st.sets(st.integers(0, 6), min_size=1), st.integers(0, 1440), st.integers(0, 1440)),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 7 * 1440),
)
def test_no_minute_of_a_run_is_in_opening_hours(drawn: list[tuple[set[int], int, int]], at_min: int) -> None:
    hours = [OpeningHours(frozenset(days), start, end) for days, start, end in drawn]
    local = MONDAY + timedelta(minutes=at_min)
    if is_quiet(local, hours):
        quarters = range(0, int(QUIET_FOR.total_seconds() / 60) + 1, 15)
        assert not any(each.contains(local + timedelta(minutes=later)) for each in hours for later in quarters)


class Programs:
    """Fake programs: what each of them answers, and what was run."""

    def __init__(self, folder: Path, answers: dict[str, Finished] | None = None, *, installs: bool = False) -> None:
        self.ran: list[str] = []
        self._answers = answers or {}
        self._installs = installs
        self.machine = Machine(
            self.run, folder / "state.json", folder / "reboot-required", folder / "status", folder / "packages"
        )
        self.machine.package_status.touch()

    def run(self, command: Sequence[str]) -> Finished:
        text = " ".join(command)
        self.ran.append(text)
        if text == "unattended-upgrade" and self._installs:
            self.machine.package_status.write_text("Package: new\n", encoding="ascii")
        return next((answer for part, answer in self._answers.items() if part in text), Finished(0, ""))

    def install(self, *, may_restart: bool = True) -> list[str]:
        said: list[str] = []
        install_updates(self.machine, lambda line: said.append(str(line)), may_restart=may_restart)
        return said


def test_a_run_notes_its_success_and_what_still_waits(tmp_path: Path) -> None:
    programs = Programs(tmp_path, {"-s upgrade": Finished(0, SIMULATED)})
    said = programs.install()
    found = read_os_updates(tmp_path / "state.json", tmp_path / "reboot-required")
    assert (found.pending, found.error, found.restart_needed) == (3, "", False)
    assert found.succeeded_at_s is not None
    assert "3 security updates wait" in said[-1]
    assert programs.ran[0] == "dpkg --configure -a", "a power cut may have ended the last run"
    assert not any("systemctl" in one for one in programs.ran), "nothing was installed, so nothing restarts"


def test_without_a_network_the_last_success_stays_and_updates_of_a_stick_are_installed(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"succeeded_at_s": 1000.0}', encoding="ascii")
    programs = Programs(tmp_path, {"update": Finished(100, "Err:1\nE: Could not resolve 'deb.debian.org'\n")})
    assert "Could not resolve" in programs.install()[0]
    assert "unattended-upgrade" in programs.ran
    found = read_os_updates(tmp_path / "state.json", tmp_path / "reboot-required")
    assert (found.succeeded_at_s, found.error) == (1000.0, "")


@pytest.mark.parametrize(("field", "known"), [("Entrance-Security-Updates: yes\n", True), ("", False)])
def test_a_stick_with_security_updates_is_as_good_as_a_network_up_to_its_date(
    tmp_path: Path, field: str, known: bool
) -> None:
    index = tmp_path / "packages/dists/bookworm/InRelease"
    index.parent.mkdir(parents=True)
    index.write_text(
        f"Hash: SHA512\n\n{field}Origin: entrance-kiosk\nDate: Sat, 28 Nov 2026 04:00:00 GMT\n", encoding="ascii"
    )
    programs = Programs(tmp_path, {" update": Finished(100, "Err:1\n")})
    programs.install()
    found = read_os_updates(tmp_path / "state.json", tmp_path / "reboot-required")
    assert found.succeeded_at_s == (datetime(2026, 11, 28, 4, tzinfo=UTC).timestamp() if known else None)


def test_the_builder_and_the_board_name_the_field_alike() -> None:
    assert UPDATES_FIELD == repository.UPDATES_FIELD


def test_only_packages_that_a_board_has_are_fetched_as_updates() -> None:
    index = "Package: libssl3\nVersion: 1\n\nPackage: chromium\nVersion: 2\n\nPackage: libc6\nVersion: 3\n"
    assert names_in_index(index, ["libc6", "libssl3", "libzbar0"]) == ["libc6", "libssl3"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Finished(1, "...\nAn error occurred: dpkg\n"), "An error occurred: dpkg"),
        (
            Finished(127, "unattended-upgrade: No such file or directory"),
            "unattended-upgrade: No such file or directory",
        ),
        (Finished(2, ""), "status 2"),
        (Finished(1, "x" * 5000), "x" * 200),
    ],
)
def test_a_failure_is_noted_with_its_cause_and_is_no_success(tmp_path: Path, answer: Finished, error: str) -> None:
    (tmp_path / "state.json").write_text('{"succeeded_at_s": 1000.0}', encoding="ascii")
    Programs(tmp_path, {"unattended-upgrade": answer}).install()
    found = read_os_updates(tmp_path / "state.json", tmp_path / "reboot-required")
    assert (found.succeeded_at_s, found.error) == (1000.0, error)
    Programs(tmp_path).install()
    assert read_os_updates(tmp_path / "state.json", tmp_path / "reboot-required").error == "", "the next one was well"


def test_the_kiosk_uses_new_libraries_at_once(tmp_path: Path) -> None:
    programs = Programs(tmp_path, installs=True)
    programs.install()
    assert programs.ran[-1] == "systemctl try-restart kiosk.service kiosk-web.service"


@pytest.mark.parametrize(
    ("setting", "restarts"), [("restart='true'\n", True), ("", True), ("restart='false'\n", False)]
)
def test_the_board_restarts_if_an_update_needs_it_and_the_owner_allows_it(
    tmp_path: Path, setting: str, restarts: bool
) -> None:
    programs = Programs(tmp_path, {"apt-config": Finished(0, setting)}, installs=True)
    programs.machine.restart_mark.touch()
    said = programs.install()
    assert ("systemctl reboot" in programs.ran) is restarts
    assert ("systemctl try-restart kiosk.service kiosk-web.service" in programs.ran) is not restarts
    assert any("a restart of the board is needed" in line for line in said)


@pytest.mark.skipif(shutil.which("apt-config") is None, reason="no apt here")
def test_apt_reads_our_settings_as_security_only_without_our_own_packages() -> None:
    debians = 'Unattended-Upgrade::Origins-Pattern { "origin=Debian,codename=${distro_codename},label=Debian"; };\n'
    command = ["apt-config", "-c", "/dev/stdin", "dump", "--format", "%f=%v%n"]
    text = debians + APT_CONF.read_text(encoding="utf-8")
    done = subprocess.run(command, input=text, check=True, capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines() if "nattended-Upgrade" in line or "Periodic" in line]
    origins = [line.partition("=")[2] for line in found if "Origins-Pattern::" in line]
    assert origins == [
        "origin=Debian,codename=${distro_codename}-security,label=Debian-Security",
        "origin=entrance-kiosk,codename=${distro_codename}",
    ]
    assert "Unattended-Upgrade::Package-Blacklist::=^entrance-" in found
    assert not any(line.startswith("APT::Periodic") for line in found), "it would stay off after the package is removed"
    kept = subprocess.run(
        ["apt-config", "-c", "/dev/stdin", "shell", "restart", "EntranceKiosk::OsUpdates::Restart/b"],
        input=text, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert kept.stdout == "restart='true'\n"


def test_the_state_in_the_package_is_one_that_the_daemon_reads(tmp_path: Path) -> None:
    """The maintainer script writes it at the installation, so that the age counts from then."""
    script = (PROJECT / "debian_packages/entrance-kiosk-appliance/postinst").read_text(encoding="utf-8")
    (line,) = [line.strip() for line in script.splitlines() if "succeeded_at_s" in line]
    subprocess.run(["sh", "-c", f"state={tmp_path / 'state.json'}; {line}"], check=True)
    assert isinstance(json.loads((tmp_path / "state.json").read_bytes())["succeeded_at_s"], int)
    assert read_os_updates(tmp_path / "state.json", tmp_path / "mark").succeeded_at_s is not None


def test_an_update_by_hand_while_the_gate_is_open_restarts_programs_and_not_the_board(tmp_path: Path) -> None:
    programs = Programs(tmp_path, installs=True)
    programs.machine.restart_mark.write_text("", encoding="ascii")
    said = programs.install(may_restart=False)
    assert "has to restart when the gate is closed" in said[-1]
    assert not any("reboot" in one for one in programs.ran)
    assert any("try-restart" in one for one in programs.ran)
