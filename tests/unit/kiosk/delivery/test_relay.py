"""The relay: no event leaves the outbox before its receipt, and the broker's limits are respected."""

import json
import random
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from kiosk.delivery import DeliveryOptions
from mqtt import device_messages, topics
from tests.fakes.data.access_events import an_event
from tests.fakes.parts.relay import RECEIPT, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "p.db")
    with closing(made.store):
        yield made


def test_puback_alone_takes_nothing_out_of_the_outbox(bench: Bench) -> None:
    bench.commit(3)
    bench.run(1.0)
    assert bench.seqs() == [1, 2, 3]
    assert bench.store.backlog_size() == 3


def test_the_centres_receipt_does(bench: Bench) -> None:
    bench.commit(3)
    bench.run(1.0)
    bench.receipt(2)
    bench.run(1.0)
    assert bench.store.backlog_size() == 1
    assert bench.relay.status().last_receipt_at is not None


def test_several_that_wait_share_a_message_and_one_goes_alone(bench: Bench) -> None:
    bench.commit(120)
    bench.run()
    bench.commit(1)
    bench.run(0.2)
    assert [len(message) for message in bench.messages()] == [50, 50, 20, 1]


def test_the_window_bounds_what_is_under_way_and_receipts_move_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "p.db", DeliveryOptions(max_inflight=100, max_batch=50))
    bench.commit(300)
    bench.run(1.0)
    assert max(bench.seqs()) == 100
    bench.receipt(50)
    bench.run(1.0)
    assert max(bench.seqs()) == 150
    bench.store.close()


def test_a_new_event_is_sent_while_the_backlog_fills_the_window(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "p.db", DeliveryOptions(max_inflight=100, max_batch=50))
    bench.commit(300)
    bench.run(1.0)
    bench.commit(1)
    bench.run(1.0)
    assert bench.messages()[-1] == [301]
    bench.store.close()


def test_an_overdue_message_is_sent_again_with_only_the_events_that_the_centre_lacks(bench: Bench) -> None:
    bench.commit(10)
    bench.run(1.0)
    bench.receipt(4, beyond=[(6, 9)])
    bench.run(8.0)
    assert len(bench.messages()) == 1
    bench.receipt(4)
    bench.run(3.0)
    assert bench.messages()[1:] == [[5, 10]]


def test_a_silent_centre_is_probed_with_one_message_less_and_less_often(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "p.db", DeliveryOptions(receipt_timeout_s=10.0, max_batch=10, max_inflight=200))
    bench.commit(100)
    bench.run(600.0)
    again = bench.messages()[10:]
    assert 8 <= len(again) <= 14, "after 10, 10, 20, 40, 60, 60 ... seconds"
    assert [len(message) for message in again[:3]] == [10, 10, 1], "perhaps it is batches that do not come through"
    assert all(len(message) == 1 for message in again[2:])
    assert "the centre sends no receipts" in bench.relay.status().error
    bench.receipt(10)
    bench.run(11.0)
    assert {seq for message in bench.messages()[10 + len(again) :] for seq in message} >= set(range(11, 101))
    bench.store.close()


def test_a_centre_that_comes_back_is_sent_at_once_what_is_overdue(bench: Bench) -> None:
    bench.commit(100)
    bench.run(300.0)
    before = len(bench.messages())
    state = device_messages.CentreStateMessage(state="ready", at=bench.clock.now().utc_at)
    bench.broker.deliver(topics.centre_state_topic("entrance"), state.to_payload())
    bench.run(0.5)
    assert {seq for message in bench.messages()[before:] for seq in message} >= set(range(51, 101))


def test_after_an_outage_a_centre_that_answers_late_still_gets_whole_batches(bench: Bench) -> None:
    bench.commit(100)
    bench.run(300.0)
    state = device_messages.CentreStateMessage(state="ready", at=bench.clock.now().utc_at)
    bench.broker.deliver(topics.centre_state_topic("entrance"), state.to_payload())
    bench.run(25.0)
    bench.receipt(100)
    bench.run(1.0)
    bench.commit(100)
    bench.run(1.0)
    assert [len(message) for message in bench.messages()[-2:]] == [50, 50]


def test_where_only_single_events_are_answered_again_and_again_no_batches_are_sent(bench: Bench) -> None:
    bench.commit(100)
    bench.run(60.0)
    for _ in range(2):
        while len(bench.messages()[-1]) > 1:
            bench.run(1.0)
        (seq,) = bench.messages()[-1]
        bench.receipt(0, beyond=[(seq, seq)])
        bench.run(1.0)
        before = len(bench.messages())
        bench.run(60.0)
    assert {len(message) for message in bench.messages()[before:]} == {1}


def seqs_after(bench: Bench, count: int) -> list[list[int]]:
    """The sequence numbers in each event message after the first `count` messages."""
    contents = [json.loads(message.payload) for message in bench.broker.on("event")[count:]]
    return [[one["data"]["seq"] for one in (found if isinstance(found, list) else [found])] for found in contents]


