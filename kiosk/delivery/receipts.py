"""Checks receipts, collects what they acknowledge, and writes several of them to the store at once."""

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
    """A receipt that cannot be for this database. The text says what may be the cause."""


class ReceiptBuffer:
    """For one relay and its thread. Where a power cut loses a written receipt, the events are sent again."""

    def __init__(self, outbox: Outbox, window: InflightWindow[str]) -> None:
        self._outbox = outbox
        self._window = window
        self._acknowledged = RangeSet()
        self._rejected: dict[int, str] = {}
        self._flush_due_s = 0.0

    def apply(self, receipt: Receipt) -> bool:
        """Acknowledge what the receipt covers. Returns False for another epoch. Raises ForeignReceiptError."""
        if receipt.epoch != self._outbox.epoch:
            return False
        newest = self._outbox.newest_seq
        if max([receipt.up_to_seq, *(last for _, last in receipt.ranges)]) > newest:
            raise ForeignReceiptError(
                f"the centre acknowledges events after seq {newest}, which is the newest here: another device may use this name, "
                "or an old copy of the database was restored"
            )
        if receipt.rejected:
            reasons = {one.id: one.reason for one in receipt.rejected}
            ids = ((seq, event_id(text)) for seq, text in self._window.rows())
            self.quarantine({seq: reasons[id_] for seq, id_ in ids if id_ in reasons})
        if receipt.up_to_seq:
            self._acknowledged.add(1, receipt.up_to_seq)
        for first, last in receipt.ranges:
            self._acknowledged.add(first, last)
        self._window.acknowledge_ranges(receipt.up_to_seq, receipt.ranges)
        return True

    def apply_puback(self, message: InflightMessage[str]) -> None:
        """acknowledge_by = broker: a PUBACK counts as a receipt."""
        first, last = next(iter(message.rows)), next(reversed(message.rows))
        if last - first + 1 == len(message.rows):
            self._acknowledged.add(first, last)
        else:
            for seq in message.rows:
                self._acknowledged.add(seq)
        self._window.remove(message)

    def quarantine(self, reasons: dict[int, str]) -> None:
        """Move events to quarantine, each with its reason. They are kept, and no longer block others."""
        for seq, reason in reasons.items():
            log.error("event %d is rejected: %s. It is kept in quarantine", seq, reason)
        self._rejected.update(reasons)
        self._window.acknowledge(reasons)

    @property
    def has_pending(self) -> bool:
        """Something is not written yet."""
        return bool(self._acknowledged.maximum or self._rejected)

    def flush(self, now_s: float, *, immediately: bool = False) -> None:
        """Write to the store: every FLUSH_INTERVAL_S, and at the end of a backlog.

        Raises StoreError. Then it is written at the next call.
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
