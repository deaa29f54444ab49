"""Upgrade and rollback, with a power cut at every step."""

import itertools
from pathlib import Path

import pytest

from kiosk.installer import release, upgrade
from kiosk.system import atomic_files
from tests.fakes.parts.installed_device import FakeSystemd, PowerCut, installed, never, ready, runs


def test_a_version_that_becomes_ready_runs_with_its_own_units(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    assert upgrade.switch_release("two", layout, systemd, ready)
    assert (runs(layout), release.linked_release_name(layout.previous_link)) == ("two", "one")
    assert systemd.calls[0] == "stop"
    assert systemd.calls[-1].startswith("start")
    assert "enable kiosk-news.service" in systemd.calls
    assert not layout.upgrade_journal.exists()


def test_a_version_that_does_not_become_ready_is_rolled_back(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    assert not upgrade.switch_release("two", layout, systemd, never)
    assert runs(layout) == "one"
    assert systemd.calls[-1].startswith("start")
    assert not layout.upgrade_journal.exists()
    outcome = atomic_files.read_json(layout.last_upgrade_file)
    assert outcome is not None
    assert (outcome["outcome"], outcome["reason"]) == ("rolled-back", "not ready: not-running")


def test_the_files_on_disk_decide_whether_an_upgrade_is_committed(tmp_path: Path) -> None:
    """The exit status of a unit may be that of its ExecStopPost. A committed upgrade was once reported as failed."""
    layout = installed(tmp_path)
    with pytest.raises(PowerCut):
        upgrade.switch_release("two", layout, FakeSystemd(at=3), ready)
    assert not upgrade.is_committed("two", layout)
    upgrade.recover_from_interruption(layout, FakeSystemd(), reason="interrupted")
    assert not upgrade.is_committed("two", layout)
    upgrade.switch_release("two", layout, FakeSystemd(), ready)
    assert upgrade.is_committed("two", layout)


def test_after_a_power_cut_at_any_step_the_next_power_on_restores_one_complete_version(tmp_path: Path) -> None:
    ends = set()
    for at in itertools.count():
        layout, systemd = installed(tmp_path / str(at)), FakeSystemd(at=at)
        try:
            upgrade.switch_release("two", layout, systemd, ready)
        except PowerCut:
            upgrade.recover_from_interruption(layout, FakeSystemd(), reason="interrupted", booting=True)
            ends.add(runs(layout))
            assert not layout.upgrade_journal.exists()
        else:
            assert at == len(systemd.calls)
            break
    assert ends == {"one"}


def test_an_interrupted_recovery_is_repeated(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    with pytest.raises(PowerCut):
        upgrade.switch_release("two", layout, FakeSystemd(at=3), ready)
    for at in (0, 1):
        with pytest.raises(PowerCut):
            upgrade.recover_from_interruption(layout, FakeSystemd(at=at), reason="interrupted")
        assert layout.upgrade_journal.exists()
    systemd = FakeSystemd()
    assert upgrade.recover_from_interruption(layout, systemd, reason="interrupted") == "one"
    assert runs(layout) == "one"


def test_the_recovery_at_power_on_stops_and_starts_no_units(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    with pytest.raises(PowerCut):
        upgrade.switch_release("two", layout, FakeSystemd(at=3), ready)
    systemd = FakeSystemd()
    upgrade.recover_from_interruption(layout, systemd, reason="interrupted", booting=True)
    assert systemd.calls == ["reload"]


def test_without_an_interrupted_upgrade_the_recovery_does_nothing(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    assert upgrade.recover_from_interruption(layout, systemd, reason="interrupted") is None
    assert systemd.calls == []


def test_a_journal_that_is_not_json_is_removed(tmp_path: Path) -> None:
    """The journal is written by one rename, so we never write half of it."""
    layout = installed(tmp_path)
    layout.upgrade_journal.write_bytes(b'{"from"')
    assert upgrade.recover_from_interruption(layout, FakeSystemd(), reason="interrupted") is None
    assert not layout.upgrade_journal.exists()
