"""A mount namespace of this process's own: what is mounted in it is gone when it ends, however it ends."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CLONE_NEWNS = 0x00020000
"""Linux's include/uapi/linux/sched.h. Python has os.unshare from 3.12 on."""
_libc = ctypes.CDLL(None, use_errno=True)


def cannot_mount() -> str:
    """Why nothing can be mounted here, as a sentence; empty where it can."""
    tried = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True, text=True)
    return f"this machine does not allow mounts ({tried.stderr.strip()})." if tried.returncode else ""


@contextmanager
def own_mounts() -> Iterator[None]:
    """For the calling thread, and for threads and processes that it starts meanwhile; those threads must end before it does."""
    before = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY)
    folder = Path.cwd()
    try:
        _checked(_libc.unshare(_CLONE_NEWNS))
        subprocess.run(["mount", "--make-rshared", "/"], check=True)
        try:
            yield
        finally:
            _checked(_libc.setns(before, _CLONE_NEWNS))
            os.chdir(folder)  # setns leads to the root
    finally:
        os.close(before)


def _checked(status: int) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
