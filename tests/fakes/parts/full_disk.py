"""A disk that is full, without a disk: files of this process cannot grow."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def disk_that_takes(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes. Python ignores the signal, so a write fails as on a full disk (setrlimit(2))."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