def test_an_event_that_is_never_answered_while_others_are_is_sent_twelve_times_further_and_further_apart(
    bench: Bench,
) -> None:
    bench.run()
    bench.commit(1)
    sent_s: list[float] = []
    seen = 0
    for number in range(2, 200):
        bench.commit(1)
        bench.run(5.0)
        bench.receipt(0, [(2, number)])
        messages = seqs_after(bench, seen)
        seen += len(messages)
        sent_s += [bench.clock.s] * sum(1 in seqs for seqs in messages)
        if bench.store.quarantined_count():
            break
    pauses = [round(later - earlier) for earlier, later in pairwise(sent_s)]
    assert len(sent_s) == 12
    assert pauses == sorted(pauses)
    assert sent_s[-1] - sent_s[0] > 600
    bench.run()
    assert bench.store.quarantined_count() == 1


def test_a_centre_that_loses_messages_for_minutes_gets_all_events_in_the_end(bench: Bench) -> None:
    dice = random.Random(7)
    bench.run()
    answered: set[int] = set()
    seen = 0
    for second in range(0, 800, 5):
        bench.commit(1)
        bench.run(5.0)
        messages = seqs_after(bench, seen)
        seen += len(messages)
        for seqs in messages:
            if second >= 300 or dice.random() < 0.2:
                answered.update(seqs)
        bench.receipt(0, [(seq, seq) for seq in sorted(answered)])
    assert bench.store.quarantined_count() == 0
    assert answered >= set(range(1, 150))


def test_after_a_lost_connection_everything_unconfirmed_goes_again(bench: Bench) -> None:
    bench.commit(60)
    bench.run(1.0)
    bench.receipt(20)
    bench.run(1.0)
    bench.broker.cut()
    bench.run(10.0)
    assert len(bench.broker.links) == 2
    assert bench.seqs()[60:] == list(range(21, 61))


def test_a_refusal_by_the_broker_is_shown_and_the_event_stays_pending(bench: Bench) -> None:
    bench.broker.refusal = "Not authorized"
    bench.commit(1)
    bench.run(1.0)
    assert "Not authorized" in bench.relay.status().error
    assert bench.store.backlog_size() == 1
    bench.broker.refusal = None
    bench.run(15.0)
    bench.receipt(1)
    bench.run(1.0)
    assert (bench.store.backlog_size(), bench.relay.status().error) == (0, "")


def test_a_broker_without_a_subscriber_is_shown(bench: Bench) -> None:
    bench.broker.unheard = True
    bench.commit(1)
    bench.run(1.0)
    assert "no centre is subscribed" in bench.relay.status().error


def test_a_device_that_may_not_have_its_receipts_says_so(bench: Bench) -> None:
    bench.broker.refuses = (RECEIPT,)
    bench.run(1.0)
    assert "check its ACL" in bench.relay.status().error


def test_the_brokers_receive_maximum_is_kept(bench: Bench) -> None:
    bench.broker.receive_maximum = 5
    bench.broker.acknowledges = False
    bench.commit(900)
    bench.run(1.0)
    unacknowledged = [message for message in bench.broker.received if message.qos]
    assert len(unacknowledged) == 5


def test_messages_respect_the_maximum_packet_size_and_a_larger_event_waits_for_another_connection(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "p.db")
    bench.broker.maximum_packet_bytes = 4_000
    bench.commit(20)
    bench.store.commit(an_event(21, sealed_bytes=4_000))
    bench.commit(1)
    bench.run(1.0)
    assert max(len(message.payload) for message in bench.broker.on("event")) <= 4_000
    assert bench.seqs() == [*range(1, 21), 22]
    assert bench.store.outbox_status().quarantined == 0
    bench.store.close()


def test_the_centre_sets_the_rate_of_the_backlog_and_not_of_new_events(bench: Bench) -> None:
    bench.relay.step()
    bench.broker.deliver(topics.backlog_rate_topic("entrance"), b'{"events_per_s": 100}')
    bench.commit(900)
    bench.run(5.0)
    assert 400 <= len(bench.seqs()) <= 560
    bench.commit(1)
    bench.run(0.3)
    assert 901 in bench.seqs()


def test_delivery_to_the_broker_alone_deletes_on_puback_and_says_what_that_can_lose(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path / "p.db", DeliveryOptions(acknowledge_by="broker"))
    bench.commit(70)
    bench.run(1.0)
    assert bench.store.backlog_size() == 0
    assert "what the broker then loses is lost" in caplog.text
    assert bench.relay.status().acknowledge_by == "broker"
    bench.store.close()


def test_a_disk_that_cannot_be_read_is_shown_and_stops_nothing(bench: Bench) -> None:
    bench.commit(1)
    bench.store._relay_connection.close()
    bench.relay.step()
    bench.relay.step()
    assert bench.relay.step() == 1.0
    assert "cannot be read" in bench.relay.status().error
