"""A disk that becomes full or read-only under a running process: ext4 in a file, or a file size limit where mounting fails."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

DISK_BYTES = 96_000_000
FSCK_FAILED = 4  # e2fsck(8): 1 and 2 say that errors were corrected
RLIM_INFINITY = "unlimited"


class Mounted:
    """A separate ext4 file system on a loop device. Root only. `folder` is its mount point."""

    kind = "ext4"

    def __init__(self, folder: Path, image: Path) -> None:
        self.folder = folder
        self._image = image
        self._device = ""

    @classmethod
    def make(cls, folder: Path, image: Path, size_bytes: int = DISK_BYTES) -> Self | None:
        """None if mounting is not allowed here."""
        disk = cls(folder, image)
        if os.geteuid() != 0:
            return None
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(size_bytes)
        try:
            _run("mkfs.ext4", "-q", "-m", "0", "-e", "remount-ro", str(image))
            disk._device = _run("losetup", "-f", "--show", str(image)).strip()
            _run("mount", disk._device, str(folder))
        except (OSError, subprocess.CalledProcessError):
            disk.remove()
            folder.rmdir()
            return None
        return disk

    def fill(self, _process: int) -> None:
        """Fill the disk: all writes fail with ENOSPC."""
        ballast = os.open(self.folder / "ballast", os.O_WRONLY | os.O_CREAT)
        try:
            while left := os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize:
                end = os.fstat(ballast).st_size
                os.posix_fallocate(ballast, end, max(1, min(left, left - 4096 if left > 1_000_000 else left)))
        except OSError:
            """The disk is full to the last block."""
        finally:
            os.close(ballast)

    def clear(self, _process: int) -> None:
        """Free the space again."""
        (self.folder / "ballast").unlink(missing_ok=True)

    def fail(self, process: int | None) -> bool:
        """Make the disk read-only, as the kernel does after a medium error, also with open files. False if not possible here.

        The process is stopped for that moment: an fdatasync() that runs while the error is injected may return 0 although
        nothing was written (Linux 6.18, one process that appends to a file: 5 of 11 trials, with the stop 0 of 30).
        """
        with _stopped(process) if process is not None else contextlib.nullcontext():
            try:
                device = Path(self._device).name
                Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("test", encoding="ascii")
            except OSError:
                return False
        return True

    def repair(self) -> None:
        """Repair and mount the disk, as a restart of the machine does. No file may be open."""
        for _ in range(300):  # another program that looks at all mounts may hold this one for a moment
            if subprocess.run(["umount", str(self.folder)], check=False, capture_output=True).returncode == 0:
                break
            threading.Event().wait(0.1)
        for _ in range(300):  # the mount namespace of another program may hold the device a moment longer
            checked = subprocess.run(["e2fsck", "-p", self._device], check=False, capture_output=True)
            if checked.returncode < FSCK_FAILED:
                break
            threading.Event().wait(0.1)
        assert checked.returncode < FSCK_FAILED, checked.stderr.decode()
        _run("mount", self._device, str(self.folder))

    def remove(self) -> None:
        """Unmount the disk and delete its image."""
        for command in (["umount", "-l", str(self.folder)], ["losetup", "-d", self._device]):
            if self._device:
                subprocess.run(command, check=False, capture_output=True)
        self._image.unlink(missing_ok=True)


class Limited:
    """Without permission to mount: writes of a process beyond a file size fail (setrlimit(2), RLIMIT_FSIZE: EFBIG)."""

    kind = "rlimit"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def fill(self, process: int) -> None:
        """Let no file grow."""
        largest = max((path.stat().st_size for path in self.folder.iterdir()), default=0)
        _limit(process, str(largest))

    def clear(self, process: int) -> None:
        """Remove the limit."""
        _limit(process, RLIM_INFINITY)

    def fail(self, _process: int | None) -> bool:
        """Not possible without a separate file system."""
        return False

    def repair(self) -> None:
        """Does nothing."""

    def remove(self) -> None:
        """Does nothing."""


Disk = Mounted | Limited


@contextlib.contextmanager
def _stopped(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        tasks = Path(f"/proc/{process}/task")
        while not all("\nState:\tT" in (task / "status").read_text(encoding="ascii") for task in tasks.iterdir()):
            threading.Event().wait(0.001)
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def _limit(process: int, bytes_: str) -> None:
    with contextlib.suppress(subprocess.CalledProcessError):  # the process was just killed
        _run("prlimit", "--pid", str(process), f"--fsize={bytes_}:{RLIM_INFINITY}")


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
