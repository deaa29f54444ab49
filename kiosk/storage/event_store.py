"""The passages on disk: the gate commits them, the courier reads and settles them."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kiosk.core.model import ClockQuality, Moment, Passage, Stored
from kiosk.core.ports import KioskError, StoreTrouble
from kiosk.core.status import OutboxStatus
from kiosk.storage import retention as limits_module
from kiosk.storage import rows
from kiosk.storage.corruption import is_ours, set_aside_if_damaged, suspect
from kiosk.storage.database import APPLICATION_ID, connect, open_writer
from kiosk.storage.delivery_state import Refusal, Settled
from kiosk.storage.event_encoder import Drain
from kiosk.storage.retention import Limits, Notice
from mqtt.sequence_ranges import Range

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
CHECKPOINT_PASSAGES = 400  # SQLite itself does it at 1000 pages of WAL, about 900 passages, in the gate's commit


class StoreDamaged(KioskError):
    """The database is damaged for good. Not a StoreTrouble: it ends the daemon, and the next start sets the file aside."""


class Store:
    """One database, two connections, no thread of its own.

    The *writer* (synchronous=FULL) belongs to the thread that calls `commit` and `probe`: the gate's. The *courier's*
    connection (synchronous=NORMAL) serves all other calls, from any thread, one at a time. A write lock is shared by
    both, so that neither waits in SQLite's busy handler; the courier holds it for a transaction without any fsync, so
    the gate waits microseconds for it. A confirmation that a power cut takes back only costs a re-send.
    """

    def __init__(self, path: Path, *, boot_id: str | None = None, limits: Limits | None = None) -> None:
        """Open or make the file; a damaged one is set aside first, and named by `moved_aside`.

        Raises StoreTrouble (NotADatabase where the file is not ours) with one sentence.
        """
        self.path = path
        self.limits = limits or Limits()
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._damage = ""
        self._thinned_seq = 0
        self._boot_id = boot_id or BOOT_ID_FILE.read_text(encoding="ascii").strip()
        self.moved_aside = set_aside_if_damaged(path, APPLICATION_ID)
        try:
            self._open()
        except StoreTrouble as trouble:
            if not (_is_damage(trouble.__cause__) and is_ours(path, APPLICATION_ID)):
                raise
            suspect(path).touch()
            self.moved_aside = set_aside_if_damaged(path, APPLICATION_ID)
            if self.moved_aside is None:
                raise
            self._open()

    def _open(self) -> None:
        self._writer = open_writer(self.path)
        try:
            self._courier = connect(self.path, durable=False)
        except sqlite3.Error as trouble:
            self._writer.close()
            raise StoreTrouble(f"{self.path}: cannot be read: {trouble}") from trouble
        try:
            self._load()
        except sqlite3.Error as trouble:
            self._courier.close()
            self._writer.close()
            raise StoreTrouble(f"{self.path}: cannot be read: {trouble}") from trouble

    def _load(self) -> None:
        self._courier.execute("PRAGMA wal_autocheckpoint = 0")  # it checkpoints by itself, outside the write lock
        self._boot = self._enter_boot()
        self._boots = {int(row[0]): str(row[1]) for row in self._courier.execute("SELECT number, boot_id FROM boot")}
        self._drains: dict[str, Drain] = {}
        self._settled = Settled(self._courier)
        self._newest_seq = self._find_newest()
        self._checkpointed_seq = self._newest_seq
        self._place_sure = True
        if self.moved_aside is not None:
            limits_module.note(self._writer, "moved-aside", at=_now_text(), count=1, detail=self.moved_aside.name)

    def _enter_boot(self) -> int:
        found = self._writer.execute("SELECT number FROM boot WHERE boot_id = ?", [self._boot_id]).fetchone()
        if found:
            return int(found[0])
        return int(self._writer.execute("INSERT INTO boot (boot_id) VALUES (?)", [self._boot_id]).lastrowid or 0)

    def _find_newest(self) -> int:
        """Of the rows and of what the centre confirmed: history may be purged, numbers are never used again."""
        found = self._writer.execute("SELECT max(seq) FROM passage").fetchone()[0] or 0
        return max(int(found), self._settled.newest)

    @property
    def epoch(self) -> str:
        """Which life of which database: a random name, made with the file."""
        return self._settled.epoch

    @property
    def boot_id(self) -> str:
        """The kernel's name for this boot; monotonic times compare within one."""
        return self._boot_id

    @property
    def newest_seq(self) -> int:
        """Of the last committed passage; 0 where there is none. Any thread."""
        return self._newest_seq

    def commit(self, event: Passage) -> Stored:
        """Write and fsync; when this returns, the record survives a power cut. The gate's thread alone.

        Raises StoreTrouble; then nothing was recorded, no number was used up, and it may be called again.
        """
        return self.commit_all([event])[0]

    def commit_all(self, events: Sequence[Passage]) -> Sequence[Stored]:
        """The same for several that wait at once, in one transaction: all of them are recorded, or none."""
        with self._writing:
            try:
                if not self._place_sure:
                    self._newest_seq = self._find_newest()
                    self._place_sure = True
                self._refuse_damaged()
                self._refuse_beyond_limits(len(events))
                self._refuse_below_floor()
                first = self._newest_seq + 1
                new = [rows.to_row(first + place, self._boot, passage) for place, passage in enumerate(events)]
                if len(new) == 1:
                    self._writer.execute(rows.INSERT, new[0])
                else:
                    with self._writer.atomic():
                        self._writer.conn.executemany(rows.INSERT, new)
            except sqlite3.Error as trouble:
                self._roll_back()
                self._remember_damage(trouble)
                raise StoreTrouble(f"{self.path}: a record could not be committed: {trouble}") from trouble
            self._newest_seq = first + len(new) - 1
        return [
            Stored(epoch=self.epoch, seq=first + place, boot_id=self._boot_id, passage=passage)
            for place, passage in enumerate(events)
        ]

    def _refuse_damaged(self) -> None:
        """What was found by whoever reads is told to the gate, which then asks `probe`, and so ends the daemon."""
        if self._damage:
            raise StoreTrouble(f"{self.path}: is damaged ({self._damage}); the next start sets it aside")

    def _refuse_beyond_limits(self, new_count: int) -> None:
        """Undelivered passages do not give way to new ones; the gate must be out of order, and say so."""
        if self._newest_seq + new_count - self._settled.up_to > self.limits.max_rows:
            raise StoreTrouble(
                f"{self.path}: {self.limits.max_rows} passages wait for the centre, and no more may be kept; "
                "see to the way to the centre, or raise records.max_rows"
            )

    def _refuse_below_floor(self) -> None:
        try:
            left = limits_module.left_bytes(self.path)
        except OSError as trouble:
            raise StoreTrouble(f"{self.path}: its disk does not answer: {trouble.strerror}") from trouble
        if left < self.limits.floor_bytes:
            raise StoreTrouble(
                f"{self.path}: could not be committed: {left // 1_000_000} MB are left on its disk, and "
                f"{self.limits.floor_bytes // 1_000_000} MB are kept free for receipts; make room"
            )

    def _remember_damage(self, error: Exception) -> None:
        """SQLITE_CORRUPT and SQLITE_NOTADB do not go away: the next start checks the file, and sets it aside."""
        if _is_damage(error):
            self._damage = str(error)
            with contextlib.suppress(OSError):  # the disk may be gone altogether; then there is nothing to check either
                suspect(self.path).touch()

    def probe(self) -> None:
        """Can the disk commit? Writes and fsyncs one page without adding a record. The gate's thread, while broken.

        Raises StoreTrouble where it still cannot, and StoreDamaged where it never will: a new start mends that.
        """
        if self._damage:
            raise StoreDamaged(f"{self.path}: is damaged ({self._damage}); the next start sets it aside")
        self._refuse_below_floor()
        with self._writing:
            try:
                with self._writer.atomic():  # SQLite writes nothing for an UPDATE that changes nothing
                    self._writer.execute("INSERT INTO confirmed VALUES (0, 0)")
                    self._writer.execute("DELETE FROM confirmed WHERE first_seq = 0")
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
        return [rows.from_row(self.epoch, self._boots, row) for row in self._undelivered(after_seq, limit)]

    def events(self, source: str, after_seq: int, limit: int) -> Sequence[tuple[int, str]]:
        """The same as seq and CloudEvent (JSON text), `source` being the device's name in it. Raises StoreTrouble."""
        found = self._undelivered(after_seq, limit)
        if source not in self._drains:
            self._drains[source] = Drain(source, self.epoch, self._boots)
        return self._drains[source].events(found)

    def recent(self, limit: int) -> Sequence[Stored]:
        """The newest passages, delivered or not, newest first. Raises StoreTrouble."""
        found = self._select("passage ORDER BY seq DESC LIMIT ?", [limit])
        return [rows.from_row(self.epoch, self._boots, row) for row in found]

    def _undelivered(self, after_seq: int, limit: int) -> list[tuple[Any, ...]]:
        with self._reading:
            holes = self._settled.has_holes
            mark = self._settled.up_to
        if holes:
            return self._select("outbox WHERE seq > ? ORDER BY seq LIMIT ?", [after_seq, limit])
        # the same, without a look at two empty tables for each row
        return self._select("passage WHERE seq > ? ORDER BY seq LIMIT ?", [max(after_seq, mark), limit])

    def _select(self, source: str, parameters: Iterable[int]) -> list[tuple[Any, ...]]:
        with self._reading, self._told("cannot be read"):
            return self._courier.execute(rows.SELECT + source, list(parameters)).fetchall()

    def depth(self) -> int:
        """How many passages the centre has not confirmed, quarantine left out. Any thread; no query: seq is gapless."""
        with self._reading:
            return self._newest_seq - self._settled.count()

    def quarantined(self) -> int:
        """How many passages the centre refused and has not taken since. Any thread."""
        return len(self._settled.quarantined)

    def outbox_status(self) -> OutboxStatus:
        """For page and wire. Any thread. Raises StoreTrouble."""
        oldest = self.waiting(0, 1)
        oldest_at = oldest[0].passage.occurred_at.isoformat() if oldest else None
        return OutboxStatus(depth=self.depth(), oldest_at=oldest_at, quarantined=self.quarantined())

    def settle(self, up_to_seq: int, ranges: Sequence[Range] = (), rejected: Sequence[Refusal] = ()) -> None:
        """Take in what the centre has: all of 1..up_to_seq and the ranges `beyond`, and (seq, reason) that it refuses.

        What it refuses goes into quarantine: kept, no longer sent, and no longer counted as waiting. Older news than
        what is known already changes nothing. Raises StoreTrouble, and ValueError for a number that was never given out:
        such news is about another life of this database.
        """
        spans = [(1, up_to_seq)] if up_to_seq else []
        spans += [(first, last) for first, last in ranges]
        newest = self._newest_seq
        if any(last > newest for _, last in spans) or any(seq > newest for seq, _ in rejected):
            raise ValueError(f"the centre confirms more than was ever recorded here (newest is {newest})")
        with self._reading:
            fresh = self._settled.learn(spans, rejected)
            if fresh is None:
                return
            with self._writing, self._told("could not note what the centre has"):
                self._settled.note(fresh, _now_text())
            self._checkpoint()

    def tend(self, now: Moment) -> int:
        """Let go a bounded part of what the limits say; how many rows went (none: it is done). From any thread.

        Nothing goes by age while the clock is not to be believed. Raises StoreTrouble.
        """
        at = now.at if now.quality is not ClockQuality.UNSET else None
        text = now.at.isoformat(timespec="seconds")
        gone = 0
        with self._told("could not be tended"):
            for _ in range(limits_module.CHUNKS_A_TURN):
                with self._reading:
                    what = limits_module.due(
                        self._courier,
                        self.path,
                        self.limits,
                        newest_seq=self._newest_seq,
                        delivered_up_to_seq=self._settled.up_to,
                        at=at,
                    )
                    if what is None:
                        break
                    with self._writing:
                        gone += limits_module.purge(self._courier, what, text)
            with self._reading:
                if not gone and limits_module.under_pressure(self._courier, self.path, self.limits):
                    up_to = self._newest_seq - limits_module.KEPT_FOR_VISITS
                    with self._writing:
                        self._thinned_seq = limits_module.thin(self._courier, self._thinned_seq, up_to, text)
        return gone

    def notices(self, limit: int = 100, before_number: int = 2**62) -> Sequence[Notice]:
        """What was deleted, thinned or set aside, newest first, numbers below `before`. Any thread. Raises StoreTrouble."""
        with self._reading, self._told("cannot be read"):
            found = self._courier.execute(
                "SELECT kind, at, first_seq, last_seq, count, detail, number FROM notice WHERE number < ? "
                "ORDER BY number DESC LIMIT ?",
                [before_number, limit],
            ).fetchall()
        return [Notice(*row) for row in found]

    def purged(self) -> int:
        """How many records were deleted in this epoch. Any thread."""
        with self._reading, self._told("cannot be read"):
            found = self._courier.execute("SELECT coalesce(sum(count), 0) FROM notice WHERE kind LIKE 'purged-%'")
            return int(found.fetchone()[0])

    def release_quarantine(self, only_seq: int | None = None) -> int:
        """Put what the centre refused, or one of it, back into the outbox; how many. Any thread. Raises StoreTrouble."""
        with self._reading, self._writing, self._told("quarantine could not be emptied"):
            return self._settled.release(only_seq)

    def _checkpoint(self) -> None:
        """Move the WAL into the file here, so that a person at the gate seldom waits for it. PASSIVE blocks nobody."""
        if self._newest_seq - self._checkpointed_seq < CHECKPOINT_PASSAGES:
            return
        self._checkpointed_seq = self._newest_seq
        with self._told("could not be tidied"):
            self._courier.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Whatever SQLite raises becomes StoreTrouble; damage is remembered."""
        try:
            yield
        except (sqlite3.Error, OSError) as trouble:
            self._remember_damage(trouble)
            raise StoreTrouble(f"{self.path}: {what}: {trouble}") from trouble

    def close(self) -> None:
        """Close both connections; the last one leaves a single file behind."""
        with self._reading, self._writing:
            self._courier.close()
            self._writer.close()


def _is_damage(error: BaseException | None) -> bool:
    """SQLITE_CORRUPT and SQLITE_NOTADB come as plain DatabaseError; full, locked and read-only as OperationalError."""
    return type(error) is sqlite3.DatabaseError


def _now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
