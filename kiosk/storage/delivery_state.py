"""What the centre has of this database, and what it refused: known in memory, noted on disk."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from kiosk.storage.connection import DatabaseConnection
from mqtt.sequence_ranges import Range, RangeSet

COUNT_REJECTION = "INSERT INTO rejection_count VALUES (?, 1, ?) ON CONFLICT (seq) DO UPDATE SET times = times + 1"

RejectedSeq = tuple[int, str]
"""A passage's seq, and why the centre does not take it."""


class DeliveryState:
    """One thread at a time; `note` and `release` write, and raise sqlite3.Error."""

    def __init__(self, connection: DatabaseConnection) -> None:
        """Reads what was noted; the connection stays its owner's. Raises sqlite3.Error."""
        self._connection = connection
        epoch, mark = connection.execute("SELECT epoch, up_to_seq FROM delivery").fetchone()
        self.epoch: str = epoch
        """Which life of which database."""
        self._ranges = RangeSet(connection.execute("SELECT first_seq, last_seq FROM acknowledged_range").fetchall())
        if mark:
            self._ranges.add(1, mark)
        self._quarantined = frozenset(int(row[0]) for row in connection.execute("SELECT seq FROM quarantine"))
        self._persisted = True

    @property
    def up_to_seq(self) -> int:
        """Everything up to this seq is settled."""
        return self._ranges.up_to

    @property
    def newest_seq(self) -> int:
        """The largest seq that the centre said anything about; 0 where it said nothing."""
        return max(self._ranges.maximum, max(self._quarantined, default=0))

    @property
    def has_gaps(self) -> bool:
        """Whether something above `up_to` waits no longer."""
        return bool(self._ranges.after_first_gap() or self._quarantined)

    @property
    def quarantined(self) -> AbstractSet[int]:
        """What it refused and has not taken since. Any thread."""
        return self._quarantined

    def count(self) -> int:
        """How many passages wait no longer."""
        return self._ranges.count() + len(self._quarantined)

    def merge(self, ranges: Sequence[Range], rejected: Sequence[RejectedSeq]) -> Sequence[RejectedSeq] | None:
        """Take in what the centre has. What of its refusals is new, for `note`; None where all is known, and on disk."""
        before = list(self._ranges)
        for first, last in ranges:
            self._ranges.add(first, last)
        fresh = [pair for pair in rejected if pair[0] not in self._quarantined and pair[0] not in self._ranges]
        if list(self._ranges) == before and not fresh and self._persisted:
            return None
        self._persisted = False
        return fresh

    def persist(self, new_rejections: Sequence[RejectedSeq], now_text: str) -> None:
        """Write down what was learnt; until that succeeds, `learn` never says that all is known."""
        accepted = {seq for seq in self._quarantined if seq in self._ranges}
        connection = self._connection
        with connection.transaction():
            connection.execute("UPDATE delivery SET up_to_seq = ?", [self._ranges.up_to])
            connection.execute("DELETE FROM acknowledged_range")
            for span in self._ranges.after_first_gap():
                connection.execute("INSERT INTO acknowledged_range VALUES (?, ?)", span)
            for seq, reason in new_rejections:
                connection.execute("INSERT INTO quarantine VALUES (?, ?, ?)", [seq, reason, now_text])
                connection.execute(COUNT_REJECTION, [seq, now_text])
            for seq in accepted:
                connection.execute("DELETE FROM quarantine WHERE seq = ?", [seq])
            connection.execute("DELETE FROM rejection_count WHERE seq <= ?", [self._ranges.up_to])
        self._quarantined = self._quarantined - accepted | {seq for seq, _ in new_rejections}
        self._persisted = True

    def release_quarantine(self, only_seq: int | None) -> int:
        """Let what it refused, or one of it, wait again; how many."""
        released = self._quarantined if only_seq is None else self._quarantined & {only_seq}
        with self._connection.transaction():
            for seq in released:
                self._connection.execute("DELETE FROM quarantine WHERE seq = ?", [seq])
        self._quarantined = self._quarantined - released
        return len(released)
