"""Runs in the machine of `make test-power`: records, acknowledges, purges and migrates, and marks on the disk what is safe.

A mark is written past the file system and past every cache of the machine, without a flush: it stands in the log of writes
behind all that made its record durable, and makes nothing durable itself.
"""

import mmap
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.storage import RetentionLimits, SqliteEventStore
from kiosk.storage.database import open_writer
from kiosk.storage.schema import MIGRATIONS
from tests.fakes.data.access_events import an_event
from tests.system.power.log import DISK_BYTES, MARKS_AT, SECTOR_BYTES

DATABASE = Path("/var/lib/entrance-kiosk/events.db")
DISK = Path("/dev/vdc")
EVENTS = (700, 250)
"""Of each life of the daemon."""
LIVES = len(EVENTS)
LIMITS = RetentionLimits(max_rows=300, low_space_bytes=0)
REBUILD = """
    CREATE TABLE event_before AS SELECT * FROM event;
    DELETE FROM event;
    INSERT INTO event SELECT * FROM event_before;
    DROP TABLE event_before;
    ALTER TABLE event ADD COLUMN rebuilt INTEGER NOT NULL DEFAULT 1;
"""
"""A migration of the worst kind: all rows are written anew."""
NEXT_RELEASE = (*MIGRATIONS, REBUILD)


class Marks:
    """Sectors behind the file system, written one after the other."""

    def __init__(self) -> None:
        self._file = os.open(DISK, os.O_WRONLY | os.O_DIRECT)
        self._sector = mmap.mmap(-1, mmap.PAGESIZE)  # O_DIRECT wants aligned memory
        self._places = (DISK_BYTES - MARKS_AT) // SECTOR_BYTES
        self._next = 0

    def set(self, words: str) -> None:
        """Say it on the disk."""
        self._sector[:SECTOR_BYTES] = f"{words}\n".encode("ascii").ljust(SECTOR_BYTES, b"\0")
        os.pwrite(self._file, memoryview(self._sector)[:SECTOR_BYTES], MARKS_AT + self._next * SECTOR_BYTES)
        self._next = (self._next + 1) % self._places


def main() -> None:
    """The lives of a daemon's database, then the next release's start."""
    marks = Marks()
    for count in EVENTS:
        a_life(marks, count)
    open_writer(DATABASE, NEXT_RELEASE).close()
    marks.set("migrated")
    print("RECORDED", flush=True)
    threading.Event().wait()


def a_life(marks: Marks, count: int) -> None:
    """Open, record, close; meanwhile the centre confirms and history gives way."""
    store = SqliteEventStore(DATABASE, limits=LIMITS)
    stop = threading.Event()
    relay_thread = threading.Thread(target=deliver, args=(store, stop))
    relay_thread.start()
    for _ in range(count):
        stored = store.commit(an_event(store.newest_seq + 1))
        marks.set(f"record {stored.seq}")
    stop.set()
    relay_thread.join()
    store.close()
    marks.set("closed")


def deliver(store: SqliteEventStore, stop: threading.Event) -> None:
    """Acts as the relay: record what the centre has, and purge old events."""
    while not stop.wait(0.01):
        store.acknowledge(store.newest_seq)
        store.run_maintenance(ClockReading(datetime.now(UTC), 0.0, ClockQuality.SYNCHRONISED))


if __name__ == "__main__":
    main()
