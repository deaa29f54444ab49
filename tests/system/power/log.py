"""What a disk was asked to write, in order (QEMU's blklogwrites), and every state in which a power cut could have left it.

The log's format is that of Linux's dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst): a superblock, then for
each request one sector (sector, number of sectors, flags, length) and its data.
"""

import mmap
import os
import random
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

DISK_BYTES = 144 << 20
MARKS_AT = 128 << 20
"""Behind the file system: what the recorder writes here says what was acknowledged before."""
SECTOR_BYTES = 512
SUPERBLOCK_AT = 1024
"""Of ext4. One checksum covers its 1024 bytes, and ext4 relies on the disk to write them whole."""
_MAGIC = 0x6A736677736872
_SUPERBLOCK = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")
_FLUSH, _FUA, _DISCARD = 1, 2, 4


class Fate(StrEnum):
    """What became of the writes that the disk had not been asked to flush yet."""

    LOST = "all lost"
    KEPT = "all kept"
    TORN = "each sector by chance"


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the disk, in the order in which it was completed."""

    at: int
    """Where on the disk, bytes."""
    data: bytes
    flush: bool
    sure: bool
    """It was on the medium by itself when it was completed (forced unit access)."""


def read(log: Path) -> list[Request]:
    """All requests of a log, also of one whose machine was killed in the middle of it."""
    requests = []
    with log.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        magic, version, _, sector_bytes = _SUPERBLOCK.unpack_from(content)
        if (magic, version) != (_MAGIC, 1):
            raise ValueError(f"{log}: is not a log of writes")
        place = sector_bytes
        while place + sector_bytes <= len(content):
            sector, count, flags, _ = _ENTRY.unpack_from(content, place)
            if not (sector or count or flags):
                break
            place += sector_bytes
            size = 0 if flags & _DISCARD else count * sector_bytes
            data = content[place : place + size]
            place += size
            requests.append(Request(sector * sector_bytes, data, bool(flags & _FLUSH), bool(flags & _FUA)))
    return requests


def last_flush(requests: Sequence[Request], point: int) -> int:
    """Where the last flush before a point lies; what comes before it is on the medium. 0 where there was none."""
    return next((place for place in range(point - 1, -1, -1) if requests[place].flush), 0)


def survivors(
    requests: Sequence[Request], point: int, fate: Fate, chance: random.Random
) -> Iterator[tuple[int, bytes]]:
    """What a cut at `point` leaves of the requests since the last flush: (place on the disk, bytes)."""
    for request in requests[last_flush(requests, point) : point]:
        if request.sure or fate is Fate.KEPT:
            yield request.at, request.data
        elif fate is Fate.TORN:
            whole = request.at <= SUPERBLOCK_AT < request.at + len(request.data)
            unit = len(request.data) if whole else SECTOR_BYTES
            for start in range(0, len(request.data), unit):
                if chance.random() < 0.5:
                    yield request.at + start, request.data[start : start + unit]


def flushed(requests: Sequence[Request], first: int, point: int) -> Iterator[tuple[int, bytes]]:
    """What is on the medium for certain at `point`, of the requests from `first` on."""
    for request in requests[first : last_flush(requests, point)]:
        yield request.at, request.data


def put(disk: Path, writes: Iterable[tuple[int, bytes]]) -> None:
    """Write to a disk's image."""
    file = os.open(disk, os.O_WRONLY)
    try:
        for at, data in writes:
            os.pwrite(file, data, at)
    finally:
        os.close(file)


def marks(requests: Sequence[Request]) -> list[tuple[int, str]]:
    """What the store had reported to the recorder as safe: (place in the log, words), in order."""
    return [
        (place, request.data.split(b"\n", 1)[0].decode("ascii"))
        for place, request in enumerate(requests)
        if request.at >= MARKS_AT and request.data
    ]
