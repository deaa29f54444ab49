"""Undelivered events of one simulated kiosk, in memory: the outbox of the product's relay without a database."""

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from kiosk.core.model import ClockReading
from kiosk.core.ports import NoticeLike
from mqtt.sequence_ranges import RangeSet
from tests.fleet.kiosk.people import Encounter

BOOT_ID = "b9f1c0de-1111-4222-8333-444455556666"
_BOOT_NUMBER = 1
_SEQ_BITS = 24
_SPREAD = 0x9E3779B1
"""Odd, so that no two kiosks have the same product. Epochs of real kiosks are random, and a kiosk's first message depends on it."""


class FleetOutbox:
    """Implements kiosk.core.ports.Outbox. Eight bytes for each event: everything else of an event follows from its seq."""

    __slots__ = (
        "_encounters",
        "_index",
        "_rejected",
        "_run",
        "_settled",
        "epoch",
        "newest_seq",
        "occurred_ms",
        "offset_s",
    )

    base_seq = 0
    boot_id = BOOT_ID
    boot_ids: Mapping[int, str] = {_BOOT_NUMBER: BOOT_ID}

    def __init__(self, run: int, index: int, encounters: Sequence[Encounter], offset_s: float) -> None:
        """`run` (32 bits) names the run, so that one centre can serve several. `offset_s`: wall clock minus monotonic clock."""
        self.epoch = f"{index * _SPREAD % 2**32:08x}{run:08x}"
        self.newest_seq = 0
        self.occurred_ms = array("q")
        """When each event happened, from seq 1 on: milliseconds since 1970."""
        self.offset_s = offset_s
        self._run = run
        self._index = index
        self._encounters = encounters
        self._settled = RangeSet()
        self._rejected: dict[int, str] = {}

    def record(self, occurred_ms: int) -> int:
        """Record a passage. Returns its seq."""
        self.occurred_ms.append(occurred_ms)
        self.newest_seq += 1
        return self.newest_seq

    def event_id(self, seq: int) -> bytes:
        """A UUIDv7 of the event's time, the run, the kiosk and the seq."""
        high = self.occurred_ms[seq - 1] << 16 | 7 << 12 | (self._index & 0xFFF)
        low = 2 << 62 | (self._run & 0xFFFFFF) << 38 | (self._index >> 12 & 0x3FFF) << _SEQ_BITS | seq
        return high.to_bytes(8, "big") + low.to_bytes(8, "big")

    @property
    def settled_count(self) -> int:
        """Events that a receipt confirmed, or rejected."""
        return self._settled.count()

    @property
    def rejected(self) -> Mapping[int, str]:
        """Events that the centre rejected, by seq, with the reason."""
        return self._rejected

    def backlog_size(self) -> int:
        """See Outbox."""
        return self.newest_seq - self._settled.count()

    def pending_rows(self, after_seq: int, limit: int) -> list[tuple[Any, ...]]:
        """See Outbox."""
        rows: list[tuple[Any, ...]] = []
        seq = max(after_seq, self._settled.up_to)
        while len(rows) < limit and seq < self.newest_seq:
            seq += 1
            if seq not in self._settled:
                rows.append(self._row(seq))
        return rows

    def _row(self, seq: int) -> tuple[Any, ...]:
        at_ms = self.occurred_ms[seq - 1]
        encounter = self._encounters[(self._index + seq) % len(self._encounters)]
        monotonic_s = max(0.0, at_ms / 1000 - self.offset_s)
        return (seq, self.event_id(seq), _BOOT_NUMBER, at_ms * 1000, monotonic_s, *encounter, None, None)

    def event_ids(self, first_seq: int, last_seq: int) -> dict[int, bytes]:
        """See Outbox."""
        return {seq: self.event_id(seq) for seq in range(first_seq, min(last_seq, self.newest_seq) + 1)}

    def acknowledge(
        self, up_to_seq: int, ranges: Sequence[tuple[int, int]] = (), rejected: Sequence[tuple[int, str]] = ()
    ) -> None:
        """See Outbox."""
        if up_to_seq:
            self._settled.add(1, up_to_seq)
        for first, last in ranges:
            self._settled.add(first, last)
        for seq, reason in rejected:
            self._settled.add(seq)
            self._rejected[seq] = reason

    def oldest_pending_ms(self) -> int | None:
        """When the oldest unconfirmed event happened."""
        rows = self.pending_rows(0, 1)
        return self.occurred_ms[rows[0][0] - 1] if rows else None

    def recorded_before(self, at_ms: int) -> int:
        """The number of events before this time."""
        return bisect_right(self.occurred_ms, at_ms)

    def bind_source(self, source: str, board: str = "") -> None:
        """It has one source."""

    def start_new_epoch(self, reason: str) -> None:
        """A simulated kiosk never needs one. Raises RuntimeError, because then the run is wrong."""
        raise RuntimeError(f"the centre has other events under this epoch: {reason}")

    def quarantine_unreadable(self, reasons: Mapping[int, str]) -> None:
        """Raises RuntimeError: rows in memory are never damaged."""
        raise RuntimeError(f"unreadable rows: {reasons}")

    def settle_missing_rows(self) -> None:
        """No row is ever missing."""

    def purged_count(self) -> int:
        """It deletes nothing."""
        return 0

    def notices(self, limit: int, before_number: int = 0) -> Sequence[NoticeLike]:
        """It has none."""
        return ()

    def run_maintenance(self, now: ClockReading) -> int:
        """It deletes nothing."""
        return 0

    def release_quarantine(self, only_seq: int | None = None, retry: object = None) -> int:
        """Rejected events stay rejected."""
        return 0

    def quarantined_count(self) -> int:
        """Rejected events."""
        return len(self._rejected)
