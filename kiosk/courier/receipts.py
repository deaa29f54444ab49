"""What the centre said that it has: checked, gathered, and noted on disk several at a time."""

import logging
from collections.abc import Iterable

from kiosk.courier.parcel import Parcel
from kiosk.ports import Outbox
from mqtt.envelope import Receipt
from mqtt.ranges import Range
from mqtt.window import Window

log = logging.getLogger(__name__)

SETTLE_EVERY_S = 0.1


class ForeignReceipt(Exception):
    """A receipt that cannot be about this database; the text says what may be behind it."""


class Receipts:
    """One courier's; its thread alone. A noted receipt that a power cut takes back only costs a re-send."""

    def __init__(self, outbox: Outbox, window: Window[Parcel]) -> None:
        self._outbox = outbox
        self._window = window
        self._up_to = 0
        self._beyond: list[Range] = []
        self._rejected: dict[int, str] = {}
        self._due_s = 0.0

    def take(self, receipt: Receipt) -> bool:
        """Let land what it covers; False where it is about another epoch. Raises ForeignReceipt."""
        if receipt.epoch != self._outbox.epoch:
            return False
        newest = self._outbox.newest_seq
        if max([receipt.up_to_seq, *(last for _, last in receipt.beyond)]) > newest:
            raise ForeignReceipt(
                f"the centre confirms passages past {newest}, the newest here: does another device use this name, "
                "or was an old copy of the database put back?"
            )
        if receipt.rejected:
            reasons = {one.id: one.reason for one in receipt.rejected}
            self.set_aside({seq: reasons[parcel.id] for seq, parcel in self._window.rows() if parcel.id in reasons})
        self._up_to = max(self._up_to, receipt.up_to_seq)
        self._beyond += receipt.beyond
        self._window.landed_ranges(receipt.up_to_seq, receipt.beyond)
        return True

    def take_word_of_broker(self, seqs: Iterable[int]) -> None:
        """delivery = broker: PUBACK counts as a receipt."""
        seqs = list(seqs)
        self._beyond += [(seq, seq) for seq in seqs]
        self._window.landed(seqs)

    def set_aside(self, reasons: dict[int, str]) -> None:
        """These passages go into quarantine, each with its reason: they are kept, and do not stand in others' way."""
        for seq, reason in reasons.items():
            log.error("passage %d is refused: %s. It is kept in quarantine", seq, reason)
        self._rejected.update(reasons)
        self._window.landed(reasons)

    @property
    def gathered(self) -> bool:
        """There is news that is not on disk yet."""
        return bool(self._up_to or self._beyond or self._rejected)

    def settle(self, now_s: float, *, at_once: bool = False) -> None:
        """Note on disk what was gathered. Raises StoreTrouble; then it stays gathered."""
        if not self.gathered or (now_s < self._due_s and not at_once):
            return
        self._outbox.settle(self._up_to, self._beyond, list(self._rejected.items()))
        self._up_to, self._beyond, self._rejected = 0, [], {}
        self._due_s = now_s + SETTLE_EVERY_S
