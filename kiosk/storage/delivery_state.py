"""Which events the centre has, and which it rejected: in memory, and persisted in the device's database."""

import secrets
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from kiosk.core.ports import QuarantineSelection
from kiosk.storage.connection import DatabaseConnection
from mqtt.sequence_ranges import Range, RangeSet

_COUNT_REJECTION = "INSERT INTO rejection_count VALUES (?, 1, ?) ON CONFLICT (seq) DO UPDATE SET times = times + 1"
_SELECT_DELIVERY = "SELECT singleton, epoch, up_to_seq, epoch_base_seq, source, checksum, board FROM delivery"
_UPDATE_DELIVERY = "UPDATE delivery SET up_to_seq = ?, epoch_base_seq = ?, source = ?, checksum = ?"

RejectedSeq = tuple[int, str]
"""The seq of an event, and why the centre rejects it."""


class DeliveryState:
    """One thread at a time. Methods that write raise sqlite3.Error, and then nothing is changed on disk."""

    def __init__(self, connection: DatabaseConnection) -> None:
        """Reads the persisted state. The caller closes the connection. Raises sqlite3.Error."""
        self._connection = connection
        self.epoch = ""
        """Identifies one life of the database."""
        self.base_seq = 0
        """Events up to this seq belong to earlier epochs. On the wire, an event has its seq minus this."""
        self.source = ""
        """The device that this epoch belongs to. Empty while it is not known."""
        self.board = ""
        """The board that this epoch was recorded on. Empty while it is not known."""
        self._ranges = RangeSet()
        self._quarantined: frozenset[int] = frozenset()
        self._persisted = True
        self.is_damaged = not self._load()
        """The persisted state does not agree with its checksum. A new epoch is needed, because no seq of it can be believed."""

    def _load(self) -> bool:
        """Returns False where the persisted state is damaged. Then nothing counts as delivered."""
        connection = self._connection
        found = connection.execute("SELECT seq FROM quarantine").fetchall()
        self._quarantined = frozenset(seq for (seq,) in found if isinstance(seq, int) and seq > 0)
        try:
            row = connection.execute(_SELECT_DELIVERY).fetchone()
            singleton, self.epoch, up_to_seq, self.base_seq, self.source, checksum, self.board = row or (
                0,
                "",
                0,
                0,
                "",
                0,
                "",
            )
            ranges = connection.execute(
                "SELECT first_seq, last_seq FROM acknowledged_range ORDER BY first_seq"
            ).fetchall()
            if singleton == 1 and checksum in (
                None,
                _checksum(self.epoch, self.base_seq, self.source, up_to_seq, ranges),
            ):
                self._ranges = RangeSet([(1, up_to_seq), *ranges] if up_to_seq else ranges)
                return True
        except (sqlite3.OperationalError, TypeError, ValueError):
            """A text that is not UTF-8, another type, or ranges that are none."""
        self.epoch, self.base_seq, self.source, self.board = secrets.token_hex(8), 0, "", ""
        return False

    @property
    def up_to_seq(self) -> int:
        """Every event from 1 up to this seq is settled."""
        return self._ranges.up_to

    @property
    def newest_seq(self) -> int:
        """The largest seq that the centre acknowledged or rejected; 0 if there is none."""
        return max(self.base_seq, self._ranges.maximum, max(self._quarantined, default=0))

    @property
    def has_gaps(self) -> bool:
        """Whether some events above `up_to_seq` are no longer pending."""
        return bool(self._ranges.after_first_gap() or self._quarantined)

    @property
    def quarantined(self) -> AbstractSet[int]:
        """Events that were rejected or cannot be read, and have not been accepted since. Any thread."""
        return self._quarantined

    @property
    def settled(self) -> RangeSet:
        """Events that need no delivery any more: the centre has them, or they are deleted. The caller does not change it."""
        return self._ranges

    def count(self) -> int:
        """Number of events that are no longer pending."""
        return self._ranges.count() + len(self._quarantined)

    def merge(self, ranges: Sequence[Range], rejected: Sequence[RejectedSeq]) -> Sequence[RejectedSeq] | None:
        """Add what a receipt says. Returns the new rejections for `persist`, or None where nothing is to be persisted."""
        before = list(self._ranges)
        for first, last in ranges:
            self._ranges.add(first, last)
        new_rejections = [one for one in rejected if one[0] not in self._quarantined and one[0] not in self._ranges]
        if list(self._ranges) == before and not new_rejections and self._persisted:
            return None
        self._persisted = False
        return new_rejections

    def persist(self, new_rejections: Sequence[RejectedSeq], now_text: str) -> None:
        """Write the state. Until this succeeds, `merge` never returns None."""
        accepted = {seq for seq in self._quarantined if seq in self._ranges}
        connection = self._connection
        with connection.transaction():
            self._write(self.epoch, self.base_seq, self.source, self._ranges)
            for seq, reason in new_rejections:
                connection.execute("INSERT INTO quarantine VALUES (?, ?, ?)", [seq, reason, now_text])
                connection.execute(_COUNT_REJECTION, [seq, now_text])
            for seq in accepted:
                connection.execute("DELETE FROM quarantine WHERE seq = ?", [seq])
            for (seq,) in connection.execute("SELECT seq FROM rejection_count").fetchall():
                if seq in self._ranges:
                    connection.execute("DELETE FROM rejection_count WHERE seq = ?", [seq])
        self._quarantined = self._quarantined - accepted | {seq for seq, _ in new_rejections}
        self._persisted = True

    def persist_deleted(self, seqs: Sequence[int], delete_rows: Callable[[], None]) -> None:
        """These events of the quarantine are deleted by `delete_rows`, in one transaction with the state."""
        ranges = RangeSet(self._ranges)
        for seq in seqs:
            ranges.add(seq)
        with self._connection.transaction():
            delete_rows()
            self._write(self.epoch, self.base_seq, self.source, ranges)
            for seq in seqs:
                self._connection.execute("DELETE FROM quarantine WHERE seq = ?", [seq])
                self._connection.execute("DELETE FROM rejection_count WHERE seq = ?", [seq])
        self._ranges = ranges
        self._quarantined = self._quarantined.difference(seqs)

    def persist_epoch(self, base_seq: int, owner: tuple[str, str], write_notice: Callable[[], None]) -> None:
        """Start an epoch in which all events after `base_seq` are pending. What is in quarantine stays there.

        `owner`: `source` and `board` of this epoch.
        """
        source, board = owner
        epoch, ranges = secrets.token_hex(8), _all_but(base_seq, self._quarantined)
        with self._connection.transaction():
            write_notice()
            self._connection.execute("DELETE FROM delivery")
            self._connection.execute("INSERT INTO delivery (singleton, epoch) VALUES (1, ?)", [epoch])
            self._write(epoch, base_seq, source, ranges)
            self._connection.execute("UPDATE delivery SET board = ?", [board])
        self.epoch, self.base_seq, self.source, self.board, self._ranges = epoch, base_seq, source, board, ranges
        self._persisted, self.is_damaged = True, False

    def persist_source(self, source: str, board: str) -> None:
        """Note which device this epoch belongs to, and on which board it is recorded."""
        with self._connection.transaction():
            self._write(self.epoch, self.base_seq, source, self._ranges)
            self._connection.execute("UPDATE delivery SET board = ?", [board])
        self.source, self.board = source, board

    def _write(self, epoch: str, base_seq: int, source: str, settled: RangeSet) -> None:
        connection, ranges = self._connection, settled.after_first_gap()
        checksum = _checksum(epoch, base_seq, source, settled.up_to, ranges)
        connection.execute(_UPDATE_DELIVERY, [settled.up_to, base_seq, source, checksum])
        connection.execute("DELETE FROM acknowledged_range")
        for seq_range in ranges:
            connection.execute("INSERT INTO acknowledged_range VALUES (?, ?)", seq_range)

    def release_quarantine(
        self, only_seq: int | None, selection: QuarantineSelection | None, newest_seq: int
    ) -> tuple[int, int]:
        """Make rejected events (or some of them) pending again. Returns their number, and the newest seq after it.

        An event of an earlier epoch has no seq in this one. It gets the next one.
        """
        released = self._quarantined if only_seq is None else self._quarantined & {only_seq}
        if selection is not None:
            released &= self._select_quarantined(selection)
        moved = [seq for seq in sorted(released) if seq <= self.base_seq]
        ranges = RangeSet([*self._ranges, *((seq, seq) for seq in moved)])
        with self._connection.transaction():
            for seq in released:
                self._connection.execute("DELETE FROM quarantine WHERE seq = ?", [seq])
            for place, seq in enumerate(moved, newest_seq + 1):
                self._connection.execute("UPDATE event SET seq = ? WHERE seq = ?", [place, seq])
            if moved:
                self._write(self.epoch, self.base_seq, self.source, ranges)
        self._quarantined, self._ranges = self._quarantined - released, ranges
        return len(released), newest_seq + len(moved)

    def _select_quarantined(self, selection: QuarantineSelection) -> set[int]:
        found = self._connection.execute(
            "SELECT seq, quarantine.reason FROM quarantine JOIN event USING (seq) WHERE occurred_us > ?",
            [int(selection.occurred_since_at.timestamp() * 1_000_000)],
        )
        return {seq for seq, reason in found.fetchall() if reason in selection.reasons}


def _checksum(epoch: str, base_seq: int, source: str, up_to_seq: int, ranges: Iterable[Range]) -> int:
    """SQLite has no checksums of its own: a flipped bit in `up_to_seq` would make events look delivered."""
    content = f"{epoch} {base_seq} {source} {up_to_seq} {sorted(tuple(one) for one in ranges)}"
    return zlib.crc32(content.encode(errors="replace"))


def _all_but(last: int, excluded: Iterable[int]) -> RangeSet:
    """1..last without these."""
    ranges = RangeSet()
    start = 1
    for seq in sorted(one for one in excluded if one <= last):
        if start < seq:
            ranges.add(start, seq - 1)
        start = seq + 1
    if start <= last:
        ranges.add(start, last)
    return ranges
