"""The passages on disk: the gate commits them, the courier reads and settles them."""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from kiosk.model import Passage, Stored
from kiosk.ports import StoreTrouble
from kiosk.status import OutboxStatus
from kiosk.store import rows
from kiosk.store.database import connect, open_writer
from mqtt.ranges import Range, RangeSet

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
CHECKPOINT_PASSAGES = 400  # SQLite itself does it at 1000 pages of WAL, about 900 passages, in the gate's commit


class Store:
    """One database, two connections, no thread of its own.

    The *writer* (synchronous=FULL) belongs to the thread that calls `commit` and `probe`: the gate's. The *courier's*
    connection (synchronous=NORMAL) serves all other calls, from any thread, one at a time. A write lock is shared by
    both, so that neither waits in SQLite's busy handler; the courier holds it for a transaction without any fsync, so
    the gate waits microseconds for it. A confirmation that a power cut takes back only costs a re-send.
    """

    def __init__(self, path: Path, *, boot_id: str | None = None) -> None:
        """Open or make the file. Raises StoreTrouble (NotADatabase where it is not ours) with one sentence."""
        self.path = path
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._writer = open_writer(path)
        try:
            self._courier = connect(path, durable=False)
            self._courier.execute("PRAGMA wal_autocheckpoint = 0")  # it checkpoints by itself, outside the write lock
            self._boot_id = boot_id or BOOT_ID_FILE.read_text(encoding="ascii").strip()
            self._boot = self._enter_boot()
            self._load_delivery()
        except sqlite3.Error as trouble:
            self._writer.close()
            raise StoreTrouble(f"{path}: cannot be read: {trouble}") from trouble

    def _enter_boot(self) -> int:
        found = self._writer.execute("SELECT number FROM boot WHERE boot_id = ?", [self._boot_id]).fetchone()
        if found:
            return int(found[0])
        return int(self._writer.execute("INSERT INTO boot (boot_id) VALUES (?)", [self._boot_id]).lastrowid or 0)

    def _load_delivery(self) -> None:
        self._epoch: str
        self._epoch, mark = self._courier.execute("SELECT epoch, up_to_seq FROM delivery").fetchone()
        self._settled = RangeSet(self._courier.execute("SELECT first_seq, last_seq FROM confirmed").fetchall())
        if mark:
            self._settled.add(1, mark)
        self._quarantined = {int(row[0]) for row in self._courier.execute("SELECT seq FROM quarantine")}
        self._newest_seq = self._find_newest()
        self._checkpointed_seq = self._newest_seq
        self._place_sure = True

    def _find_newest(self) -> int:
        """Of the rows and of what the centre confirmed: history may be purged, numbers are never used again."""
        found = self._writer.execute("SELECT max(seq) FROM passage").fetchone()[0] or 0
        return max(int(found), self._settled.newest, max(self._quarantined, default=0))

    @property
    def epoch(self) -> str:
        """Which life of which database: a random name, made with the file."""
        return self._epoch

    @property
    def boot_id(self) -> str:
        """The kernel's name for this boot; monotonic times compare within one."""
        return self._boot_id

    @property
    def newest_seq(self) -> int:
        """Of the last committed passage; 0 where there is none. Any thread."""
        return self._newest_seq

    def commit(self, passage: Passage) -> Stored:
        """Write and fsync; when this returns, the record survives a power cut. The gate's thread alone.

        Raises StoreTrouble; then nothing was recorded, no number was used up, and it may be called again.
        """
        return self.commit_all([passage])[0]

    def commit_all(self, passages: Sequence[Passage]) -> Sequence[Stored]:
        """The same for several that wait at once, in one transaction: all of them are recorded, or none."""
        with self._writing:
            try:
                if not self._place_sure:
                    self._newest_seq = self._find_newest()
                    self._place_sure = True
                first = self._newest_seq + 1
                new = [rows.to_row(first + place, self._boot, passage) for place, passage in enumerate(passages)]
                if len(new) == 1:
                    self._writer.execute(rows.INSERT, new[0])
                else:
                    with self._writer.atomic():
                        self._writer.conn.executemany(rows.INSERT, new)
            except sqlite3.Error as trouble:
                self._roll_back()
                raise StoreTrouble(f"{self.path}: a record could not be committed: {trouble}") from trouble
            self._newest_seq = first + len(new) - 1
        return [
            Stored(epoch=self._epoch, seq=first + place, boot_id=self._boot_id, passage=passage)
            for place, passage in enumerate(passages)
        ]

    def probe(self) -> None:
        """Can the disk commit? Writes and fsyncs one page without adding a record. The gate's thread, while broken.

        Raises StoreTrouble where it still cannot.
        """
        with self._writing:
            try:
                self._writer.execute("UPDATE delivery SET epoch = epoch")
            except sqlite3.Error as trouble:
                self._roll_back()
                raise StoreTrouble(f"{self.path}: still takes no record: {trouble}") from trouble

    def _roll_back(self) -> None:
        """A COMMIT that failed leaves its transaction open; ours must not linger. What is on disk is read anew."""
        self._place_sure = False
        if self._writer.conn.in_transaction:
            self._writer.conn.rollback()

    def waiting(self, after_seq: int, limit: int) -> Sequence[Stored]:
        """Undelivered passages with seq > after_seq, oldest first, at most `limit`. Raises StoreTrouble."""
        return self._select("outbox WHERE seq > ? ORDER BY seq LIMIT ?", [after_seq, limit])

    def recent(self, limit: int) -> Sequence[Stored]:
        """The newest passages, delivered or not, newest first. Raises StoreTrouble."""
        return self._select("passage JOIN boot ON number = boot ORDER BY seq DESC LIMIT ?", [limit])

    def _select(self, source: str, parameters: Iterable[int]) -> Sequence[Stored]:
        with self._reading:
            try:
                found = self._courier.execute(rows.SELECT + source, list(parameters)).fetchall()
            except sqlite3.Error as trouble:
                raise StoreTrouble(f"{self.path}: cannot be read: {trouble}") from trouble
        return [rows.from_row(self._epoch, row) for row in found]

    def depth(self) -> int:
        """How many passages the centre has not confirmed, quarantine left out. Any thread; no query: seq is gapless."""
        with self._reading:
            waiting = self._newest_seq - self._settled.count()
            return waiting - len(self._quarantined)

    def quarantined(self) -> int:
        """How many passages the centre refused and has not taken since. Any thread."""
        return len(self._quarantined)

    def outbox_status(self) -> OutboxStatus:
        """For page and wire. Any thread. Raises StoreTrouble."""
        oldest = self.waiting(self._settled.up_to, 1)
        oldest_at = oldest[0].passage.occurred_at.isoformat() if oldest else None
        return OutboxStatus(depth=self.depth(), oldest_at=oldest_at, quarantined=len(self._quarantined))

    def settle(self, up_to_seq: int, beyond: Sequence[Range] = (), rejected: Sequence[tuple[int, str]] = ()) -> None:
        """Take in what the centre has: all of 1..up_to_seq and the ranges `beyond`, and (seq, reason) that it refuses.

        What it refuses goes into quarantine: kept, no longer sent, and no longer counted as waiting. Older news than
        what is known already changes nothing. Raises StoreTrouble, and ValueError for a number that was never given out:
        such news is about another life of this database.
        """
        spans = [(1, up_to_seq)] if up_to_seq else []
        spans += [(first, last) for first, last in beyond]
        newest = self._newest_seq
        if any(last > newest for _, last in spans) or any(seq > newest for seq, _ in rejected):
            raise ValueError(f"the centre confirms more than was ever recorded here (newest is {newest})")
        with self._reading:
            before = list(self._settled)
            for first, last in spans:
                self._settled.add(first, last)
            fresh = [pair for pair in rejected if pair[0] not in self._quarantined and pair[0] not in self._settled]
            if list(self._settled) == before and not fresh:
                return
            self._keep_settlement(fresh)
            self._checkpoint()

    def _keep_settlement(self, fresh: Sequence[tuple[int, str]]) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        accepted = {seq for seq in self._quarantined if seq in self._settled}
        with self._writing:
            try:
                with self._courier.atomic():
                    self._courier.execute("UPDATE delivery SET up_to_seq = ?", [self._settled.up_to])
                    self._courier.execute("DELETE FROM confirmed")
                    for span in self._settled.beyond():
                        self._courier.execute("INSERT INTO confirmed VALUES (?, ?)", span)
                    for seq, reason in fresh:
                        self._courier.execute("INSERT INTO quarantine VALUES (?, ?, ?)", [seq, reason, at])
                    for seq in accepted:
                        self._courier.execute("DELETE FROM quarantine WHERE seq = ?", [seq])
            except sqlite3.Error as trouble:
                raise StoreTrouble(f"{self.path}: could not note what the centre has: {trouble}") from trouble
        self._quarantined -= accepted
        self._quarantined.update(seq for seq, _ in fresh)

    def release_quarantine(self) -> int:
        """Put all that the centre refused back into the outbox; how many. Raises StoreTrouble."""
        with self._reading, self._writing:
            try:
                self._courier.execute("DELETE FROM quarantine")
            except sqlite3.Error as trouble:
                raise StoreTrouble(f"{self.path}: quarantine could not be emptied: {trouble}") from trouble
            released = len(self._quarantined)
            self._quarantined.clear()
            return released

    def _checkpoint(self) -> None:
        """Move the WAL into the file here, so that a person at the gate seldom waits for it. PASSIVE blocks nobody."""
        if self._newest_seq - self._checkpointed_seq < CHECKPOINT_PASSAGES:
            return
        self._checkpointed_seq = self._newest_seq
        try:
            self._courier.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as trouble:
            raise StoreTrouble(f"{self.path}: could not be tidied: {trouble}") from trouble

    def close(self) -> None:
        """Close both connections; the last one leaves a single file behind."""
        with self._reading, self._writing:
            self._courier.close()
            self._writer.close()
