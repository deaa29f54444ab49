"""Who wrote to an emulated card: the writes that QEMU's trace counts outside, named by the file system that they went to."""

import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

BLOCK_BYTES = 4096
MARK = "/run/writes-began"
"""A file in memory whose time is when the naming of writes began."""
_WRITE = re.compile(r"^blk_co_pwritev .* offset (\d+) bytes (\d+) ", re.MULTILINE)
_TABLE = re.compile(r"Inode table at (\d+)-(\d+)")
_MAPS = re.compile(r"(?:Block|Inode) bitmap at (\d+)")
_INODE_BYTES = 256
OWN_INODES = {7: "descriptors for growing", 8: "the file system's journal"}
FIRST_FILE = 11
"""Inodes below belong to the file system itself (kernel.org, ext4: special inodes)."""
WORST = 12
NEAR = 2


class Shell(Protocol):
    """Runs commands where the card is."""

    def run(self, command: str, timeout_s: float = 60.0) -> str:
        """What it printed. Raises where it fails."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write that reached the card."""

    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Card:
    """A card with one ext4 file system over the whole of it.

    `trace`: where QEMU writes `blk_co_pwritev` lines; `device`: the card's name in the guest.
    """

    image: Path
    trace: Path
    device: str

    def writes(self, shell: Shell) -> list[Write]:
        """Every write since power-on; what the guest counts must all be among them."""
        name = Path(self.device).name
        inside = int(shell.run(f"/bin/busybox awk '$3 == \"{name}\" {{print $10}}' /proc/diskstats")) * 512
        found = traced(self.trace.read_text(encoding="ascii"))
        total = total_bytes(found)
        assert total >= 0.95 * inside, (total, inside)
        return found

    def mark(self, shell: Shell) -> None:
        """From now on `named` finds what changed."""
        shell.run(f"touch {MARK}")

    def named(self, writes: list[Write], shell: Shell) -> Counter[str]:
        """Bytes by what was written: a file, the journal, or which files' entries in the table of inodes."""
        sizes: Counter[int] = Counter()
        for write in writes:
            sizes[write.offset_bytes // BLOCK_BYTES] += write.size_bytes
        if not sizes:
            return Counter()
        layout = subprocess.run(["dumpe2fs", self.image], capture_output=True, text=True, check=True).stdout
        changed = self._changed(shell)
        owners = self._owners(sorted(sizes), shell)
        found: Counter[str] = Counter()
        for block, size in sizes.items():
            found[owners.get(block) or _of_the_file_system(block, layout, changed)] += size
        return found

    def _changed(self, shell: Shell) -> dict[int, str]:
        """Inode -> path of what was changed since the mark, and of the folders that it may have been renamed in."""
        # What was installed is newer than a clock that was not set yet.
        since = f"\\( -newer {MARK} -o -cnewer {MARK} \\) -not -newermt tomorrow"
        lines = shell.run(f"find / -xdev {since} -printf '%i %p\\n'", 300.0).splitlines()
        return {int(inode): path for inode, path in (line.split(" ", 1) for line in lines)}

    def _owners(self, blocks: list[int], shell: Shell) -> dict[int, str]:
        """Block -> path of the file that it belongs to now."""
        ask = " ".join(map(str, blocks))
        printed = shell.run(f"debugfs -R 'icheck {ask}' {self.device}", 300.0)
        inodes = {int(block): int(inode) for block, inode in re.findall(r"^(\d+)\t(\d+)$", printed, re.MULTILINE)}
        wanted = " ".join(str(inode) for inode in sorted(set(inodes.values())) if inode >= FIRST_FILE)
        printed = shell.run(f"debugfs -R 'ncheck {wanted}' {self.device}", 300.0) if wanted else ""
        paths = OWN_INODES | {int(inode): path for inode, path in re.findall(r"^(\d+)\t(/.*)$", printed, re.MULTILINE)}
        return {block: paths.get(inode, f"inode {inode}") for block, inode in inodes.items()}


def traced(lines: str) -> list[Write]:
    """The writes in a trace of QEMU's."""
    return [Write(int(offset), int(size)) for offset, size in _WRITE.findall(lines)]


def total_bytes(writes: list[Write]) -> int:
    """Of all of them."""
    return sum(write.size_bytes for write in writes)


def listed(found: Counter[str]) -> str:
    """The largest first, bytes each."""
    first = found.most_common(WORST)
    said = [f"{name} {size}" for name, size in first]
    rest = found.total() - sum(size for _, size in first)
    return "; ".join([*said, *([f"{len(found) - WORST} others {rest}"] if rest else [])]) or "nothing"


def _of_the_file_system(block: int, layout: str, changed: dict[int, str]) -> str:
    per_group = int(re.search(r"Inodes per group:\s+(\d+)", layout)[1])  # type: ignore[index]  # dumpe2fs always says it
    for group, (first, last) in enumerate(_TABLE.findall(layout)):
        if int(first) <= block <= int(last):
            low = group * per_group + (block - int(first)) * (BLOCK_BYTES // _INODE_BYTES) + 1
            near = [path for inode, path in sorted(changed.items()) if low <= inode < low + BLOCK_BYTES // _INODE_BYTES]
            more = f" and {len(near) - NEAR} near" if len(near) > NEAR else ""
            return f"times and sizes of {', '.join(near[:NEAR]) or f'inodes from {low}'}{more}"
    if str(block) in _MAPS.findall(layout):
        return "bitmaps of what is free"
    return "superblock and groups" if block < 1024 else f"blocks that are free again ({BLOCK_BYTES} each)"
