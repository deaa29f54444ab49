"""What a person sees who types `kiosk release` and `kiosk setup`."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.installer import __main__ as command_line
from kiosk.installer import commands
from kiosk.installer.errors import InstallError
from kiosk.installer.releases import release, upgrade
from kiosk.system import atomic_files
from tests.fakes.parts.installed_device import FakeSystemd, installed, ready
from tests.paths import PROJECT

ASK = "from kiosk.installer import commands; print('answer', commands.ask_on_terminal('site'))"


def typed(text: str) -> str:
    """What a program says on a terminal on which a person types."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "LANG": "C.UTF-8"}
    with subprocess.Popen(
        [sys.executable, "-c", ASK], stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=PROJECT,
        env=environment, text=True,
    ) as process:  # fmt: skip
        os.write(leader, text.encode())
        said, _ = process.communicate(timeout=60)
    os.close(leader)
    os.close(follower)
    return said


def test_a_wrong_answer_is_asked_again() -> None:
    said = typed("Chợ Đông Ba\n\ncho-dong-ba\n")
    assert said.count("Short name of the site") == 3
    assert said.endswith("answer cho-dong-ba\n")


def test_a_closed_terminal_ends_the_question_in_one_sentence() -> None:
    assert "The site is missing" in typed("\x04")


def test_ctrl_c_says_that_the_switch_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert command_line.ended(interrupted) == 130
    assert "goes on" in capsys.readouterr().err


def test_a_refusal_is_one_sentence_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    def refused() -> int:
        raise InstallError("no-previous-version")

    assert command_line.ended(refused) == 1
    assert capsys.readouterr().err == "kiosk: There is no previous version.\n"


OUTCOMES: dict[str, tuple[str, str, int, str]] = {
    "on-trial": ("2", "ready after 2 s", 0, "Done: ready after 2 s"),
    "rolled-back": ("1", "not ready: not-running", 1, "Release 1 is in force"),
    "refused": ("1", "too old", 1, "too old"),
    "neither-works": ("1", "1: not-running", 4, "release 1 is not ready either"),
}
"""Outcome -> running release, reason, exit status, part of the sentence."""


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_end_of_a_switch_has_its_status_and_its_sentence(
    tmp_path: Path, outcome: str, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = installed(tmp_path)
    runs, reason, status, said = OUTCOMES[outcome]
    upgrade.activate_first(runs, layout, FakeSystemd())
    atomic_files.write_json(layout.last_upgrade_file, {"outcome": outcome, "reason": reason})
    assert commands.tell_outcome("2", None, layout) == status
    assert said in capsys.readouterr().err


def test_a_switch_that_left_no_outcome_was_interrupted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = installed(tmp_path)
    assert commands.tell_outcome("2", None, layout) == 1
    assert "it was interrupted" in capsys.readouterr().err


def test_return_goes_to_the_last_good_release_where_the_one_before_is_gone(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    with pytest.raises(InstallError, match="no previous version"):
        commands.return_to_previous(layout)
    upgrade.switch_release("2", layout, FakeSystemd(), ready)
    assert commands.version_to_return_to(layout) == "1"
    layout.previous_link.unlink()
    release.update_history(layout, good="1")
    assert commands.version_to_return_to(layout) == "1"


def test_the_list_says_what_is_known_of_each_release(tmp_path: Path) -> None:
    layout = installed(tmp_path)
    upgrade.switch_release("2", layout, FakeSystemd(), ready)
    release.reject("3", "not ready", layout)
    lines = commands.release_lines({"1", "2", "3"}, layout)
    assert lines == ["1  the one before", "2  running, on trial for 30 more minutes", "3  rejected: not ready"]
