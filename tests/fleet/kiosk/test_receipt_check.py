"""Tests that the fleet simulator notices wrong receipts: it must not believe what it was made to check."""

import random

from mqtt.events import digest_of_ids, receipt_payload
from tests.fleet.counts import Counts, Delays
from tests.fleet.kiosk.outbox import FleetOutbox
from tests.fleet.kiosk.people import encounters
from tests.fleet.kiosk.receipt_check import ReceiptCheck

AT_MS = 1_790_000_000_000


def a_check(events: int = 3, *, live_from: int = 1) -> tuple[FleetOutbox, Counts, ReceiptCheck]:
    """A kiosk that sent all its events. Those before `live_from` were recorded before it connected."""
    outbox = FleetOutbox(7, 1, encounters(2, random.Random(1), sealed=False), 0.0)
    counts = Counts()
    check = ReceiptCheck(outbox, counts)
    for seq in range(1, events + 1):
        if seq == live_from:
            check.on_connected()
        outbox.record(AT_MS + seq)
    check.on_sent(list(range(1, events + 1)))
    return outbox, counts, check


def confirm(
    outbox: FleetOutbox, first: int, last: int, *, epoch: str | None = None, digest: str | None = None
) -> bytes:
    ids = outbox.event_ids(first, last)
    right = digest_of_ids(ids[seq] for seq in sorted(ids))
    return receipt_payload(epoch or outbox.epoch, last, confirmed=[(first, last, digest or right)])


def test_a_right_receipt_confirms_its_events_once_and_measures_them() -> None:
    outbox, counts, check = a_check(live_from=2)
    check.on_receipt(confirm(outbox, 1, 3), AT_MS + 1003)
    check.on_receipt(confirm(outbox, 1, 3), AT_MS + 2003)
    assert counts.confirmed == 3
    assert counts.live.summary() == {"count": 2, "p50_s": 1.0, "p95_s": 1.001, "p99_s": 1.001, "max_s": 1.001}
    assert counts.backlog.percentile_s(100) == 1.002
    assert not counts.wrong_receipts


def test_receipts_with_another_epoch_digest_or_seq_confirm_nothing_and_are_counted() -> None:
    outbox, counts, check = a_check()
    check.on_receipt(confirm(outbox, 1, 3, epoch="f" * 16), AT_MS)
    check.on_receipt(confirm(outbox, 1, 3, digest="0" * 16), AT_MS)
    check.on_receipt(receipt_payload(outbox.epoch, 9, confirmed=[]), AT_MS)
    check.on_receipt(receipt_payload(outbox.epoch, 3, confirmed=[(4, 9, "0" * 16)]), AT_MS)
    check.on_receipt(b"nonsense", AT_MS)
    assert counts.confirmed == 0
    assert counts.wrong_receipts == {"another-epoch": 1, "wrong-digest": 1, "never-sent": 2, "not-json": 1}


def test_repeated_events_are_counted_by_why_they_were_repeated() -> None:
    _, counts, check = a_check()
    check.on_sent([2])
    check.on_connected()
    check.on_sent([1, 2, 3])
    assert (counts.resent, counts.resent_after_reconnect, counts.messages) == (1, 3, 3)


def test_a_percentile_is_a_delay_that_was_measured() -> None:
    delays = Delays()
    assert delays.percentile_s(95) is None
    for value in (400, 100, 300, 200):
        delays.add(value)
    assert [delays.percentile_s(percent) for percent in (0, 25, 26, 50, 100)] == [0.1, 0.1, 0.2, 0.2, 0.4]
