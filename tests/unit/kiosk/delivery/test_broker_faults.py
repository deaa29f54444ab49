"""Brokers that refuse, limit or hesitate: no event is lost to it, and each error is logged once."""

import logging
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kiosk.delivery.poison_messages import CLOSES_CONNECTION
from kiosk.delivery.quarantine_retry import NO_RECEIPT, QuarantineRetry, selection
from mqtt import topics
from mqtt.events import InvalidEvent
from tests.fakes.data.access_events import GATE, START_AT, an_event
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


def test_a_message_that_the_broker_refuses_for_its_size_is_halved_until_it_passes(bench: Bench) -> None:
    """MQTT 5: PUBACK with 0x95. The broker announces no limit."""
    bench.broker.size_limit_bytes = 2500
    bench.commit(200)
    bench.run(5.0)
    assert sorted(set(bench.seqs())) == list(range(1, 201))
    assert bench.store.quarantined_count() == 0
    assert not bench.relay.status().refused


def test_an_event_that_the_broker_refuses_for_its_size_waits_and_the_health_says_so(bench: Bench) -> None:
    bench.broker.size_limit_bytes = 2500
    bench.store.commit_all(
        [replace(an_event(number), sealed=b"s" * (4000 if number == 7 else 110)) for number in range(1, 21)]
    )
    bench.run(20.0)
    assert sorted(set(bench.seqs())) == [number for number in range(1, 21) if number != 7]
    assert bench.store.quarantined_count() == 0
    status = bench.relay.status()
    assert status.refused
    assert "events are larger" in status.error


def test_an_event_that_waits_is_tried_again_after_an_hour_on_the_same_connection(bench: Bench) -> None:
    bench.broker.size_limit_bytes = 100
    bench.commit(3)
    bench.run(3000.0)
    assert bench.seqs() == []
    bench.broker.size_limit_bytes = None
    bench.run(700.0)
    assert sorted(set(bench.seqs())) == [1, 2, 3]
    assert len(bench.broker.links) == 1


@pytest.mark.parametrize("seed", range(5))
def test_whatever_limits_a_broker_has_and_changes_all_events_arrive_in_the_end(tmp_path: Path, seed: int) -> None:
    chosen = random.Random(seed)
    bench = Bench(tmp_path / "p.db")
    with closing(bench.store):
        bench.store.commit_all([replace(an_event(n), sealed=b"s" * chosen.randint(1, 2900)) for n in range(1, 61)])
        for _ in range(4):
            bench.broker.size_limit_bytes = chosen.choice([200, 1000, 3000, None])
            bench.broker.maximum_packet_bytes = chosen.choice([1500, 5000, None])
            if chosen.random() < 0.5:
                bench.broker.cut()
            bench.run(chosen.uniform(1.0, 100.0))
            assert bench.store.quarantined_count() == 0
        bench.broker.size_limit_bytes = bench.broker.maximum_packet_bytes = None
        bench.broker.cut()
        bench.run(130.0)
        assert set(bench.seqs()) == set(range(1, 61))


def test_an_event_that_closes_the_connection_is_tried_again_later_and_leaves_quarantine(bench: Bench) -> None:
    """MQTT 3.1.1 brokers answer a large packet so: the event may pass another broker."""
    bench.broker.hates = (str(an_event(2).id).encode(),)
    bench.commit(3)
    bench.run(600.0)
    assert bench.store.quarantined_count() == 1
    bench.broker.hates = ()
    bench.run(3600.0)
    assert bench.store.quarantined_count() == 0
    assert set(bench.seqs()) == {1, 2, 3}


def test_attempts_become_rare_and_start_anew_when_nothing_is_left_to_try() -> None:
    retry, now_s, intervals = QuarantineRetry(), 0.0, []
    assert not retry.take_due(now_s)
    last_s = now_s
    for _ in range(8):
        while not retry.take_due(now_s):
            now_s += 60.0
        intervals.append((now_s - last_s) / 3600.0)
        last_s = now_s
        retry.on_attempt(1, now_s)
    assert intervals == [1, 2, 4, 8, 16, 24, 24, 24]
    retry.on_attempt(0, now_s)
    assert retry.take_due(now_s + 3600.0)


def test_an_event_older_than_a_week_stays_in_quarantine_until_it_ages_out(bench: Bench) -> None:
    bench.commit(3)
    bench.store.acknowledge(0, rejected=[(1, CLOSES_CONNECTION), (2, NO_RECEIPT), (3, "unknown-reason")])
    week_later_at = START_AT + timedelta(days=7, hours=1)
    assert bench.store.release_quarantine(retry=selection(week_later_at)) == 0
    assert bench.store.release_quarantine(retry=selection(week_later_at - timedelta(hours=2))) == 2
    assert bench.store.quarantined_count() == 1, "what the centre rejected stays"


def test_what_the_centre_rejected_is_not_sent_again_by_itself(bench: Bench) -> None:
    bench.commit(2)
    bench.run(1.0)
    bench.receipt(2, rejected=[InvalidEvent(str(an_event(2).id), "unknown-reason", bench.store.epoch)])
    bench.run(1.2 * 3600.0)
    assert bench.store.quarantined_count() == 1
    assert bench.seqs().count(2) == 1


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
