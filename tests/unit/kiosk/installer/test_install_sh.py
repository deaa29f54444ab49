"""install.sh: its options, whom it trusts, and that it changes nothing before it has asked."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.paths import PROJECT

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    folder = tmp_path / "bộ cài (2)"
    folder.mkdir()
    for path in (tmp_path, folder):
        path.chmod(0o755)
    shutil.copy(PROJECT / "install.sh", folder)
    (folder / "install.sh").chmod(0o755)
    return folder / "install.sh"


def run(script: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", script, *options],
        cwd=script.parent,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_the_help_names_every_option_and_exit_status(script: Path) -> None:
    done = run(script, "--help")
    assert done.returncode == 0
    cases = re.findall(r"(?m)^        ((?:--[a-z-]+(?: \| )?)+)(?: \| -h)?\)", script.read_text(encoding="utf-8"))
    options = {word for case in cases for word in case.split(" | ")} - {"--help"}
    assert options >= {"--fingerprint", "--uninstall", "--renew"}
    assert all(option in done.stdout for option in options)
    assert all(f" {status} " in done.stdout for status in range(5))


@pytest.mark.parametrize(
    "words", [["--uninst"], ["--u"], ["--purge"], ["--nothing"], ["--yes", "--purge"], ["--fingerprin", "x"]]
)
def test_an_unknown_flag_and_purge_without_uninstall_change_nothing(script: Path, words: list[str]) -> None:
    done = run(script, *words)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_a_missing_folder_of_the_gate_ends_in_one_sentence_before_anything_is_installed(script: Path) -> None:
    done = run(script, "--credentials-dir", "/nowhere")
    assert (done.returncode, "Nothing was changed" in done.stderr) == (1, True)
    assert len(done.stderr.splitlines()) == 1


def test_messages_are_in_the_language_of_the_terminal(script: Path) -> None:
    done = run(script, "--credentials-dir", "/nowhere", LANG="vi_VN.UTF-8")
    assert "không phải là thư mục" in done.stderr


def open_script(script: Path) -> Path:
    script.chmod(0o777)
    return script


def open_folder(script: Path) -> Path:
    script.parent.chmod(0o777)
    return script.parent


def open_parent(script: Path) -> Path:
    script.parent.parent.chmod(0o777)
    return script.parent.parent


def script_of_a_group(script: Path) -> Path:
    os.chown(script, -1, 4711)
    script.chmod(0o775)
    return script


@needs_root
@pytest.mark.parametrize("spoil", [open_script, open_folder, open_parent, script_of_a_group])
def test_a_script_that_other_users_can_change_does_nothing(script: Path, spoil: Callable[[Path], Path]) -> None:
    culprit = spoil(script)
    done = run(script, "--yes")
    assert done.returncode == 1
    assert f"Other users can change {culprit}" in done.stderr


@needs_root
@pytest.mark.parametrize("sudo_uid", ["0", "4711"])
def test_a_script_of_another_user_runs_only_for_the_user_of_sudo(script: Path, sudo_uid: str) -> None:
    os.chown(script, 4711, 4711)
    done = run(script, "--yes", SUDO_UID=sudo_uid)
    assert ("Other users can change" in done.stderr) == (sudo_uid != "4711")
    assert done.returncode == 1, "this folder has no packages"


def test_a_sticky_folder_above_may_be_open_to_all(script: Path) -> None:
    script.parent.parent.chmod(0o1777)
    assert "Other users" not in run(script, "--yes").stderr


@needs_root
def test_a_folder_without_packages_is_refused(script: Path) -> None:
    done = run(script, "--yes")
    assert (done.returncode, "is not a folder of make bundle" in done.stderr) == (1, True), done.stderr


def in_system(script: Path, architecture: str, suite: str) -> subprocess.CompletedProcess[str]:
    """As on a system of that architecture and suite."""
    text = script.read_text(encoding="utf-8")
    text = text.replace("$(dpkg --print-architecture)", architecture).replace("$(suite)", suite)
    script.write_text(text, encoding="utf-8")
    return run(script, "--yes")


@needs_root
@pytest.mark.parametrize(
    ("architecture", "suite", "said"),
    [
        ("armhf", "bookworm", "This is the 32-bit system"),
        ("i386", "trixie", "This is the 32-bit system"),
        ("riscv64", "trixie", "riscv64 is not supported"),
        ("arm64", "bullseye", "Bookworm or Trixie"),
        ("arm64", "trixie", "is not a folder of make bundle"),
    ],
)
def test_a_system_that_does_not_fit_is_told_so_before_anything_is_changed(
    script: Path, architecture: str, suite: str, said: str
) -> None:
    done = in_system(script, architecture, suite)
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr


def test_every_call_of_apt_waits_for_other_programs_that_install() -> None:
    """At the first start of a board the daily jobs of apt hold the lock."""
    lines = (PROJECT / "install.sh").read_text(encoding="utf-8").splitlines()
    calls = [
        line for line in lines if re.search(r"\bapt-get\b(?! check)", line) and "say" not in line and "fail" not in line
    ]
    assert len(calls) == 1, calls
    assert calls[0].startswith("apt_get() {")
    assert "DPkg::Lock::Timeout=" in calls[0]
