"""What the centre said that it has: checked, gathered, and noted on disk several at a time."""

import logging

from kiosk.core.ports import Outbox
from kiosk.delivery.event_encoder import event_id
from mqtt.events import Receipt
from mqtt.inflight_window import InflightMessage, InflightWindow
from mqtt.sequence_ranges import RangeSet

log = logging.getLogger(__name__)

FLUSH_INTERVAL_S = 0.1
MIN_BACKLOG_TO_FLUSH = 50


class ForeignReceiptError(Exception):
    """A receipt that cannot be about this database; the text says what may be behind it."""


class ReceiptBuffer:
    """One courier's; its thread alone. A noted receipt that a power cut takes back only costs a re-send."""

    def __init__(self, outbox: Outbox, window: InflightWindow[str]) -> None:
        self._outbox = outbox
        self._window = window
        self._acknowledged = RangeSet()
        self._rejected: dict[int, str] = {}
        self._flush_due_s = 0.0

    def apply(self, receipt: Receipt) -> bool:
        """Let land what it covers; False where it is about another epoch. Raises ForeignReceipt."""
        if receipt.epoch != self._outbox.epoch:
            return False
        newest = self._outbox.newest_seq
        if max([receipt.up_to_seq, *(last for _, last in receipt.ranges)]) > newest:
            raise ForeignReceiptError(
                f"the centre confirms passages past {newest}, the newest here: does another device use this name, "
                "or was an old copy of the database put back?"
            )
        if receipt.rejected:
            reasons = {one.id: one.reason for one in receipt.rejected}
            ids = ((seq, event_id(event)) for seq, event in self._window.rows())
            self.quarantine({seq: reasons[id_] for seq, id_ in ids if id_ in reasons})
        if receipt.up_to_seq:
            self._acknowledged.add(1, receipt.up_to_seq)
        for first, last in receipt.ranges:
            self._acknowledged.add(first, last)
        self._window.acknowledge_ranges(receipt.up_to_seq, receipt.ranges)
        return True

    def apply_puback(self, message: InflightMessage[str]) -> None:
        """delivery = broker: PUBACK counts as a receipt."""
        first, last = next(iter(message.rows)), next(reversed(message.rows))
        if last - first + 1 == len(message.rows):
            self._acknowledged.add(first, last)
        else:
            for seq in message.rows:
                self._acknowledged.add(seq)
        self._window.remove(message)

    def quarantine(self, reasons: dict[int, str]) -> None:
        """These passages go into quarantine, each with its reason: they are kept, and do not stand in others' way."""
        for seq, reason in reasons.items():
            log.error("passage %d is refused: %s. It is kept in quarantine", seq, reason)
        self._rejected.update(reasons)
        self._window.acknowledge(reasons)

    @property
    def has_pending(self) -> bool:
        """There is news that is not on disk yet."""
        return bool(self._acknowledged.maximum or self._rejected)

    def flush(self, now_s: float, *, immediately: bool = False) -> None:
        """Note on disk what was gathered: after SETTLE_EVERY_S, or when a backlog has come to its end.

        Raises StoreTrouble; then it stays gathered.
        """
        if not self.has_pending:
            return
        at_end = (
            len(self._window) == 0 and self._acknowledged.maximum and self._acknowledged.count() >= MIN_BACKLOG_TO_FLUSH
        )
        if now_s < self._flush_due_s and not immediately and not at_end:
            return
        self._outbox.acknowledge(
            self._acknowledged.up_to, self._acknowledged.after_first_gap(), list(self._rejected.items())
        )
        self._acknowledged, self._rejected = RangeSet(), {}
        self._flush_due_s = now_s + FLUSH_INTERVAL_S
