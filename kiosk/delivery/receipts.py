"""Checks receipts, collects what they acknowledge, and writes several of them to the store at once."""

import logging
from collections.abc import Iterable, Mapping

from kiosk.core.ports import Outbox
from kiosk.delivery.event_encoder import event_id, event_id_bytes
from kiosk.delivery.inflight_window import InflightMessage, InflightWindow
from mqtt.events import SEQ_CONFLICT, Receipt, digest_of_ids
from mqtt.sequence_ranges import Range, RangeSet

log = logging.getLogger(__name__)

FLUSH_INTERVAL_S = 0.1
MIN_BACKLOG_TO_FLUSH = 50


MAX_CONFIRMED_EVENTS = 10_000
"""Of one range. A centre commits about a thousand events at once."""


class EpochConflictError(Exception):
    """The centre has other events under seqs of this epoch, so seqs were given out twice. The text says what may be the cause."""


class ReceiptBuffer:
    """For one relay and its thread. Where a power cut loses a written receipt, the events are sent again."""

    def __init__(self, outbox: Outbox, window: InflightWindow[str]) -> None:
        self._outbox = outbox
        self._window = window
        self._acknowledged = RangeSet()
        self._rejected: dict[int, str] = {}
        self._flush_due_s = 0.0

    def apply(self, receipt: Receipt) -> bool:
        """Acknowledge the events that the receipt confirms. Returns False for another epoch.

        An event is settled only where the centre names its seq and its id. Raises EpochConflictError after that, and StoreError.
        """
        if receipt.epoch != self._outbox.epoch:
            return False
        reasons = {one.id: one.reason for one in receipt.rejected}
        if reasons:
            ids = ((seq, event_id(text)) for seq, text in self._window.rows())
            rejected = {seq: reasons[id_] for seq, id_ in ids if id_ in reasons}
            self.quarantine({seq: reason for seq, reason in rejected.items() if reason != SEQ_CONFLICT})
        newest = self._outbox.newest_seq - self._outbox.base_seq
        covers_unknown = max([receipt.up_to_seq, *(last for _, last in receipt.ranges)]) > newest
        confirmed = list(self._confirmed_ranges(receipt, trust_ranges=not covers_unknown))
        for first, last in confirmed:
            self._acknowledged.add(first, last)
        self._window.acknowledge_ranges(0, confirmed)
        if covers_unknown:
            raise EpochConflictError(
                f"the centre has events after seq {newest}, which is the newest here: another device may use this name, "
                "or an old copy of the database was restored"
            )
        if SEQ_CONFLICT in reasons.values():
            raise EpochConflictError(
                "the centre has other events under the same seqs: another device may use this name, "
                "or an old copy of the database was restored"
            )
        return True

    def _confirmed_ranges(self, receipt: Receipt, *, trust_ranges: bool) -> Iterable[Range]:
        """What the receipt settles, in the seqs of the outbox."""
        base = self._outbox.base_seq
        if receipt.confirmed is None:
            if trust_ranges:
                yield from self._published_ranges(receipt, base)
            return
        in_flight = dict(self._window.rows())
        for first, last, digest in receipt.confirmed:
            if last - first < MAX_CONFIRMED_EVENTS and self._has_digest(base + first, base + last, digest, in_flight):
                yield base + first, base + last

    def _has_digest(self, first: int, last: int, digest: str, in_flight: Mapping[int, str]) -> bool:
        seqs = range(first, last + 1)
        if all(seq in in_flight for seq in seqs):
            ids: Mapping[int, bytes] = {seq: event_id_bytes(in_flight[seq]) for seq in seqs}
        elif not any(seq in in_flight for seq in seqs):
            return False  # confirmed before, or not sent by this process: it will be sent, and confirmed then
        else:
            ids = self._outbox.event_ids(first, last)
        return len(ids) == len(seqs) and digest_of_ids(ids[seq] for seq in seqs) == digest

    def _published_ranges(self, receipt: Receipt, base: int) -> Iterable[Range]:
        """A centre of an older release does not name ids: only what is in flight can be meant."""
        covered = RangeSet(receipt.ranges)
        if receipt.up_to_seq:
            covered.add(1, receipt.up_to_seq)
        rejected = {one.id for one in receipt.rejected}
        for seq, text in self._window.rows():
            if seq - base in covered and event_id(text) not in rejected:
                yield seq, seq

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
