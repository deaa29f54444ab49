"""Checks each receipt against what a simulated kiosk really sent, without the product's code for receipts."""

from hashlib import sha256

from mqtt.events import Receipt
from mqtt.message_model import InvalidMessageError
from mqtt.sequence_ranges import RangeSet
from tests.fleet.counts import Counts
from tests.fleet.kiosk.outbox import FleetOutbox


class ReceiptCheck:
    """For one kiosk. A receipt confirms an event where it names a range of seqs with the digest of the ids in it."""

    __slots__ = ("_counts", "_outbox", "backlog_up_to", "confirmed", "sent", "sent_here")

    def __init__(self, outbox: FleetOutbox, counts: Counts) -> None:
        self._outbox = outbox
        self._counts = counts
        self.confirmed = RangeSet()
        self.sent = RangeSet()
        self.sent_here = RangeSet()
        """Over the present connection."""
        self.backlog_up_to = 0
        """Events up to this seq were recorded before the present connection."""

    def on_connected(self) -> None:
        """A new connection."""
        self.sent_here = RangeSet()
        self.backlog_up_to = self._outbox.newest_seq

    def on_sent(self, seqs: list[int]) -> None:
        """These events went out in one message."""
        self._counts.messages += 1
        for seq in seqs:
            if seq in self.sent_here:
                self._counts.resent += 1
            elif seq in self.sent:
                self._counts.resent_after_reconnect += 1
            self.sent_here.add(seq)
            self.sent.add(seq)

    def on_receipt(self, payload: bytes, now_ms: float) -> None:
        """Count what it confirms, and whatever is wrong with it."""
        self._counts.receipts += 1
        try:
            receipt = Receipt.from_payload(payload)
        except InvalidMessageError as error:
            self._counts.wrong_receipts[str(error)] += 1
            return
        if receipt.epoch != self._outbox.epoch:
            self._counts.wrong_receipts["another-epoch"] += 1
            return
        if max([receipt.up_to_seq, *(last for _, last in receipt.ranges)]) > self.sent.maximum:
            self._counts.wrong_receipts["never-sent"] += 1
        self._counts.rejected += len(receipt.rejected)
        for first, last, digest in receipt.confirmed or ():
            self._on_confirmed(first, last, digest, now_ms)

    def _on_confirmed(self, first: int, last: int, digest: str, now_ms: float) -> None:
        if last > self._outbox.newest_seq:
            self._counts.wrong_receipts["never-sent"] += 1
            return
        ids = b"".join(self._outbox.event_id(seq) for seq in range(first, last + 1))
        if sha256(ids).hexdigest()[:16] != digest:
            self._counts.wrong_receipts["wrong-digest"] += 1
            return
        for seq in range(first, last + 1):
            if seq not in self.confirmed:
                delays = self._counts.backlog if seq <= self.backlog_up_to else self._counts.live
                delays.add(now_ms - self._outbox.occurred_ms[seq - 1])
                self._counts.confirmed += 1
        self.confirmed.add(first, last)
