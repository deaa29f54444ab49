"""The backlog rate of a device: the centre names it in receipts, and one subscription is enough."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.delivery import DeliveryOptions
from mqtt import events
from tests.fakes.parts.relay import RECEIPT, Bench

FITS_WINDOW = 500
"""Events that are all in flight without a receipt, whatever the random epoch let a device send before the first rate."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "p.db", DeliveryOptions(receipt_timeout_s=1000.0))
    with closing(made.store):
        yield made


def greet(bench: Bench, rate: float | None, up_to: int = 0) -> None:
    payload = events.receipt_payload(bench.store.epoch, up_to, confirmed=[], backlog_rate=(rate,))
    bench.broker.deliver(RECEIPT, payload)
    bench.run(0.1)


def test_a_device_needs_one_subscription(bench: Bench) -> None:
    bench.run(0.1)
    assert bench.broker.filters == [(RECEIPT,)]


def test_the_rate_of_a_receipt_holds_for_the_backlog_and_not_for_new_events(bench: Bench) -> None:
    bench.run(0.1)
    greet(bench, 100.0)
    bench.commit(600)
    bench.relay.close()
    bench.run(5.0)
    sent = [seq for seq in bench.seqs() if seq <= 600]
    assert 400 <= len(sent) <= 560
    bench.commit(1)
    bench.run(0.3)
    assert 601 in bench.seqs()
    greet(bench, None)
    bench.run(1.0)
    assert len(bench.seqs()) == 601


def test_the_smallest_rate_still_sends_a_message_after_a_while(bench: Bench) -> None:
    bench.run(0.1)
    greet(bench, events.MIN_BACKLOG_RATE)
    bench.commit(120)
    bench.relay.close()
    bench.run(50 / events.MIN_BACKLOG_RATE + 1)
    assert 50 <= len(set(bench.seqs())) < 120


def test_a_few_waiting_events_need_not_save_up_for_a_full_message(bench: Bench) -> None:
    bench.run(0.1)
    bench.commit(3)
    bench.relay.close()
    greet(bench, 1.0)
    bench.run(10.0)
    assert sorted(set(bench.seqs())) == [1, 2, 3]


def test_before_the_centre_names_a_rate_the_first_one_holds_and_an_older_centre_lifts_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "p.db", DeliveryOptions(receipt_timeout_s=1000.0, first_backlog_events_per_s=10.0))
    with closing(bench.store):
        bench.commit(500)
        bench.run(10.0)
        assert 50 <= len(bench.seqs()) <= 150
        bench.receipt(0)
        bench.run(1.0)
        assert len(bench.seqs()) == 500


def test_over_a_new_connection_the_first_rate_holds_again_until_the_centre_names_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "p.db", DeliveryOptions(receipt_timeout_s=1000.0, first_backlog_events_per_s=1.0))
    with closing(bench.store):
        bench.run(0.1)
        greet(bench, 5000.0)
        bench.commit(FITS_WINDOW)
        bench.relay.close()
        bench.run(10.0)
        assert len(set(bench.seqs())) <= 60
        greet(bench, None)
        bench.run(1.0)
        assert len(set(bench.seqs())) == FITS_WINDOW


def test_a_device_that_was_asked_to_wait_waits_over_a_new_connection_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "p.db", DeliveryOptions(receipt_timeout_s=1000.0, first_backlog_events_per_s=10.0))
    with closing(bench.store):
        bench.run(0.1)
        greet(bench, events.MIN_BACKLOG_RATE)
        bench.commit(FITS_WINDOW)
        bench.relay.close()
        bench.run(100.0)
        assert len(set(bench.seqs())) <= 50
        bench.receipt(0)
        bench.run(1.0)
        assert len(set(bench.seqs())) == FITS_WINDOW, "a centre of an older release names no rate"


def test_a_greeting_settles_nothing_and_lets_overdue_events_be_sent_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "p.db", DeliveryOptions(receipt_timeout_s=10.0))
    with closing(bench.store):
        bench.commit(100)
        bench.run(300.0)
        before = len(bench.messages())
        greet(bench, None, up_to=100)
        bench.run(0.5)
        assert bench.store.backlog_size() == 100
        assert {seq for message in bench.messages()[before:] for seq in message} >= set(range(51, 101))


@pytest.mark.parametrize("rate", [0, -1, 0.019, 1e7, "fast", True])
def test_a_receipt_with_a_rate_that_would_stop_the_delivery_is_dropped(bench: Bench, rate: object) -> None:
    content = json.loads(events.receipt_payload("0" * 16, 0, confirmed=[])) | {"backlog_events_per_s": rate}
    bench.commit(50)
    bench.run(0.1)
    bench.broker.deliver(RECEIPT, json.dumps(content).encode())
    bench.run(1.0)
    bench.commit(50)
    bench.run(1.0)
    assert len(bench.seqs()) == 100
