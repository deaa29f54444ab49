"""The first start of a card: whatever it did before, it still does, and our part is in it once."""

import email
import gzip
import re
import shutil
import subprocess
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.cli.maintenance.boot_partition import (
    FIRST_RUN_LINE,
    FIRST_RUN_SCRIPT,
    PART,
    RUN_COMMAND,
    SCRIPT,
    CardError,
    add_first_run,
    merge_user_data,
    require_boot_partition,
)

STOCK = b"""#cloud-config
# This is the user-data configuration file for cloud-init.
#hostname: raspberrypi
"""
IMAGER = b"""#cloud-config
hostname: cong-1
users:
- name: it
  ssh_authorized_keys: ["ssh-ed25519 AAAA ng\xc6\xb0\xe1\xbb\x9di"]
runcmd:
- [ rfkill, unblock, wifi ]
"""
KNOWN = [
    IMAGER,
    b"#!/bin/sh\necho hello\n",
    b"## template: jinja\n#cloud-config\nhostname: a\n",
    b"#include\nhttp://a/\n",
]
CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=1-02 rootfstype=ext4 fsck.repair=yes rootwait quiet"


def parts(user_data: bytes) -> list[Message]:
    message = email.message_from_bytes(user_data)
    assert message.is_multipart()
    assert b"mime-version:" in user_data[:4096].lower(), "cloud-init looks there"
    return [part for part in message.walk() if not part.is_multipart()]


@pytest.mark.parametrize(
    "stock", [b"", STOCK, b"\xef\xbb\xbf" + STOCK, STOCK.replace(b"\n", b"\r\n"), b"#cloud-config"]
)
def test_a_card_without_settings_gets_a_readable_file_with_one_command(stock: bytes) -> None:
    text = merge_user_data(stock).decode()
    assert text.startswith("#cloud-config")
    assert text.endswith(RUN_COMMAND)
    assert merge_user_data(text.encode()).decode() == text


@pytest.mark.parametrize("settings", [*KNOWN, gzip.compress(IMAGER)])
def test_settings_of_the_owner_stay_as_a_part_of_their_own(settings: bytes) -> None:
    merged = merge_user_data(settings)
    theirs, ours = parts(merged)
    content = gzip.decompress(settings) if settings.startswith(b"\x1f\x8b") else settings
    assert theirs.get_payload(decode=True) == content
    assert (ours.get_filename(), ours.get_content_type()) == (PART, "text/x-shellscript")
    assert ours.get_payload(decode=True) == SCRIPT.encode()
    assert merge_user_data(merged) == merged, "a card may be prepared again"


def test_parts_that_are_there_already_stay_too() -> None:
    first = merge_user_data(IMAGER).replace(PART.encode(), b"something-else")
    again = parts(merge_user_data(first))
    assert [part.get_filename() for part in again] == [None, "something-else", PART]


def merged_or_refused(content: bytes) -> tuple[bytes | None, str]:
    try:
        return merge_user_data(content), ""
    except CardError as error:
        return None, str(error)


@given(st.binary(max_size=200) | st.tuples(st.sampled_from(KNOWN), st.binary(max_size=40)).map(b"".join))
def test_any_user_data_is_kept_whole_or_refused_in_words(content: bytes) -> None:
    merged, refusal = merged_or_refused(content)
    if merged is None:
        assert refusal.startswith("user-data ")
        return
    assert merge_user_data(merged) == merged
    if merged.decode("utf-8", "replace").endswith(RUN_COMMAND):
        return
    *theirs, ours = parts(merged)
    assert ours.get_payload(decode=True) == SCRIPT.encode()
    assert len(theirs) >= 1


@given(st.lists(st.text("abcdefghij=.,-/_0123456789", min_size=1, max_size=20), min_size=1, max_size=8))
def test_the_words_of_the_kernel_stay_in_one_line(words: list[str]) -> None:
    cmdline, script = add_first_run(" ".join(words) + "\n", None)
    assert cmdline.split()[: len(words)] == words
    assert cmdline.count("\n") == 1
    assert (cmdline, script) == add_first_run(cmdline, script), "a card may be prepared again"


