"""The event store on a disk that is really full or read-only: a file system of two megabytes. Root only."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.core.ports import StoreError
from kiosk.storage import RetentionLimits, SqliteEventStore
from tests.fakes.data.access_events import START_AT, an_event
from tests.faults.faulty_disk import Mounted

NO_MIN_FREE = RetentionLimits(min_free_bytes=0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small file system here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(store: SqliteEventStore) -> int:
    """Commit until the disk is full. Returns the number of events."""
    with pytest.raises(StoreError, match="could not be committed"):
        commit_for_ever(store)
    return store.newest_seq


def commit_for_ever(store: SqliteEventStore) -> None:
    while True:
        store.commit(an_event(store.newest_seq + 1))


def test_a_full_disk_fails_commits_and_recovers_without_a_gap(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    store = SqliteEventStore(small_disk / "p.db", limits=NO_MIN_FREE)
    count = fill(store)
    assert count > 10
    with pytest.raises(StoreError):
        store.commit(an_event(count + 1))
    ballast.unlink()
    store.check_writable()
    assert store.commit(an_event(count + 1)).seq == count + 1
    store.close()
    store = SqliteEventStore(small_disk / "p.db")
    assert [stored.seq for stored in store.pending(0, 99_999)] == list(range(1, count + 2))
    assert store.corrupt_file is None
    store.close()


def test_after_a_restart_on_a_full_disk_all_committed_events_are_there(small_disk: Path) -> None:
    store = SqliteEventStore(small_disk / "p.db", limits=NO_MIN_FREE)
    count = fill(store)
    copy = [(path, path.read_bytes()) for path in small_disk.iterdir() if not path.name.endswith("-shm")]
    store.close()
    for path, content in copy:
        (small_disk.parent / path.name).write_bytes(content)  # as after a power cut, without a close
    after = SqliteEventStore(small_disk.parent / "p.db")
    assert after.newest_seq == count
    assert after.backlog_size() == count
    after.close()


def test_space_is_kept_for_receipts_so_that_a_full_disk_empties_by_itself(small_disk: Path) -> None:
    store = SqliteEventStore(
        small_disk / "p.db", limits=RetentionLimits(min_free_bytes=400_000, low_space_bytes=600_000)
    )
    count = fill(store)
    with pytest.raises(StoreError, match="kept free for receipts"):
        store.check_writable()
    store.acknowledge(count)
    assert store.backlog_size() == 0
    later = ClockReading(START_AT, 1.0, ClockQuality.SYNCHRONISED)
    while store.run_maintenance(later):
        """Delete delivered events."""
    store.close()  # also truncates the write-ahead log
    store = SqliteEventStore(small_disk / "p.db", limits=RetentionLimits(min_free_bytes=400_000))
    assert store.commit(an_event(count + 1)).seq == count + 1
    store.close()


def test_a_read_only_disk_is_reported_and_recovers(small_disk: Path) -> None:
    store = SqliteEventStore(small_disk / "p.db", limits=NO_MIN_FREE)
    store.commit(an_event(1))
    store.close()
    remount(small_disk, "ro")
    with pytest.raises(StoreError, match="cannot be"):
        SqliteEventStore(small_disk / "p.db")
    remount(small_disk, "rw")
    store = SqliteEventStore(small_disk / "p.db", limits=NO_MIN_FREE)
    assert store.commit(an_event(2)).seq == 2
    store.close()


def test_a_disk_that_becomes_read_only_with_an_open_database_keeps_all_committed_events(tmp_path: Path) -> None:
    disk = Mounted.make(tmp_path / "disk", tmp_path / "disk.img")
    if disk is None:
        pytest.skip("only root may mount a separate file system")
    try:
        store = SqliteEventStore(disk.folder / "p.db", limits=NO_MIN_FREE)
        store.commit_all([an_event(number) for number in range(1, 51)])
        store.acknowledge(10)
        if not disk.fail(None):
            pytest.skip("this kernel cannot inject file system errors")
        with pytest.raises(StoreError, match="could not be committed"):
            store.commit(an_event(51))
        with pytest.raises(StoreError):
            store.check_writable()
        with pytest.raises(StoreError, match="could not be written"):
            store.acknowledge(20)
        assert len(store.pending(0, 99)) == 30, (
            "acknowledged events stay acknowledged, and the others can be read and sent"
        )
        store.close()
        disk.repair()
        after = SqliteEventStore(disk.folder / "p.db", limits=NO_MIN_FREE)
        assert [stored.seq for stored in after.recent(99)] == list(range(50, 0, -1))
        assert after.commit(an_event(51)).seq == 51
        after.close()
    finally:
        disk.remove()


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)
