"""What the installer notes about releases reaches status and pages, until a person has read it. No file can stop the daemon."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.health.os_updates import OsUpdates, read_os_updates
from kiosk.health.release_notice import ReleaseNotice, ReleaseNotices
from kiosk.installer import background
from kiosk.installer.errors import InstallError
from kiosk.installer.layout import InstallLayout
from kiosk.installer.releases import trial, upgrade
from kiosk.installer.releases.readiness import Before, Readiness
from tests.fakes.parts.installed_device import FakePackages, FakeSystemd, installed, never, ready

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
FIELDS = ("kind", "failed", "runs", "reason", "good", "trial_s", "elapsed_s", "succeeded_at_s", "pending", "error")


def taken_back(tmp_path: Path) -> ReleaseNotices:
    """A device whose release 2 was not ready, so that release 1 runs again."""
    layout, answers = installed(tmp_path), iter([never, ready])

    def wait(before: Before) -> Readiness:
        return next(answers)(before)

    assert not upgrade.switch_release("2", layout, FakeSystemd(), wait)
    return ReleaseNotices(layout.program_dir, tmp_path / "acknowledged.json")


def test_a_release_that_was_taken_back_is_named_with_the_one_that_runs_and_the_reason(tmp_path: Path) -> None:
    assert taken_back(tmp_path).read() == ReleaseNotice("returned", "2 -> 1: not ready: not-running")


def test_it_is_shown_until_an_administrator_acknowledges_it_and_the_next_one_is_shown_again(tmp_path: Path) -> None:
    notices = taken_back(tmp_path)
    assert notices.acknowledge()
    assert notices.read() == ReleaseNotice("")
    layout = installed(tmp_path / "other")
    upgrade.note_for_people("returned", "3", "1", "3 restarts", layout)
    layout.notice_file.replace(tmp_path / "opt/entrance-kiosk/notice.json")
    assert notices.read().detail == "3 -> 1: 3 restarts"


def test_it_is_shown_while_the_next_release_is_on_trial_and_no_longer_once_that_one_is_good(tmp_path: Path) -> None:
    notices, layout = taken_back(tmp_path), InstallLayout(tmp_path)
    systemd, now_s = FakeSystemd(), 0.0
    assert upgrade.switch_release("2", layout, systemd, ready)
    assert notices.read().kind == "returned"
    shown: list[tuple[str | None, float | None]] = []

    def pause(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds
        layout.at("/run/entrance-kiosk").mkdir(parents=True, exist_ok=True)
        status = {"state": "ready", "pid": 7, "checks": []}
        layout.at("/run/entrance-kiosk/status.json").write_text(json.dumps(status), encoding="utf-8")
        found = notices.read()
        shown.append((found.kind, found.trial_remaining_s))

    trial.watch(layout, systemd, FakePackages(layout), ready, clock=lambda: now_s, pause=pause, trial_s=120.0)
    assert shown[0] == ("returned", 120.0)
    assert ("returned", 60.0) in shown, "the rest is noted once a minute"
    assert shown[-1] == ("", None)


def test_neither_release_works_is_said_as_that(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    upgrade.switch_release("2", layout, FakeSystemd(), never)
    found = ReleaseNotices(layout.program_dir, tmp_path / "acknowledged.json").read()
    assert (found.kind, found.detail) == ("neither-works", "2 -> 1: not ready: not-running; 1: not-running")


def test_a_power_cut_in_the_switch_is_a_return_too(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    layout.upgrade_journal.write_text('{"from": "1", "to": "2", "start": []}', encoding="utf-8")
    upgrade.recover_from_interruption(layout, FakeSystemd(), reason="interrupted", booting=True)
    found = ReleaseNotices(layout.program_dir, tmp_path / "acknowledged.json").read()
    assert found.detail == "2 -> 1: interrupted"


def test_without_packages_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert ReleaseNotices(tmp_path / "nothing", tmp_path / "acknowledged.json").read() == ReleaseNotice()
    assert read_os_updates(tmp_path / "nothing", tmp_path / "mark") == OsUpdates()


@given(
    st.binary(max_size=60) | st.dictionaries(st.sampled_from(FIELDS), JSON).map(lambda one: json.dumps(one).encode())
)
def test_no_content_of_the_files_stops_the_daemon(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "notes"
    folder.mkdir(exist_ok=True)
    for name in ("notice.json", "trial.json", "acknowledged.json", "state.json"):
        (folder / name).write_bytes(content)
    found = ReleaseNotices(folder, folder / "acknowledged.json").read()
    assert found.kind == ""
    assert found.trial_remaining_s is None or found.trial_remaining_s >= 0
    assert read_os_updates(folder / "state.json", folder / "mark").pending >= 0


def test_a_release_that_is_refused_without_a_person_is_noted(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    (layout.tool_dir).mkdir(parents=True)
    (layout.tool_dir / "release").write_text("2\n", encoding="ascii")
    background.note_refusal(layout, None, InstallError("no-previous-version"))
    found = ReleaseNotices(layout.program_dir, tmp_path / "acknowledged.json").read()
    assert (found.kind, found.detail) == ("refused", "2 -> 1: There is no previous version.")
