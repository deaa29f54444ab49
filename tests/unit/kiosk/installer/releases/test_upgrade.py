"""Switch of releases and return, with a power cut at every step."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from kiosk.installer.errors import InstallError
from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases import release, upgrade
from kiosk.installer.releases.readiness import Before, Readiness
from kiosk.installer.systemd import DAEMON_UNIT, PURGE_UNIT, WATCHED_UNITS
from kiosk.system import atomic_files
from tests.fakes.parts.installed_device import FakeSystemd, PowerCut, installed, never, ready, runs


def outcome(layout: InstallLayout) -> dict[str, Any]:
    found = atomic_files.read_json(layout.last_upgrade_file)
    assert found is not None
    return found


def test_a_version_that_becomes_ready_is_on_trial(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    assert upgrade.switch_release("2", layout, systemd, ready)
    assert (runs(layout), release.linked_version(layout.previous_link)) == ("2", "1")
    assert systemd.calls[:3] == ["stop", "reload", "start kiosk.service kiosk-web.service kiosk-purge.timer"]
    assert systemd.calls[-1] == "start entrance-kiosk-trial.service"
    assert not layout.upgrade_journal.exists()
    assert outcome(layout)["outcome"] == "on-trial"
    trial = atomic_files.read_json(layout.trial_file)
    assert trial is not None
    assert (trial["release"], trial["back"], trial["good"]) == ("2", "1", False)


def test_a_version_that_does_not_become_ready_is_taken_back_and_rejected_with_its_cause(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    answers = iter([never(Before()), ready(Before())])
    assert not upgrade.switch_release("2", layout, systemd, lambda _: next(answers))
    assert runs(layout) == "1"
    assert "start kiosk.service kiosk-web.service kiosk-purge.timer" in systemd.calls[3:]
    assert not layout.upgrade_journal.exists()
    found = outcome(layout)
    assert (found["outcome"], found["reason"]) == ("rolled-back", "not ready: not-running")
    assert "ModuleNotFoundError" in found["log"][0], "the cause is noted where the docs say"
    assert release.read_history(layout)["rejected"] == {"2": "not ready: not-running"}


def test_the_restored_version_is_looked_at_and_its_failure_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = installed(tmp_path)
    assert not upgrade.switch_release("2", layout, FakeSystemd(), never)
    assert outcome(layout)["outcome"] == "neither-works"
    assert "Neither 2 nor 1 is ready" in capsys.readouterr().err


@pytest.mark.parametrize("enabled", [set(), {"kiosk-web.service"}, set(WATCHED_UNITS)])
def test_what_ran_before_runs_again_also_if_it_does_not_start_at_power_on(tmp_path: Path, enabled: set[str]) -> None:
    for wait in (ready, never):
        layout, systemd = installed(tmp_path / wait.__name__), FakeSystemd()
        systemd.at_power_on = enabled
        upgrade.switch_release("2", layout, systemd, wait)
        assert systemd.units == set(WATCHED_UNITS)


def test_a_kiosk_that_was_stopped_is_not_watched_and_not_started(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    systemd.units, systemd.at_power_on = set(), set()
    assert upgrade.switch_release("2", layout, systemd, never)
    assert (systemd.units, runs(layout)) == (set(), "2")
    assert outcome(layout)["outcome"] == "committed"


def test_the_files_on_disk_decide_whether_a_switch_is_committed(tmp_path: Path) -> None:
    """The exit status of a unit may be that of its ExecStopPost. A committed switch was once reported as failed."""
    layout = installed(tmp_path)
    with pytest.raises(PowerCut):
        upgrade.switch_release("2", layout, FakeSystemd(at=2), ready)
    assert not upgrade.is_committed("2", layout)
    upgrade.recover_from_interruption(layout, FakeSystemd(), reason="interrupted")
    assert not upgrade.is_committed("2", layout)
    upgrade.switch_release("2", layout, FakeSystemd(), ready)
    assert upgrade.is_committed("2", layout)


def test_after_a_power_cut_at_any_step_the_next_power_on_restores_one_version_and_rejects_none(tmp_path: Path) -> None:
    ends = []
    for at in itertools.count():
        layout, systemd = installed(tmp_path / str(at)), FakeSystemd(at=at)
        try:
            upgrade.switch_release("2", layout, systemd, ready)
        except PowerCut:
            upgrade.recover_from_interruption(layout, FakeSystemd(), reason="interrupted", booting=True)
            ends.append(runs(layout))
            assert not layout.upgrade_journal.exists()
            assert release.read_history(layout)["rejected"] == {}
        else:
            assert at == len(systemd.calls)
            break
    # The last call starts the trial, after the switch is committed.
    assert ends == ["1"] * (len(ends) - 1) + ["2"]


def test_an_interrupted_recovery_is_repeated(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    with pytest.raises(PowerCut):
        upgrade.switch_release("2", layout, FakeSystemd(at=2), ready)
    for at in (0, 1):
        with pytest.raises(PowerCut):
            upgrade.recover_from_interruption(layout, FakeSystemd(at=at), reason="interrupted")
        assert layout.upgrade_journal.exists()
    assert upgrade.recover_from_interruption(layout, FakeSystemd(), reason="interrupted") == "1"
    assert runs(layout) == "1"


def test_the_recovery_at_power_on_stops_and_starts_no_units(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    with pytest.raises(PowerCut):
        upgrade.switch_release("2", layout, FakeSystemd(at=2), ready)
    systemd = FakeSystemd()
    upgrade.recover_from_interruption(layout, systemd, reason="interrupted", booting=True)
    assert systemd.calls == ["reload"]


def test_without_an_interrupted_switch_the_recovery_does_nothing(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    assert upgrade.recover_from_interruption(layout, systemd, reason="interrupted") is None
    assert systemd.calls == []


def test_a_journal_that_is_not_json_is_removed(tmp_path: Path) -> None:
    """The journal is written by one rename, so we never write half of it."""
    layout = installed(tmp_path)
    layout.upgrade_journal.write_bytes(b'{"from"')
    assert upgrade.recover_from_interruption(layout, FakeSystemd(), reason="interrupted") is None
    assert not layout.upgrade_journal.exists()


def test_a_release_that_is_not_there_is_not_linked(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    with pytest.raises(InstallError, match="not installed"):
        upgrade.activate_first("3", layout, FakeSystemd())
    assert runs(layout) == "1"


def test_what_was_well_before_is_noted_for_the_new_version(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    checks = [{"code": "camera", "status": "fail"}]
    path = layout.at("/run/entrance-kiosk/status.json")
    path.parent.mkdir(parents=True)
    uplink = {"last_receipt_at": "2026-11-28T06:00:00+07:00"}
    atomic_files.write_json(path, {"state": "out-of-order", "pid": 7, "checks": checks, "uplink": uplink})
    seen: list[Before] = []

    def wait(before: Before) -> Readiness:
        seen.append(before)
        return ready(before)

    upgrade.switch_release("2", layout, systemd, wait)
    assert seen == [Before(frozenset({"camera"}), frozenset({*WATCHED_UNITS, PURGE_UNIT}), receives=True)]
    assert DAEMON_UNIT in seen[0].well
