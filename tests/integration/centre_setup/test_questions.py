"""The five questions of `kiosk centre init`, answered at a terminal."""

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PROJECT

pytestmark = pytest.mark.timeout(300)
ANSWERS = (
    ("Name of the city or ward", "Phường Vỹ Dạ"),
    ("Names and addresses of this machine", "centre.hue.example 10.0.0.5"),
    ("Database", ""),
    ("Name of the person who administers", "Lê Văn Tám"),
    ("Folder for the offline keys", "{folder}/keys"),
    ("Password of the offline keys", "mot-mat-khau-dai"),
    ("Repeat for confirmation", "mot-mat-khau-dai"),
)


def talk(folder: Path) -> tuple[int, str]:
    """Answer each question when it is asked. Returns the exit status and all that was on the screen."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "kiosk.cli", "centre", "init", "--no-release-key", "--root", str(folder / "root")]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "LANG": "C.UTF-8"}
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, start_new_session=True, env=environment, cwd=folder
    )
    os.close(follower)
    screen = b""
    waiting = list(ANSWERS)
    seen = 0
    while select.select([leader], [], [], 120)[0]:
        try:
            screen += os.read(leader, 4096)
        except OSError:  # the other end was closed (pty(7))
            break
        while waiting and (at := screen.find(waiting[0][0].encode(), seen)) >= 0 and b":" in screen[at:]:
            seen = at + len(waiting[0][0])
            answer = waiting.pop(0)[1].format(folder=folder)
            os.write(leader, f"{answer}\n".encode())
    os.close(leader)
    return process.wait(60), screen.decode("utf-8", "replace")


def test_a_person_at_a_terminal_answers_five_questions_and_a_password_that_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    status, screen = talk(tmp_path)
    assert status == 0, screen
    assert "First account: le-van-tam" in screen
    assert "mot-mat-khau-dai" not in screen
    config = (tmp_path / "root/etc/entrance-centre/centre.toml").read_text(encoding="utf-8")
    assert 'allowed_host = ["centre.hue.example", "10.0.0.5"]' in config
    assert "centre.db" in config
