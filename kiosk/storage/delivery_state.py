"""Which events the centre has, and which it rejected: in memory, and persisted in the device's database."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from kiosk.storage.connection import DatabaseConnection
from mqtt.sequence_ranges import Range, RangeSet

_COUNT_REJECTION = "INSERT INTO rejection_count VALUES (?, 1, ?) ON CONFLICT (seq) DO UPDATE SET times = times + 1"

RejectedSeq = tuple[int, str]
"""The seq of an event, and why the centre rejects it."""


class DeliveryState:
    """One thread at a time. `persist` and `release_quarantine` write, and raise sqlite3.Error."""

    def __init__(self, connection: DatabaseConnection) -> None:
        """Reads the persisted state. The caller closes the connection. Raises sqlite3.Error."""
        self._connection = connection
        epoch, up_to_seq = connection.execute("SELECT epoch, up_to_seq FROM delivery").fetchone()
        self.epoch: str = epoch
        """Identifies one life of the database."""
        self._ranges = RangeSet(connection.execute("SELECT first_seq, last_seq FROM acknowledged_range").fetchall())
        if up_to_seq:
            self._ranges.add(1, up_to_seq)
        self._quarantined = frozenset(int(row[0]) for row in connection.execute("SELECT seq FROM quarantine"))
        self._persisted = True

    @property
    def up_to_seq(self) -> int:
        """The centre has every event from 1 up to this seq."""
        return self._ranges.up_to

    @property
    def newest_seq(self) -> int:
        """The largest seq that the centre acknowledged or rejected; 0 if there is none."""
        return max(self._ranges.maximum, max(self._quarantined, default=0))

    @property
    def has_gaps(self) -> bool:
        """Whether some events above `up_to_seq` are no longer pending."""
        return bool(self._ranges.after_first_gap() or self._quarantined)

    @property
    def quarantined(self) -> AbstractSet[int]:
        """Events that the centre rejected and has not accepted since. Any thread."""
        return self._quarantined

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
            connection.execute("UPDATE delivery SET up_to_seq = ?", [self._ranges.up_to])
            connection.execute("DELETE FROM acknowledged_range")
            for seq_range in self._ranges.after_first_gap():
                connection.execute("INSERT INTO acknowledged_range VALUES (?, ?)", seq_range)
            for seq, reason in new_rejections:
                connection.execute("INSERT INTO quarantine VALUES (?, ?, ?)", [seq, reason, now_text])
                connection.execute(_COUNT_REJECTION, [seq, now_text])
            for seq in accepted:
                connection.execute("DELETE FROM quarantine WHERE seq = ?", [seq])
            connection.execute("DELETE FROM rejection_count WHERE seq <= ?", [self._ranges.up_to])
        self._quarantined = self._quarantined - accepted | {seq for seq, _ in new_rejections}
        self._persisted = True

    def release_quarantine(self, only_seq: int | None) -> int:
        """Make rejected events (or one of them) pending again. Returns their number."""
        released = self._quarantined if only_seq is None else self._quarantined & {only_seq}
        with self._connection.transaction():
            for seq in released:
                self._connection.execute("DELETE FROM quarantine WHERE seq = ?", [seq])
        self._quarantined = self._quarantined - released
        return len(released)
