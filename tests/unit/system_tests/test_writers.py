"""Block writes of an emulated machine are mapped to the files that they belong to."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.system.pi import writers
from tests.system.pi.writers import BLOCK_BYTES, Card, Write

TRACE = """\
blk_co_pwritev blk 0x557e95127730 bs 0x557e95121410 offset 0 bytes 65536 flags 0x0
something else
blk_co_pwritev blk 0x557e951101c0 bs 0x557e95130780 offset 1074513408 bytes 512 flags 0x0
"""


class ThisMachine:
    """A shell on this machine. The card is a file here. Only `changed` (inode, path) was changed."""

    def __init__(self, changed: tuple[int, str]) -> None:
        self._changed = changed

    def run(self, command: str, timeout_s: float = 60.0) -> str:
        if command.startswith("find "):
            return f"{self._changed[0]} {self._changed[1]}"
        return subprocess.run(
            ["sh", "-c", f"PATH=$PATH:/sbin; {command}"], capture_output=True, text=True, check=True, timeout=timeout_s
        ).stdout


def test_the_trace_of_the_emulator_is_parsed() -> None:
    assert writers.traced(TRACE) == [Write(0, 65536), Write(1074513408, 512)]


@pytest.mark.skipif(shutil.which("mke2fs", path="/sbin:/usr/sbin:/usr/bin") is None, reason="no mke2fs here")
def test_a_write_gets_the_name_of_its_file_of_the_journal_or_of_the_changed_inode(tmp_path: Path) -> None:
    content, image = tmp_path / "content", tmp_path / "card.img"
    (content / "var").mkdir(parents=True)
    (content / "var/clock").write_bytes(b"x" * 3 * BLOCK_BYTES)
    make = ["/sbin/mke2fs", "-q", "-t", "ext4", "-I", "256", "-b", "4096", "-J", "size=4", "-d", str(content)]
    subprocess.run([*make, str(image), "32M"], check=True, capture_output=True)
    shell = ThisMachine((0, ""))
    inode = int(shell.run(f"debugfs -R 'stat /var/clock' {image}").split()[1])
    data = int(shell.run(f"debugfs -R 'blocks /var/clock' {image}").split()[1])
    journal = int(shell.run(f"debugfs -R 'blocks <8>' {image}").split()[5])
    place = shell.run(f"debugfs -R 'imap /var/clock' {image}")
    entry = re.search(r"block (\d+)", place)
    assert entry
    card = Card(image=image, trace=tmp_path / "trace", device=str(image))
    blocks = {data: 1024, journal: 4096, int(entry[1]): 512, 0: 2048}
    writes = [Write(block * BLOCK_BYTES, size) for block, size in blocks.items()]
    found = card.named(writes, ThisMachine((inode, "/var/clock")))
    assert found == {
        "/var/clock": 1024,
        "the file system's journal": 4096,
        "times and sizes of /var/clock": 512,
        "superblock and groups": 2048,
    }
    assert writers.listed(found).startswith("the file system's journal 4096; superblock and groups 2048; ")
    assert writers.total_bytes(writes) == found.total()


def test_an_empty_list_of_writes_is_nothing() -> None:
    assert writers.listed(Counter()) == "nothing"
