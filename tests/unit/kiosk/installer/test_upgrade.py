"""From one installed version to the next and back, cut at every step of it."""

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
    assert systemd.asked[0] == "stop"
    assert systemd.asked[-1].startswith("start")
    assert "enable kiosk-news.service" in systemd.asked
    assert not layout.upgrade_journal.exists()


def test_a_version_that_does_not_become_ready_is_taken_back(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    assert not upgrade.switch_release("two", layout, systemd, never)
    assert runs(layout) == "one"
    assert systemd.asked[-1].startswith("start")
    assert not layout.upgrade_journal.exists()
    told = atomic_files.read_json(layout.last_upgrade_file)
    assert told is not None
    assert (told["outcome"], told["reason"]) == ("rolled-back", "not ready: not-running")


def test_the_disk_says_whether_an_upgrade_came_to_its_end(tmp_path: Path) -> None:
    """A unit's exit status may be that of what ran after it: a done upgrade was once reported as one that did not work."""
    layout = installed(tmp_path)
    with pytest.raises(PowerCut):
        upgrade.switch_release("two", layout, FakeSystemd(at=3), ready)
    assert not upgrade.is_committed("two", layout)
    upgrade.recover_from_interruption(layout, FakeSystemd(), reason="interrupted")
    assert not upgrade.is_committed("two", layout)
    upgrade.switch_release("two", layout, FakeSystemd(), ready)
    assert upgrade.is_committed("two", layout)


def test_wherever_an_upgrade_is_cut_the_next_power_on_finds_one_whole_version(tmp_path: Path) -> None:
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
            assert at == len(systemd.asked)
            break
    assert ends == {"one"}


def test_a_recovery_that_is_cut_itself_is_done_again(tmp_path: Path) -> None:
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


def test_at_power_on_nothing_is_stopped_or_started_by_the_recovery(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    with pytest.raises(PowerCut):
        upgrade.switch_release("two", layout, FakeSystemd(at=3), ready)
    systemd = FakeSystemd()
    upgrade.recover_from_interruption(layout, systemd, reason="interrupted", booting=True)
    assert systemd.asked == ["reload"]


def test_without_an_interrupted_upgrade_a_recovery_does_nothing(tmp_path: Path) -> None:
    layout, systemd = installed(tmp_path), FakeSystemd()
    assert upgrade.recover_from_interruption(layout, systemd, reason="interrupted") is None
    assert systemd.asked == []


def test_a_journal_that_is_no_json_is_no_upgrade(tmp_path: Path) -> None:
    """It is written by one rename: half of one was never ours."""
    layout = installed(tmp_path)
    layout.upgrade_journal.write_bytes(b'{"from"')
    assert upgrade.recover_from_interruption(layout, FakeSystemd(), reason="interrupted") is None
    assert not layout.upgrade_journal.exists()
