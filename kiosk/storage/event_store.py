"""The passages on disk: the gate commits them, the courier reads and settles them."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kiosk.core.model import AccessEvent, ClockQuality, ClockReading, StoredEvent
from kiosk.core.ports import KioskError, StoreError
from kiosk.core.status import OutboxStatus
from kiosk.storage import retention as limits_module
from kiosk.storage import rows
from kiosk.storage.corruption import corruption_marker, has_application_id, quarantine_file_if_corrupt
from kiosk.storage.database import APPLICATION_ID, connect, open_writer
from kiosk.storage.delivery_state import DeliveryState, RejectedSeq
from kiosk.storage.event_encoder import EventEncoder
from kiosk.storage.retention import RetentionLimits, StorageNotice
from mqtt.sequence_ranges import Range

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
EVENTS_PER_CHECKPOINT = 400  # SQLite itself does it at 1000 pages of WAL, about 900 passages, in the gate's commit


class StoreCorruptError(KioskError):
    """The database is damaged for good. Not a StoreTrouble: it ends the daemon, and the next start sets the file aside."""


class SqliteEventStore:
    """One database, two connections, no thread of its own.

    The *writer* (synchronous=FULL) belongs to the thread that calls `commit` and `probe`: the gate's. The *courier's*
    connection (synchronous=NORMAL) serves all other calls, from any thread, one at a time. A write lock is shared by
    both, so that neither waits in SQLite's busy handler; the courier holds it for a transaction without any fsync, so
    the gate waits microseconds for it. A confirmation that a power cut takes back only costs a re-send.
    """

    def __init__(self, path: Path, *, boot_id: str | None = None, limits: RetentionLimits | None = None) -> None:
        """Open or make the file; a damaged one is set aside first, and named by `moved_aside`.

        Raises StoreTrouble (NotADatabase where the file is not ours) with one sentence.
        """
        self.path = path
        self.limits = limits or RetentionLimits()
        self._write_lock = threading.Lock()
        self._relay_lock = threading.Lock()
        self._corruption = ""
        self._redacted_up_to_seq = 0
        self._boot_id = boot_id or BOOT_ID_FILE.read_text(encoding="ascii").strip()
        self.corrupt_file = quarantine_file_if_corrupt(path, APPLICATION_ID)
        try:
            self._open()
        except StoreError as trouble:
            if not (_is_corruption(trouble.__cause__) and has_application_id(path, APPLICATION_ID)):
                raise
            corruption_marker(path).touch()
            self.corrupt_file = quarantine_file_if_corrupt(path, APPLICATION_ID)
            if self.corrupt_file is None:
                raise
            self._open()

    def _open(self) -> None:
        self._gate_connection = open_writer(self.path)
        try:
            self._relay_connection = connect(self.path, durable=False)
        except sqlite3.Error as trouble:
            self._gate_connection.close()
            raise StoreError(f"{self.path}: cannot be read: {trouble}") from trouble
        try:
            self._load_state()
        except sqlite3.Error as trouble:
            self._relay_connection.close()
            self._gate_connection.close()
            raise StoreError(f"{self.path}: cannot be read: {trouble}") from trouble

    def _load_state(self) -> None:
        self._relay_connection.execute(
            "PRAGMA wal_autocheckpoint = 0"
        )  # it checkpoints by itself, outside the write lock
        self._boot_number = self._boot_number_of()
        self._boot_ids = {
            int(row[0]): str(row[1]) for row in self._relay_connection.execute("SELECT number, boot_id FROM boot")
        }
        self._encoders: dict[str, EventEncoder] = {}
        self._delivery = DeliveryState(self._relay_connection)
        self._newest_seq = self._find_newest_seq()
        self._checkpointed_seq = self._newest_seq
        self._newest_seq_known = True
        if self.corrupt_file is not None:
            limits_module.add_notice(
                self._gate_connection, "corrupt-file-moved", at=_now_text(), count=1, detail=self.corrupt_file.name
            )

    def _boot_number_of(self) -> int:
        found = self._gate_connection.execute("SELECT number FROM boot WHERE boot_id = ?", [self._boot_id]).fetchone()
        if found:
            return int(found[0])
        return int(
            self._gate_connection.execute("INSERT INTO boot (boot_id) VALUES (?)", [self._boot_id]).lastrowid or 0
        )

    def _find_newest_seq(self) -> int:
        """Of the rows and of what the centre confirmed: history may be purged, numbers are never used again."""
        found = self._gate_connection.execute("SELECT max(seq) FROM event").fetchone()[0] or 0
        return max(int(found), self._delivery.newest_seq)

    @property
    def epoch(self) -> str:
        """Which life of which database: a random name, made with the file."""
        return self._delivery.epoch

    @property
    def boot_id(self) -> str:
        """The kernel's name for this boot; monotonic times compare within one."""
        return self._boot_id

    @property
    def newest_seq(self) -> int:
        """Of the last committed passage; 0 where there is none. Any thread."""
        return self._newest_seq

    def commit(self, event: AccessEvent) -> StoredEvent:
        """Write and fsync; when this returns, the record survives a power cut. The gate's thread alone.

        Raises StoreTrouble; then nothing was recorded, no number was used up, and it may be called again.
        """
        return self.commit_all([event])[0]

    def commit_all(self, events: Sequence[AccessEvent]) -> Sequence[StoredEvent]:
        """The same for several that wait at once, in one transaction: all of them are recorded, or none."""
        with self._write_lock:
            try:
                if not self._newest_seq_known:
                    self._newest_seq = self._find_newest_seq()
                    self._newest_seq_known = True
                self._raise_if_corrupt()
                self._raise_if_full(len(events))
                self._raise_if_low_on_space()
                first = self._newest_seq + 1
                new = [
                    rows.event_to_row(first + place, self._boot_number, passage) for place, passage in enumerate(events)
                ]
                if len(new) == 1:
                    self._gate_connection.execute(rows.INSERT_EVENT, new[0])
                else:
                    with self._gate_connection.transaction():
                        self._gate_connection.conn.executemany(rows.INSERT_EVENT, new)
            except sqlite3.Error as trouble:
                self._roll_back()
                self._mark_corrupt(trouble)
                raise StoreError(f"{self.path}: a record could not be committed: {trouble}") from trouble
            self._newest_seq = first + len(new) - 1
        return [
            StoredEvent(epoch=self.epoch, seq=first + place, boot_id=self._boot_id, event=passage)
            for place, passage in enumerate(events)
        ]

    def _raise_if_corrupt(self) -> None:
        """What was found by whoever reads is told to the gate, which then asks `probe`, and so ends the daemon."""
        if self._corruption:
            raise StoreError(f"{self.path}: is damaged ({self._corruption}); the next start sets it aside")

    def _raise_if_full(self, new_count: int) -> None:
        """Undelivered passages do not give way to new ones; the gate must be out of order, and say so."""
        if self._newest_seq + new_count - self._delivery.up_to_seq > self.limits.max_rows:
            raise StoreError(
                f"{self.path}: {self.limits.max_rows} passages wait for the centre, and no more may be kept; "
                "see to the way to the centre, or raise storage.max_rows"
            )

    def _raise_if_low_on_space(self) -> None:
        try:
            left = limits_module.free_disk_bytes(self.path)
        except OSError as trouble:
            raise StoreError(f"{self.path}: its disk does not answer: {trouble.strerror}") from trouble
        if left < self.limits.min_free_bytes:
            raise StoreError(
                f"{self.path}: could not be committed: {left // 1_000_000} MB are left on its disk, and "
                f"{self.limits.min_free_bytes // 1_000_000} MB are kept free for receipts; make room"
            )

    def _mark_corrupt(self, error: Exception) -> None:
        """SQLITE_CORRUPT and SQLITE_NOTADB do not go away: the next start checks the file, and sets it aside."""
        if _is_corruption(error):
            self._corruption = str(error)
            with contextlib.suppress(OSError):  # the disk may be gone altogether; then there is nothing to check either
                corruption_marker(self.path).touch()

    def check_writable(self) -> None:
        """Can the disk commit? Writes and fsyncs one page without adding a record. The gate's thread, while broken.

        Raises StoreTrouble where it still cannot, and StoreDamaged where it never will: a new start mends that.
        """
        if self._corruption:
            raise StoreCorruptError(f"{self.path}: is damaged ({self._corruption}); the next start sets it aside")
        self._raise_if_low_on_space()
        with self._write_lock:
            try:
                with self._gate_connection.transaction():  # SQLite writes nothing for an UPDATE that changes nothing
                    self._gate_connection.execute("INSERT INTO acknowledged_range VALUES (0, 0)")
                    self._gate_connection.execute("DELETE FROM acknowledged_range WHERE first_seq = 0")
            except sqlite3.Error as trouble:
                self._roll_back()
                raise StoreError(f"{self.path}: still takes no record: {trouble}") from trouble

    def _roll_back(self) -> None:
        """A COMMIT that failed leaves its transaction open; ours must not linger. What is on disk is read anew."""
        self._newest_seq_known = False
        if self._gate_connection.conn.in_transaction:
            self._gate_connection.conn.rollback()

    def pending(self, after_seq: int, limit: int) -> Sequence[StoredEvent]:
        """Undelivered passages with seq > after_seq, oldest first, at most `limit`. Raises StoreTrouble."""
        return [rows.event_from_row(self.epoch, self._boot_ids, row) for row in self._pending_rows(after_seq, limit)]

    def encoded_events(self, source: str, after_seq: int, limit: int) -> Sequence[tuple[int, str]]:
        """The same as seq and CloudEvent (JSON text), `source` being the device's name in it. Raises StoreTrouble."""
        found = self._pending_rows(after_seq, limit)
        if source not in self._encoders:
            self._encoders[source] = EventEncoder(source, self.epoch, self._boot_ids)
        return self._encoders[source].encode(found)

    def recent(self, limit: int) -> Sequence[StoredEvent]:
        """The newest passages, delivered or not, newest first. Raises StoreTrouble."""
        found = self._select("event ORDER BY seq DESC LIMIT ?", [limit])
        return [rows.event_from_row(self.epoch, self._boot_ids, row) for row in found]

    def _pending_rows(self, after_seq: int, limit: int) -> list[tuple[Any, ...]]:
        with self._relay_lock:
            holes = self._delivery.has_gaps
            mark = self._delivery.up_to_seq
        if holes:
            return self._select("outbox WHERE seq > ? ORDER BY seq LIMIT ?", [after_seq, limit])
        # the same, without a look at two empty tables for each row
        return self._select("event WHERE seq > ? ORDER BY seq LIMIT ?", [max(after_seq, mark), limit])

    def _select(self, source: str, parameters: Iterable[int]) -> list[tuple[Any, ...]]:
        with self._relay_lock, self._store_errors("cannot be read"):
            return self._relay_connection.execute(rows.SELECT_EVENT_COLUMNS + source, list(parameters)).fetchall()

    def backlog_size(self) -> int:
        """How many passages the centre has not confirmed, quarantine left out. Any thread; no query: seq is gapless."""
        with self._relay_lock:
            return self._newest_seq - self._delivery.count()

    def quarantined_count(self) -> int:
        """How many passages the centre refused and has not taken since. Any thread."""
        return len(self._delivery.quarantined)

    def outbox_status(self) -> OutboxStatus:
        """For page and wire. Any thread. Raises StoreTrouble."""
        oldest = self.pending(0, 1)
        oldest_at = oldest[0].event.occurred_at.isoformat() if oldest else None
        return OutboxStatus(backlog_size=self.backlog_size(), oldest_at=oldest_at, quarantined=self.quarantined_count())

    def acknowledge(self, up_to_seq: int, ranges: Sequence[Range] = (), rejected: Sequence[RejectedSeq] = ()) -> None:
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
        with self._relay_lock:
            fresh = self._delivery.merge(spans, rejected)
            if fresh is None:
                return
            with self._write_lock, self._store_errors("could not note what the centre has"):
                self._delivery.persist(fresh, _now_text())
            self._checkpoint()

    def run_maintenance(self, now: ClockReading) -> int:
        """Let go a bounded part of what the limits say; how many rows went (none: it is done). From any thread.

        Nothing goes by age while the clock is not to be believed. Raises StoreTrouble.
        """
        at = now.utc_at if now.quality is not ClockQuality.UNSET else None
        text = now.utc_at.isoformat(timespec="seconds")
        gone = 0
        with self._store_errors("could not be tended"):
            for _ in range(limits_module.TRANSACTIONS_PER_RUN):
                with self._relay_lock:
                    what = limits_module.next_purge(
                        self._relay_connection,
                        self.path,
                        self.limits,
                        newest_seq=self._newest_seq,
                        delivered_up_to_seq=self._delivery.up_to_seq,
                        at=at,
                    )
                    if what is None:
                        break
                    with self._write_lock:
                        gone += limits_module.purge_rows(self._relay_connection, what, text)
            with self._relay_lock:
                if not gone and limits_module.is_low_on_space(self._relay_connection, self.path, self.limits):
                    up_to = self._newest_seq - limits_module.MIN_ROWS_FOR_VISITS
                    with self._write_lock:
                        self._redacted_up_to_seq = limits_module.redact_failures(
                            self._relay_connection, self._redacted_up_to_seq, up_to, text
                        )
        return gone

    def notices(self, limit: int = 100, before_number: int = 2**62) -> Sequence[StorageNotice]:
        """What was deleted, thinned or set aside, newest first, numbers below `before`. Any thread. Raises StoreTrouble."""
        with self._relay_lock, self._store_errors("cannot be read"):
            found = self._relay_connection.execute(
                "SELECT kind, at, first_seq, last_seq, count, detail, number FROM notice WHERE number < ? "
                "ORDER BY number DESC LIMIT ?",
                [before_number, limit],
            ).fetchall()
        return [StorageNotice(*row) for row in found]

    def purged_count(self) -> int:
        """How many records were deleted in this epoch. Any thread."""
        with self._relay_lock, self._store_errors("cannot be read"):
            found = self._relay_connection.execute(
                "SELECT coalesce(sum(count), 0) FROM notice WHERE kind LIKE 'purged-%'"
            )
            return int(found.fetchone()[0])

    def release_quarantine(self, only_seq: int | None = None) -> int:
        """Put what the centre refused, or one of it, back into the outbox; how many. Any thread. Raises StoreTrouble."""
        with self._relay_lock, self._write_lock, self._store_errors("quarantine could not be emptied"):
            return self._delivery.release_quarantine(only_seq)

    def _checkpoint(self) -> None:
        """Move the WAL into the file here, so that a person at the gate seldom waits for it. PASSIVE blocks nobody."""
        if self._newest_seq - self._checkpointed_seq < EVENTS_PER_CHECKPOINT:
            return
        self._checkpointed_seq = self._newest_seq
        with self._store_errors("could not be tidied"):
            self._relay_connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @contextlib.contextmanager
    def _store_errors(self, what: str) -> Iterator[None]:
        """Whatever SQLite raises becomes StoreTrouble; damage is remembered."""
        try:
            yield
        except (sqlite3.Error, OSError) as trouble:
            self._mark_corrupt(trouble)
            raise StoreError(f"{self.path}: {what}: {trouble}") from trouble

    def close(self) -> None:
        """Close both connections; the last one leaves a single file behind."""
        with self._relay_lock, self._write_lock:
            self._relay_connection.close()
            self._gate_connection.close()


def _is_corruption(error: BaseException | None) -> bool:
    """SQLITE_CORRUPT and SQLITE_NOTADB come as plain DatabaseError; full, locked and read-only as OperationalError."""
    return type(error) is sqlite3.DatabaseError


def _now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
