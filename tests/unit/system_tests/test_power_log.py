"""The disk states that a power cut can leave, computed from a log of writes. The power cut tests use them."""

import random
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.system.power import log as power_log
from tests.system.power.log import SECTOR_BYTES, Fate, Request

A, B, C = (bytes([letter]) * 2 * SECTOR_BYTES for letter in b"abc")
FLUSH = Request(0, b"", flush=True, sure=False)

requests = st.lists(
    st.one_of(
        st.just(FLUSH),
        st.builds(
            lambda sector, count, sure: Request(sector * SECTOR_BYTES, b"x" * count * SECTOR_BYTES, False, sure),
            st.integers(1, 1 << 20),
            st.integers(1, 3),
            st.booleans(),
        ),
    ),
    max_size=12,
)


def written(at: int, data: bytes, *, sure: bool = False) -> Request:
    return Request(at, data, flush=False, sure=sure)


def log_of(content: list[Request]) -> bytes:
    """A log in the format of dm-log-writes.rst, with zeros at its end."""
    log = struct.pack("<QQQI", 0x6A736677736872, 1, len(content), SECTOR_BYTES).ljust(SECTOR_BYTES, b"\0")
    for each in content:
        flags = each.flush | each.sure << 1
        count = len(each.data) // SECTOR_BYTES
        log += struct.pack("<QQQQ", each.at // SECTOR_BYTES, count, flags, 0).ljust(SECTOR_BYTES, b"\0") + each.data
    return log + bytes(4 * SECTOR_BYTES)


def after(content: list[Request], fate: Fate) -> dict[int, bytes]:
    """Offset -> bytes on the disk after a power cut at the end of the log."""
    point = len(content)
    sure = dict(power_log.flushed(content, 0, point))
    return sure | dict(power_log.survivors(content, point, fate, random.Random(1)))


def test_flushed_writes_survive_with_any_fate_of_the_others() -> None:
    for fate in Fate:
        assert after([written(0, A), written(4096, B), FLUSH, written(0, C)], fate)[4096] == B


def test_unflushed_writes_are_lost_or_kept() -> None:
    content = [written(0, A), FLUSH, written(0, C)]
    assert after(content, Fate.LOST) == {0: A}
    assert after(content, Fate.KEPT) == {0: C}


def test_a_torn_write_leaves_whole_old_and_new_sectors() -> None:
    content = [written(4096, A * 50), FLUSH, written(4096, C * 50)]
    torn = dict(power_log.survivors(content, len(content), Fate.TORN, random.Random(1)))
    assert 0 < len(torn) < 100
    assert all(data == C[:SECTOR_BYTES] and place % SECTOR_BYTES == 0 for place, data in torn.items())


def test_a_superblock_is_written_completely_or_not_at_all() -> None:
    for seed in range(10):
        content = [FLUSH, written(power_log.SUPERBLOCK_AT, A)]
        assert list(power_log.survivors(content, 2, Fate.TORN, random.Random(seed))) in ([], [(1024, A)])


def test_a_forced_write_needs_no_flush() -> None:
    assert after([FLUSH, written(0, A, sure=True), written(4096, B)], Fate.LOST) == {0: A}


def test_without_a_flush_all_writes_may_be_lost() -> None:
    assert after([written(0, A), written(4096, B)], Fate.LOST) == {}


def test_a_mark_follows_the_writes_that_it_describes() -> None:
    mark = b"record 7\n".ljust(SECTOR_BYTES, b"\0")
    content = [written(0, A), FLUSH, written(power_log.MARKS_AT, mark)]
    assert power_log.marks(content) == [(2, "record 7")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=requests)
def test_a_log_is_parsed_as_written(tmp_path: Path, content: list[Request]) -> None:
    log = tmp_path / "log"
    log.write_bytes(log_of(content))
    assert power_log.read(log) == content


def test_a_file_that_is_not_a_log_is_rejected(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(bytes(4096))
    with pytest.raises(ValueError, match="is not a log of writes"):
        power_log.read(log)


def test_put_writes_the_bytes_at_their_offsets(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(8192))
    power_log.put(disk, [(0, A), (4096, B)])
    assert disk.read_bytes()[:1024] == A
    assert disk.read_bytes()[4096:5120] == B
