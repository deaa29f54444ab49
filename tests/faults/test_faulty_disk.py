"""Real full, read-only and vanished disks under the store: a file system of two megabytes that a test may spoil. Root only."""

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

NO_FLOOR = RetentionLimits(min_free_bytes=0)


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
    """Commit until the disk refuses; how many are there then."""
    with pytest.raises(StoreError, match="could not be committed"):
        commit_for_ever(store)
    return store.newest_seq


def commit_for_ever(store: SqliteEventStore) -> None:
    while True:
        store.commit(an_event(store.newest_seq + 1))


def test_a_full_disk_refuses_and_recovers_without_a_gap_or_a_lie(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    store = SqliteEventStore(small_disk / "p.db", limits=NO_FLOOR)
    kept = fill(store)
    assert kept > 10
    with pytest.raises(StoreError):
        store.commit(an_event(kept + 1))
    ballast.unlink()
    store.check_writable()
    assert store.commit(an_event(kept + 1)).seq == kept + 1
    store.close()
    store = SqliteEventStore(small_disk / "p.db")
    assert [stored.seq for stored in store.pending(0, 99_999)] == list(range(1, kept + 2))
    assert store.corrupt_file is None
    store.close()


def test_a_full_disk_that_is_restarted_on_has_all_that_was_promised(small_disk: Path) -> None:
    store = SqliteEventStore(small_disk / "p.db", limits=NO_FLOOR)
    kept = fill(store)
    copy = [(path, path.read_bytes()) for path in small_disk.iterdir() if not path.name.endswith("-shm")]
    store.close()
    for path, content in copy:
        (small_disk.parent / path.name).write_bytes(content)  # as after a power cut: nobody closed it
    after = SqliteEventStore(small_disk.parent / "p.db")
    assert after.newest_seq == kept
    assert after.backlog_size() == kept
    after.close()


def test_room_is_kept_for_receipts_so_that_a_full_disk_empties_by_itself(small_disk: Path) -> None:
    store = SqliteEventStore(
        small_disk / "p.db", limits=RetentionLimits(min_free_bytes=400_000, low_space_bytes=600_000)
    )
    kept = fill(store)
    with pytest.raises(StoreError, match="kept free for receipts"):
        store.check_writable()
    store.acknowledge(kept)
    assert store.backlog_size() == 0
    later = ClockReading(START_AT, 1.0, ClockQuality.SYNCHRONISED)
    while store.run_maintenance(later):
        """History gives way."""
    store.close()  # and the write-ahead log with it
    store = SqliteEventStore(small_disk / "p.db", limits=RetentionLimits(min_free_bytes=400_000))
    assert store.commit(an_event(kept + 1)).seq == kept + 1
    store.close()


def test_a_disk_that_turns_read_only_is_told_and_recovers(small_disk: Path) -> None:
    store = SqliteEventStore(small_disk / "p.db", limits=NO_FLOOR)
    store.commit(an_event(1))
    store.close()
    remount(small_disk, "ro")
    with pytest.raises(StoreError, match="cannot be"):
        SqliteEventStore(small_disk / "p.db")
    remount(small_disk, "rw")
    store = SqliteEventStore(small_disk / "p.db", limits=NO_FLOOR)
    assert store.commit(an_event(2)).seq == 2
    store.close()


def test_a_disk_that_turns_read_only_under_an_open_database_keeps_all_that_was_promised(tmp_path: Path) -> None:
    disk = Mounted.make(tmp_path / "disk", tmp_path / "disk.img")
    if disk is None:
        pytest.skip("only root may make a file system of its own")
    try:
        store = SqliteEventStore(disk.folder / "p.db", limits=NO_FLOOR)
        store.commit_all([an_event(number) for number in range(1, 51)])
        store.acknowledge(10)
        if not disk.fail(None):
            pytest.skip("this kernel lets nobody make its file system fail")
        with pytest.raises(StoreError, match="could not be committed"):
            store.commit(an_event(51))
        with pytest.raises(StoreError):
            store.check_writable()
        with pytest.raises(StoreError, match="could not be written"):
            store.acknowledge(20)
        assert len(store.pending(0, 99)) == 30, (
            "what the centre has goes on being known, and the others can be read and sent"
        )
        store.close()
        disk.repair()
        after = SqliteEventStore(disk.folder / "p.db", limits=NO_FLOOR)
        assert [stored.seq for stored in after.recent(99)] == list(range(50, 0, -1))
        assert after.commit(an_event(51)).seq == 51
        after.close()
    finally:
        disk.remove()


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)