def test_the_first_run_takes_itself_away_again(tmp_path: Path) -> None:
    cmdline, script = add_first_run(CMDLINE, None)
    (tmp_path / "cmdline.txt").write_text(cmdline, encoding="ascii")
    (tmp_path / "firstrun.sh").write_text(script, encoding="ascii")
    (tmp_path / "entrance-kiosk").mkdir()
    (tmp_path / "entrance-kiosk/first-boot.sh").write_text(f'echo "$1" > {tmp_path}/called\n', encoding="ascii")
    here = script.replace("/boot/firmware", str(tmp_path))
    subprocess.run(["sh", "-eu", "-c", here], check=True)
    assert (tmp_path / "called").read_text(encoding="ascii") == "--later\n"
    assert (tmp_path / "cmdline.txt").read_text(encoding="ascii").strip() == CMDLINE
    assert not (tmp_path / "firstrun.sh").exists()


def test_the_first_run_of_raspberry_pi_imager_keeps_its_lines() -> None:
    theirs = "#!/bin/bash\n\nset +e\n\nraspi-config nonint do_hostname a\nrm -f /boot/firmware/firstrun.sh\nexit 0\n"
    line = f"{CMDLINE} systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot"
    cmdline, script = add_first_run(line, theirs)
    assert cmdline == line
    assert script.splitlines()[:2] == ["#!/bin/bash", FIRST_RUN_LINE]
    assert [one for one in script.splitlines() if one != FIRST_RUN_LINE] == theirs.splitlines()
    assert add_first_run(cmdline, script) == (cmdline, script)


@pytest.mark.parametrize(
    ("cmdline", "script"),
    [(f"{CMDLINE} systemd.run=/bin/other", None), (f"{CMDLINE} systemd.run=/boot/firstrun.sh", None)],
)
def test_a_first_start_of_something_else_is_refused_in_words(cmdline: str, script: str | None) -> None:
    with pytest.raises(CardError, match="Write the card again"):
        add_first_run(cmdline, script)


def a_partition(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names or ("config.txt", "cmdline.txt", "kernel8.img", "start4.elf"):
        (folder / name).write_text(CMDLINE, encoding="ascii")
    return folder


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["notes.txt"], "no config.txt and no cmdline.txt"),
        (["config.txt", "cmdline.txt"], "no kernel8.img"),
        (["config.txt", "start.elf"], "no cmdline.txt"),
        (["etc", "usr", "config.txt"], "large partition"),
        (["config.txt", "cmdline.txt", "start.elf", "kernel7l.img"], "32-bit"),
    ],
)
def test_a_folder_that_is_no_boot_partition_is_refused_in_words(tmp_path: Path, names: list[str], words: str) -> None:
    with pytest.raises(CardError, match=words):
        require_boot_partition(a_partition(tmp_path / "card", *names))


def test_a_boot_partition_is_accepted_and_a_missing_folder_is_not(tmp_path: Path) -> None:
    require_boot_partition(a_partition(tmp_path / "card"))
    with pytest.raises(CardError, match="Insert the card"):
        require_boot_partition(tmp_path / "nothing")


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="no cloud-init here (Debian package cloud-init)")
@pytest.mark.parametrize("settings", [b"", STOCK, IMAGER])
def test_cloud_init_accepts_the_schema(tmp_path: Path, settings: bytes) -> None:
    merged = merge_user_data(settings)
    content = merged if merged.startswith(b"#cloud-config") else parts(merged)[0].get_payload(decode=True)
    assert isinstance(content, bytes)
    (tmp_path / "user-data").write_bytes(content)
    command = ["cloud-init", "schema", "--config-file", str(tmp_path / "user-data")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Valid schema", done.stdout)


def test_the_script_of_the_first_run_is_one_that_a_shell_reads() -> None:
    subprocess.run(["sh", "-n", "-c", FIRST_RUN_SCRIPT], check=True)
    subprocess.run(["sh", "-n", "-c", SCRIPT], check=True)
