"""Brokers that refuse, limit or hesitate: no event is lost to it, and each error is logged once."""

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mqtt import topics
from tests.fakes.data.access_events import GATE, an_event
from tests.fakes.parts.relay import RECEIPT, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "p.db")
    with closing(made.store):
        yield made


def test_a_refused_subscription_to_receipts_is_tried_again_until_it_is_granted(bench: Bench) -> None:
    bench.broker.refuses = (RECEIPT,)
    bench.run(30.0)
    assert "refuses the subscription" in bench.relay.status().error
    assert bench.relay.status().refused
    assert bench.broker.links[-1].subscriptions > 2
    bench.broker.refuses = ()
    bench.run(130.0)
    assert bench.relay.status().error == ""
    assert not bench.relay.status().refused
    granted = bench.broker.links[-1].subscriptions
    bench.run(130.0)
    assert bench.broker.links[-1].subscriptions == granted


def test_other_refused_filters_do_not_stop_delivery(bench: Bench) -> None:
    bench.broker.refuses = tuple(topics.centre_topics(GATE.prefix))
    bench.commit(1)
    bench.run(1.0)
    assert bench.seqs() == [1]
    assert bench.relay.status().error == ""


def test_a_quiet_gate_never_reports_a_silent_centre(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """One person every ten minutes for an hour, each confirmed within a second."""
    with caplog.at_level(logging.ERROR):
        for number in range(1, 7):
            bench.run(600.0)
            bench.commit(1)
            bench.run(1.0)
            bench.receipt(number)
            bench.run(1.0)
            assert bench.relay.status().error == ""
    assert caplog.messages == []


def test_a_centre_that_does_not_answer_is_reported_after_the_receipt_timeout(bench: Bench) -> None:
    bench.run(600.0)
    bench.commit(1)
    bench.run(9.0)
    assert bench.relay.status().error == ""
    bench.run(3.0)
    assert "the centre sends no receipts" in bench.relay.status().error


def test_a_small_packet_size_quarantines_nothing_and_a_larger_one_delivers_all(bench: Bench) -> None:
    bench.broker.maximum_packet_bytes = 700  # less than one event and the reserve for the packet
    bench.commit(20)
    bench.run(300.0)
    assert bench.seqs() == []
    assert bench.store.quarantined_count() == 0
    assert bench.store.backlog_size() == 20
    assert "maximum packet size" in bench.relay.status().error
    bench.broker.maximum_packet_bytes = None
    bench.broker.cut()
    bench.run(130.0)
    assert sorted(set(bench.seqs())) == list(range(1, 21))


def test_an_oversize_event_does_not_hold_back_smaller_ones(bench: Bench) -> None:
    bench.broker.maximum_packet_bytes = 2000
    bench.store.commit_all([replace(an_event(1), sealed=b"s" * 3000), an_event(2), an_event(3)])
    bench.run(60.0)
    assert sorted(set(bench.seqs())) == [2, 3]
    assert bench.store.quarantined_count() == 0


def test_a_broker_with_qos_0_only_is_one_sentence_and_is_tried_again(bench: Bench) -> None:
    bench.broker.maximum_qos = 0
    bench.commit(1)
    bench.run(30.0)
    assert "QoS 1" in bench.relay.status().error
    assert len(bench.broker.links) > 1
    bench.broker.maximum_qos = 2
    bench.run(130.0)
    assert set(bench.seqs()) == {1}


def test_two_errors_that_alternate_are_logged_once_an_hour(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.broker.refusal = "Not authorized"
    with caplog.at_level(logging.ERROR):
        for _ in range(20):
            bench.commit(1)
            bench.run(60.0)
    assert len(caplog.messages) == len(set(caplog.messages)) <= 3


def test_a_broker_that_refuses_what_the_device_sends_is_reported_at_once_and_until_it_accepts(bench: Bench) -> None:
    """As a broker does with the certificate of another device: it lets it in, and refuses its topics."""
    bench.broker.refusal = "Not authorized"
    bench.commit(1)
    bench.run(1.0)
    status = bench.relay.status()
    assert (status.connected, status.refused) == (True, True)
    assert "Not authorized" in status.error
    bench.broker.refusal = None
    bench.run(130.0)
    bench.receipt(1)
    bench.run(1.0)
    assert not bench.relay.status().refused
    assert bench.store.backlog_size() == 0
