"""The event store in SQLite: the gate commits events, the relay reads pending ones and acknowledges them."""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from kiosk.core.model import AccessEvent, ClockReading, StoredEvent
from kiosk.core.ports import KioskError, QuarantineSelection, StoreError
from kiosk.core.status import OutboxStatus
from kiosk.storage import capacity, rows
from kiosk.storage.database import connect, open_or_replace, open_writer
from kiosk.storage.deletion import erasure, retention
from kiosk.storage.deletion.maintenance import RetentionMaintenance
from kiosk.storage.deletion.retention import RetentionLimits, StorageNotice
from kiosk.storage.delivery_state import DeliveryState, RejectedSeq
from kiosk.storage.event_reader import EventReader
from kiosk.storage.recovery import salvage
from kiosk.storage.recovery.corruption import corruption_marker, is_corruption
from mqtt.sequence_ranges import Range

log = logging.getLogger(__name__)

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
EVENTS_PER_CHECKPOINT = 400
"""SQLite's own checkpoint comes at 1000 pages of WAL (about 900 events), in a commit of the gate."""


class StoreCorruptError(KioskError):
    """The database is corrupt. Not a StoreError: the daemon ends, and the next start moves the file away."""


class SqliteEventStore:
    """One database, two connections, no thread of its own.

    The gate's connection (synchronous=FULL) belongs to the thread that calls `commit` and `check_writable`. The relay's
    connection (synchronous=NORMAL) serves all other calls, from any thread, one at a time. Both take one write lock, so that
    neither waits in SQLite's busy handler. The relay holds it for a transaction without fsync, so that the gate waits only
    microseconds. A power cut may lose an acknowledgement, and then the event is sent again.
    """

    def __init__(
        self,
        path: Path,
        *,
        boot_id: str | None = None,
        limits: RetentionLimits | None = None,
        now_at: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Open or create the file. A corrupt one is moved away first: `corrupt_file` is its new path.

        `now_at`: for the times of notices and of the quarantine. Raises StoreError (IncompatibleDatabaseError where the file is
        not ours).
        """
        self.path = path
        self._now_at = now_at
        self.limits = limits or RetentionLimits()
        self._write_lock = threading.Lock()
        self._relay_lock = threading.Lock()
        self._corruption = ""
        self.epoch_reason = ""
        """Why this process started a new epoch. Empty if it did not."""
        self._boot_id = boot_id or BOOT_ID_FILE.read_text(encoding="ascii").strip()
        self.corrupt_file: Path | None = None
        open_or_replace(path, self._open)

    def _open(self, corrupt_file: Path | None) -> None:
        self.corrupt_file = corrupt_file
        with contextlib.ExitStack() as opened:
            self._gate_connection = open_writer(self.path)
            opened.callback(self._gate_connection.close)
            try:
                self._relay_connection = connect(self.path, durable=False)
                opened.callback(self._relay_connection.close)
                self._load_state()
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise StoreError(f"{self.path}: cannot be read: {error}") from error
            opened.pop_all()

    def _load_state(self) -> None:
        self._relay_connection.execute("PRAGMA wal_autocheckpoint = 0")  # see _checkpoint
        if self.corrupt_file is not None:
            salvage.salvage_corrupt_file(self.corrupt_file, self._gate_connection, self._now_text())
        self._boot_number = rows.find_boot_number(self._gate_connection, self._boot_id)
        self._boot_ids = rows.read_boot_ids(self._relay_connection)
        self._delivery = DeliveryState(self._relay_connection)
        self._reader = EventReader(self._relay_connection, self._delivery, self._boot_ids)
        self._maintenance = RetentionMaintenance(
            self._relay_connection,
            self._delivery,
            path=self.path,
            limits=self.limits,
            relay_lock=self._relay_lock,
            write_lock=self._write_lock,
        )
        self._newest_seq = self._find_newest_seq()
        if self._delivery.is_damaged:
            oldest = self._gate_connection.execute("SELECT coalesce(min(seq), 0) FROM event").fetchone()[0]
            self._persist_epoch("delivery-state-damaged", ("", ""), int(oldest or self._newest_seq + 1))
        self._checkpointed_seq = self._newest_seq
        self._newest_seq_known = True
        if self._newest_seq - self._delivery.count() > self.limits.max_rows:  # a damaged seq, or rows that are gone
            self.settle_missing_rows()

    def _find_newest_seq(self) -> int:
        """Of the rows and of the delivery state: rows may be purged, and a seq is never used again."""
        found = self._gate_connection.execute("SELECT max(seq) FROM event").fetchone()[0] or 0
        return max(int(found), self._delivery.newest_seq)

    @property
    def epoch(self) -> str:
        """Identifies one life of the database: a random name."""
        return self._delivery.epoch

    @property
    def base_seq(self) -> int:
        """Events up to this seq belong to earlier epochs. On the wire, an event has its seq minus this."""
        return self._delivery.base_seq

    def bind_source(self, source: str, board: str = "") -> None:
        """The device's name on the wire, and the board. A database of another device or board starts a new epoch.

        `board`: empty if this machine cannot tell. Raises StoreError.
        """
        known, board = self._delivery, board or self._delivery.board
        if known.source not in ("", source):
            self.start_new_epoch("other-device", source, board)
        elif known.board not in ("", board):
            self.start_new_epoch("other-board", source, board)
        elif (known.source, known.board) != (source, board):
            with self._relay_lock, self._write_lock, self._store_errors("the name of the device could not be written"):
                self._delivery.persist_source(source, board)

    def start_new_epoch(self, reason: str, source: str | None = None, board: str | None = None) -> None:
        """Give all undelivered events a new epoch, in which they are sent again. Any thread. Raises StoreError."""
        known = self._delivery
        with self._relay_lock, self._write_lock, self._store_errors("a new epoch could not be started"):
            pending = self._relay_connection.execute("SELECT min(seq) FROM outbox").fetchone()[0]
            owner = (known.source if source is None else source, known.board if board is None else board)
            self._persist_epoch(reason, owner, pending)

    def _persist_epoch(self, reason: str, owner: tuple[str, str], first_pending: int | None) -> None:
        """`owner`: name on the wire and board."""
        first = first_pending or self._newest_seq + 1
        count = self._newest_seq - first + 1
        span = (first, self._newest_seq) if count else (None, None)
        notice = partial(retention.add_notice, at=self._now_text(), seq_range=span, count=count, detail=reason)
        self._delivery.persist_epoch(first - 1, owner, lambda: notice(self._relay_connection, "new-epoch"))
        self.epoch_reason = reason
        log.critical("%s: a new epoch was started (%s); %d events are sent again in it", self.path, reason, count)

    @property
    def boot_id(self) -> str:
        """The kernel's id of this boot. Compare monotonic times only within one boot."""
        return self._boot_id

    @property
    def boot_ids(self) -> Mapping[int, str]:
        """The boot ids by the numbers that stand in rows."""
        return self._boot_ids

    @property
    def newest_seq(self) -> int:
        """Of the last committed event; 0 if there is none. Any thread."""
        return self._newest_seq

    def commit(self, event: AccessEvent) -> StoredEvent:
        """Write and fsync. The event survives a power cut once this returns. The gate's thread alone.

        Raises StoreError. Then nothing was recorded, no seq was used, and the call may be repeated.
        """
        return self.commit_all([event])[0]

    def commit_all(self, events: Sequence[AccessEvent]) -> Sequence[StoredEvent]:
        """The same for several events in one transaction: all of them are recorded, or none."""
        with self._write_lock:
            try:
                if not self._newest_seq_known:
                    self._newest_seq = self._find_newest_seq()
                    self._newest_seq_known = True
                self._raise_if_corrupt()
                capacity.require_room(
                    self.path, self.limits, self._newest_seq + len(events) - self._delivery.settled.count()
                )
                capacity.require_free_space(self.path, self.limits)
                first = self._newest_seq + 1
                new = [rows.event_to_row(first + place, self._boot_number, event) for place, event in enumerate(events)]
                if len(new) == 1:
                    self._gate_connection.execute(rows.INSERT_EVENT, new[0])
                else:
                    with self._gate_connection.transaction():
                        self._gate_connection.conn.executemany(rows.INSERT_EVENT, new)
            except sqlite3.Error as error:
                self._roll_back()
                self._mark_corrupt(error)
                raise StoreError(f"{self.path}: the event could not be committed: {error}") from error
            self._newest_seq = first + len(new) - 1
        return [
            StoredEvent(epoch=self.epoch, seq=first + place, boot_id=self._boot_id, event=event)
            for place, event in enumerate(events)
        ]

    def _raise_if_corrupt(self) -> None:
        """A reader found corruption. The gate then calls `check_writable`, which ends the daemon."""
        if self._corruption:
            raise StoreError(f"{self.path}: is corrupt ({self._corruption}); the next start moves it away")

    def _mark_corrupt(self, error: Exception) -> None:
        """The next start checks the file, and moves it away where it is corrupt."""
        if is_corruption(error):
            self._corruption = str(error)
            with contextlib.suppress(OSError):  # the disk may be gone
                corruption_marker(self.path).touch()

    def check_writable(self) -> None:
        """Write and fsync one page, without an event. The gate's thread, while out of order.

        Raises StoreError where the disk still refuses, and StoreCorruptError where a restart is needed.
        """
        if self._corruption:
            raise StoreCorruptError(f"{self.path}: is corrupt ({self._corruption}); the next start moves it away")
        capacity.require_free_space(self.path, self.limits)
        with self._write_lock:
            try:
                with self._gate_connection.transaction():  # an UPDATE that changes nothing would write nothing
                    self._gate_connection.execute("INSERT INTO acknowledged_range VALUES (0, 0)")
                    self._gate_connection.execute("DELETE FROM acknowledged_range WHERE first_seq = 0")
            except sqlite3.Error as error:
                self._roll_back()
                self._mark_corrupt(error)
                if self._corruption:
                    raise StoreCorruptError(
                        f"{self.path}: is corrupt ({error}); the next start moves it away"
                    ) from error
                raise StoreError(f"{self.path}: is still not writable: {error}") from error

    def add_counted_refusals(self, count: int, at: datetime) -> None:
        """Declare refusals that got no event of their own, in a notice. The gate's thread alone. Raises StoreError."""
        with self._write_lock:
            try:
                retention.add_notice(
                    self._gate_connection, "refusals-counted", at=at.isoformat(timespec="seconds"), count=count
                )
            except sqlite3.Error as error:
                self._mark_corrupt(error)
                raise StoreError(f"{self.path}: the notice could not be committed: {error}") from error

    def _roll_back(self) -> None:
        """A failed COMMIT leaves its transaction open."""
        self._newest_seq_known = False
        if self._gate_connection.conn.in_transaction:
            self._gate_connection.conn.rollback()

    def pending(self, after_seq: int, limit: int) -> Sequence[StoredEvent]:
        """Events that are not acknowledged, with seq > after_seq, oldest first, at most `limit`. Raises StoreError.

        Rows that cannot be understood are left out.
        """
        with self._reading() as reader:
            return reader.events(reader.pending_rows(after_seq, limit))

    def pending_rows(self, after_seq: int, limit: int) -> Sequence[tuple[Any, ...]]:
        """The same as rows (rows.EVENT_COLUMNS), also those that cannot be understood. Raises StoreError."""
        with self._reading() as reader:
            return reader.pending_rows(after_seq, limit)

    def recent(self, limit: int) -> Sequence[StoredEvent]:
        """The newest events, pending or not, newest first. Rows that cannot be understood are left out. Raises StoreError."""
        with self._reading() as reader:
            return reader.events(reader.recent_rows(limit))

    def event_ids(self, first_seq: int, last_seq: int) -> Mapping[int, bytes]:
        """The ids of these events by seq, for the check of a receipt. Raises StoreError."""
        with self._reading() as reader:
            return reader.event_ids(first_seq, last_seq)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[EventReader]:
        with self._relay_lock, self._store_errors("cannot be read"):
            yield self._reader

    @property
    def unreadable_rows(self) -> int:
        """How many rows this process found that it cannot understand. Any thread."""
        return len(self._reader.unreadable_seqs)

    def quarantine_unreadable(self, reasons: Mapping[int, str]) -> None:
        """Put pending events aside that cannot be understood, each with its reason. A notice counts them. Raises StoreError."""
        with self._relay_lock, self._write_lock, self._store_errors("unreadable events could not be quarantined"):
            salvage.quarantine_unreadable(self._relay_connection, self._delivery, reasons, self._now_text())
            self._reader.unreadable_seqs.update(reasons)

    def settle_missing_rows(self) -> None:
        """Let nothing wait for pending events whose rows are gone. A notice counts them. Raises StoreError."""
        with self._relay_lock, self._write_lock, self._store_errors("the outbox could not be checked"):
            salvage.settle_missing_rows(self._relay_connection, self._delivery, self._newest_seq, self._now_text())

    def backlog_size(self) -> int:
        """Number of pending events, without quarantined ones. Any thread. No query, because seq has no gaps."""
        with self._relay_lock:
            return self._newest_seq - self._delivery.count()

    def quarantined_count(self) -> int:
        """Number of events that the centre rejected and has not accepted since. Any thread."""
        return len(self._delivery.quarantined)

    def outbox_status(self) -> OutboxStatus:
        """Backlog and quarantine for status.json. Any thread.

        Raises StoreError, and StoreCorruptError where a restart is needed.
        """
        if self._corruption:
            raise StoreCorruptError(f"{self.path}: is corrupt ({self._corruption}); the next start moves it away")
        oldest = self.pending(0, 10)
        return OutboxStatus(
            backlog_size=self.backlog_size(),
            oldest_at=oldest[0].event.occurred_at.isoformat() if oldest else None,
            quarantined=self.quarantined_count(),
        )

    def acknowledge(self, up_to_seq: int, ranges: Sequence[Range] = (), rejected: Sequence[RejectedSeq] = ()) -> None:
        """The centre has 1..up_to_seq and `ranges`. It rejects (seq, reason): these go into quarantine. Any thread.

        An older receipt changes nothing. Raises StoreError, and ValueError for a seq that was never used: then the receipt is
        for another life of this database.
        """
        acknowledged = [(1, up_to_seq)] if up_to_seq else []
        acknowledged += [(first, last) for first, last in ranges]
        newest = self._newest_seq
        if any(last > newest for _, last in acknowledged) or any(seq > newest for seq, _ in rejected):
            raise ValueError(f"the centre acknowledges more than was ever recorded here (newest seq {newest})")
        with self._relay_lock:
            new_rejections = self._delivery.merge(acknowledged, rejected)
            if new_rejections is None:
                return
            with self._write_lock, self._store_errors("the acknowledgement could not be written"):
                self._delivery.persist(new_rejections, self._now_text())
            self._checkpoint()

    def run_maintenance(self, now: ClockReading) -> int:
        """Apply the retention limits to a bounded number of rows; returns how many were deleted. Any thread.

        Unless the clock is synchronised, nothing is deleted by age. Raises StoreError.
        """
        with self._store_errors("the retention limits could not be applied"):
            return self._maintenance.run(now, lambda: self._newest_seq)

    def forget_events(self, ids: Collection[UUID]) -> int:
        """Overwrite what these events hold of a person; returns how many held something. Any thread. Raises StoreError."""
        with self._relay_lock, self._store_errors("the events could not be forgotten"):
            return erasure.forget_events(self._relay_connection, ids, self._write_lock, self._now_text())

    def notices(self, limit: int = 100, before_number: int = 2**62) -> Sequence[StorageNotice]:
        """Deletions, redactions and moved files, newest first, numbers below `before_number`. Any thread. Raises StoreError."""
        with self._relay_lock, self._store_errors("cannot be read"):
            return retention.read_notices(self._relay_connection, limit, before_number)

    def purged_count(self) -> int:
        """Number of events deleted in this epoch. Any thread. Raises StoreError."""
        with self._relay_lock, self._store_errors("cannot be read"):
            return retention.purged_count(self._relay_connection)

    def release_quarantine(self, only_seq: int | None = None, retry: QuarantineSelection | None = None) -> int:
        """Make rejected events (or some) pending again; returns their number. Any thread. Raises StoreError."""
        with self._relay_lock, self._write_lock, self._store_errors("the quarantine could not be released"):
            count, self._newest_seq = self._delivery.release_quarantine(only_seq, retry, self._newest_seq)
        return count

    def _checkpoint(self) -> None:
        """Copy the WAL into the file here, so that a commit of the gate seldom does it. PASSIVE does not block a writer."""
        if self._newest_seq - self._checkpointed_seq < EVENTS_PER_CHECKPOINT:
            return
        self._checkpointed_seq = self._newest_seq
        with self._store_errors("the checkpoint failed"):
            self._relay_connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @contextlib.contextmanager
    def _store_errors(self, what: str) -> Iterator[None]:
        """Turn errors of SQLite and the disk into StoreError."""
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            self._mark_corrupt(error)
            raise StoreError(f"{self.path}: {what}: {error}") from error

    def close(self) -> None:
        """Close both connections. The last one leaves a single file."""
        with self._relay_lock, self._write_lock:
            self._relay_connection.close()
            self._gate_connection.close()

    def _now_text(self) -> str:
        return self._now_at().isoformat(timespec="seconds")
