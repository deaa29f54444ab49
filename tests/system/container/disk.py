"""A container's disk: an ext4 of its own over a root that stays as it is; when the power goes, what had not reached it is lost."""

import fcntl
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

SIZE_BYTES = 8_000_000_000
"""As the machine sees it; the image is a hole that takes what is written."""
_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN: _IOR('X', 125, __u32), Linux's fs/ext4/ext4.h."""
_NEITHER_PAGES_NOR_LOG = struct.pack("I", 2)
"""EXT4_GOING_FLAGS_NOLOGFLUSH: what xfstests' `godown` uses as a power cut."""
_LET_GO_S = 120.0
_tick = threading.Event()


class Disk:
    """Mounted from `attach` to `detach`. What was written lies in `folder` until `delete`."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.mounted = folder / "disk"
        self._root = root
        self._image = folder / "card.img"
        self._card = folder / "card"
        for each in (self.mounted, self._card):
            each.mkdir(parents=True, exist_ok=True)
        self.loses_pages = self._formatted()
        """False where this machine has no loop device: then a cut loses nothing that was written."""

    def _formatted(self) -> bool:
        with self._image.open("wb") as file:
            file.truncate(SIZE_BYTES)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", self._image], check=True)
        done = subprocess.run(
            ["mount", "-o", "loop", self._image, self._card], capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(f"{done.stderr.strip()}: a power cut will lose no pages here", file=sys.stderr)
            self._image.unlink()
            return False
        subprocess.run(["umount", self._card], check=True)
        return True

    def attach(self) -> None:
        """Mount it; ext4 replays its journal where the power went."""
        if self.loses_pages:
            subprocess.run(["mount", "-o", "loop", self._image, self._card], check=True)
        upper, work = self._card / "written", self._card / "work"
        for each in (upper, work):
            each.mkdir(exist_ok=True)
        options = f"lowerdir={self._root},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.mounted], check=True)

    def detach(self) -> None:
        """Unmount it, once it is no longer in use."""
        _let_go(["umount", self.mounted])
        if self.loses_pages:
            _let_go(["umount", self._card])
            # Its loop device goes with the last copy of the mount; until then a new mount would be the dead one again.
            _let_go(["sh", "-c", '! losetup --noheadings -O NAME --associated "$0" | grep -q .', self._image])

    def lose_power(self) -> None:
        """From this moment nothing reaches the disk: neither what the kernel still holds nor what is written from now on."""
        if self.loses_pages:
            descriptor = os.open(self._card, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.ioctl(descriptor, _SHUTDOWN, _NEITHER_PAGES_NOR_LOG)
            finally:
                os.close(descriptor)

    def delete(self) -> None:
        """Forget what was written."""
        self._image.unlink(missing_ok=True)
        shutil.rmtree(self._card)


def _let_go(command: list[str | Path]) -> None:
    """Processes that were killed may need a moment to let go of it. Raises CalledProcessError where one does not."""
    ends_s = time.monotonic() + _LET_GO_S
    while subprocess.run(command, capture_output=True, check=False).returncode:
        if time.monotonic() > ends_s:
            subprocess.run(command, check=True)
        _tick.wait(0.1)
