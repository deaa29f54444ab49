"""What a courier promises, in every order of events: nothing leaves the outbox before the centre has it."""

import itertools
import json
import logging
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kiosk.courier import Courier, Terms
from kiosk.model import State
from kiosk.store import Store
from mqtt import envelope, reports, topics
from mqtt.envelope import Refused
from mqtt.ranges import Range
from mqtt.topics import Leaf
from tests import wire_schema
from tests.fake_link import FakeBroker, ManualClock
from tests.passages import GATE, a_passage

RECEIPT = GATE.topic(Leaf.RECEIPT)


class Bench:
    """A courier on a real store, a broker in memory and a clock that the test turns."""

    def __init__(self, path: Path, terms: Terms | None = None) -> None:
        self.clock = ManualClock()
        self.broker = FakeBroker(self.clock)
        self.store = Store(path)
        self.terms = terms or Terms(receipt_timeout_s=10.0)
        self.courier = self.new_courier()

    def new_courier(self) -> Courier:
        return Courier(self.store, GATE, self.broker.connect, clock=self.clock, terms=self.terms, dice=random.Random(7))

    def commit(self, count: int) -> None:
        first = self.store.newest_seq + 1
        self.store.commit_all([a_passage(number) for number in range(first, first + count)])

    def run(self, seconds: float = 0.0) -> None:
        """Step until the courier has nothing to do for so long."""
        ends = self.clock.s + seconds
        for _ in range(100_000):
            delay = self.courier.step()
            if delay == 0.0 and self.clock.s <= ends:
                continue
            if self.clock.s + delay > ends:
                return
            self.clock.advance(max(delay, 0.05))
        raise AssertionError("it never rests")

    def messages(self) -> list[list[int]]:
        """The seqs of each passage message so far."""
        found = []
        for message in self.broker.on("passage"):
            wire_schema.check(message.topic, message.payload)
            content: Any = json.loads(message.payload)
            events = content if isinstance(content, list) else [content]
            found.append([event["data"]["seq"] for event in events])
        return found

    def seqs(self) -> list[int]:
        return [seq for message in self.messages() for seq in message]

    def receipt(self, up_to: int, beyond: list[Range] | None = None, rejected: list[Refused] | None = None) -> None:
        self.broker.deliver(RECEIPT, envelope.receipt(self.store.epoch, up_to, beyond or [], rejected or []))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "p.db")
    with closing(made.store):
        yield made


def test_puback_alone_takes_nothing_out_of_the_outbox(bench: Bench) -> None:
    bench.commit(3)
    bench.run(1.0)
    assert bench.seqs() == [1, 2, 3]
    assert bench.store.depth() == 3


def test_the_centres_receipt_does(bench: Bench) -> None:
    bench.commit(3)
    bench.run(1.0)
    bench.receipt(2)
    bench.run(1.0)
    assert bench.store.depth() == 1
    assert bench.courier.status().last_receipt_at is not None


def test_several_that_wait_share_a_message_and_one_goes_alone(bench: Bench) -> None:
    bench.commit(120)
    bench.run()
    bench.commit(1)
    bench.run(0.2)
    assert [len(message) for message in bench.messages()] == [50, 50, 20, 1]


def test_the_window_bounds_what_is_under_way_and_receipts_move_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "p.db", Terms(window=100, batch=50))
    bench.commit(300)
    bench.run(1.0)
    assert max(bench.seqs()) == 100
    bench.receipt(50)
    bench.run(1.0)
    assert max(bench.seqs()) == 150
    bench.store.close()


def test_a_live_passage_goes_although_the_backlog_fills_the_window(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "p.db", Terms(window=100, batch=50))
    bench.commit(300)
    bench.run(1.0)
    bench.commit(1)
    bench.run(1.0)
    assert bench.messages()[-1] == [301]
    bench.store.close()


def test_an_overdue_passage_is_sent_again_and_only_what_the_centre_lacks_of_it(bench: Bench) -> None:
    bench.commit(10)
    bench.run(1.0)
    bench.receipt(4, beyond=[(6, 9)])
    bench.run(8.0)
    assert len(bench.messages()) == 1
    bench.receipt(4)
    bench.run(3.0)
    assert bench.messages()[1:] == [[5, 10]]


def test_a_silent_centre_is_probed_with_one_message_less_and_less_often(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "p.db", Terms(receipt_timeout_s=10.0, batch=10, window=200))
    bench.commit(100)
    bench.run(600.0)
    again = bench.messages()[10:]
    assert 8 <= len(again) <= 14, "after 10, 10, 20, 40, 60, 60 ... seconds"
    assert [len(message) for message in again[:3]] == [10, 10, 1], "perhaps it is batches that do not come through"
    assert all(len(message) == 1 for message in again[2:])
    assert "centre does not answer" in bench.courier.status().trouble
    bench.receipt(10)
    bench.run(11.0)
    assert {seq for message in bench.messages()[10 + len(again) :] for seq in message} >= set(range(11, 101))
    bench.store.close()


def test_a_centre_that_comes_back_is_sent_at_once_what_is_overdue(bench: Bench) -> None:
    bench.commit(100)
    bench.run(300.0)
    before = len(bench.messages())
    state = reports.CentreState(state="ready", at=bench.clock.now().at)
    bench.broker.deliver(topics.centre_state("entrance"), state.written())
    bench.run(0.5)
    assert {seq for message in bench.messages()[before:] for seq in message} >= set(range(51, 101))


def test_after_a_lost_connection_everything_unconfirmed_goes_again(bench: Bench) -> None:
    bench.commit(60)
    bench.run(1.0)
    bench.receipt(20)
    bench.run(1.0)
    bench.broker.cut()
    bench.run(10.0)
    assert len(bench.broker.links) == 2
    assert bench.seqs()[60:] == list(range(21, 61))


def test_reconnects_are_spread_by_full_jitter_up_to_a_minute(bench: Bench) -> None:
    bench.broker.up = False
    tries = []
    for _ in range(300):
        count = len(bench.broker.links)
        bench.courier.step()
        if len(bench.broker.links) > count:
            tries.append(bench.clock.s)
        bench.clock.advance(1.0)
    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert max(waits) <= 61.0
    assert len(set(waits)) > 3, "not in step with anybody"
    assert 6 <= len(tries) <= 40


def test_down_is_logged_once_and_back_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.broker.up = False
    bench.run(120.0)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert bench.courier.status().trouble == "fake:1883: Connection refused"
    bench.broker.up = True
    bench.run(61.0)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert bench.courier.status().trouble == ""


def test_the_last_will_says_offline_and_every_connect_says_the_state_anew(bench: Bench) -> None:
    bench.courier.set_state(State.READY)
    bench.run(1.0)
    bench.broker.cut()
    bench.run(10.0)
    states = [json.loads(message.payload) for message in bench.broker.on("state")]
    assert [state["state"] for state in states] == ["birth", "ready", "ready"], (
        "and every process begins with its birth"
    )
    assert all(message.retain for message in bench.broker.on("state"))
    will = bench.broker.links[-1].will
    wire_schema.check(will.topic, will.payload)
    assert (will.retain, json.loads(will.payload)["state"], json.loads(will.payload)["reason"]) == (
        True,
        "offline",
        "lost",
    )


def test_health_goes_out_every_minute_and_names_no_person(bench: Bench) -> None:
    bench.courier.set_health("synchronised", {"disk": "ok", "camera": "warn"})
    bench.commit(2)
    bench.run(150.0)
    messages = bench.broker.on("health")
    assert len(messages) == 3
    wire_schema.check(messages[0].topic, messages[0].payload)
    assert json.loads(messages[-1].payload)["facts"] == {"disk": "ok", "camera": "warn"}


def test_a_clean_stop_says_so_and_ends_without_the_will(bench: Bench) -> None:
    bench.run(1.0)
    bench.courier.close()
    assert json.loads(bench.broker.on("state")[-1].payload)["reason"] == "stopped"
    assert bench.broker.links[-1].closed is True


def test_a_rejected_passage_steps_aside_and_the_others_go_on(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.commit(5)
    bench.run(1.0)
    poison = a_passage(3)
    bench.receipt(2, beyond=[(4, 5)], rejected=[Refused(str(poison.id), "bad-data-reason")])
    bench.run(30.0)
    status = bench.store.outbox_status()
    assert (status.depth, status.quarantined) == (0, 1)
    assert len(bench.messages()) == 1, "it is not sent again"
    assert "passage 3 is refused: bad-data-reason" in caplog.text
    assert str(poison.id) not in caplog.text


def test_quarantine_is_offered_again_on_command(bench: Bench) -> None:
    bench.commit(5)
    bench.run(1.0)
    bench.receipt(2, beyond=[(4, 5)], rejected=[Refused(str(a_passage(3).id), "bad-data-reason")])
    bench.run(1.0)
    bench.courier.retry_quarantine()
    bench.run(1.0)
    assert bench.messages()[1:] == [[3]]
    bench.receipt(5)
    bench.run(1.0)
    assert (bench.store.outbox_status().depth, bench.store.outbox_status().quarantined) == (0, 0)


def test_what_somebody_else_takes_out_of_quarantine_is_offered_again_too(bench: Bench) -> None:
    bench.commit(5)
    bench.run(1.0)
    bench.receipt(2, beyond=[(4, 5)], rejected=[Refused(str(a_passage(3).id), "bad-data-reason")])
    bench.run(1.0)
    bench.store.release_quarantine()
    bench.run(1.0)
    assert bench.messages()[1:] == [[3]]


def test_a_refusal_that_names_nothing_under_way_changes_nothing(bench: Bench) -> None:
    bench.commit(2)
    bench.run(1.0)
    bench.receipt(0, rejected=[Refused("00000000-0000-7000-8000-000000000000", "bad-data")])
    bench.run(1.0)
    assert (bench.store.depth(), bench.store.outbox_status().quarantined) == (2, 0)


def test_a_receipt_for_another_epoch_changes_nothing(bench: Bench) -> None:
    bench.commit(2)
    bench.run(1.0)
    bench.broker.deliver(RECEIPT, envelope.receipt("ffffffffffffffff", 2))
    bench.run(1.0)
    assert bench.store.depth() == 2


def test_a_receipt_for_more_than_was_ever_recorded_is_refused_and_told(bench: Bench) -> None:
    bench.commit(2)
    bench.run(1.0)
    bench.receipt(99)
    bench.run(1.0)
    assert bench.store.depth() == 2
    assert "does another device use this name" in bench.courier.status().trouble


def test_garbage_on_the_receipt_topic_changes_nothing(bench: Bench) -> None:
    bench.commit(2)
    bench.run(1.0)
    for garbage in (b"", b"\xff", b"{}", b'{"epoch":1}', b"[" * 70_000):
        bench.broker.deliver(RECEIPT, garbage)
    bench.broker.deliver("entrance/v1/dong-ba/gate-2/receipt", envelope.receipt(bench.store.epoch, 2))
    bench.run(1.0)
    assert bench.store.depth() == 2


def test_doubled_and_reordered_receipts_take_nothing_back(bench: Bench) -> None:
    bench.commit(9)
    bench.run(1.0)
    for up_to in (3, 7, 7, 5, 1, 7):
        bench.receipt(up_to)
        bench.run(0.2)
    assert bench.store.depth() == 2


def test_a_refusal_by_the_broker_is_shown_and_the_passage_stays(bench: Bench) -> None:
    bench.broker.refusal = "Not authorized"
    bench.commit(1)
    bench.run(1.0)
    assert "Not authorized" in bench.courier.status().trouble
    assert bench.store.depth() == 1
    bench.broker.refusal = None
    bench.run(15.0)
    bench.receipt(1)
    bench.run(1.0)
    assert (bench.store.depth(), bench.courier.status().trouble) == (0, "")


def test_a_broker_behind_which_nobody_listens_is_shown(bench: Bench) -> None:
    bench.broker.unheard = True
    bench.commit(1)
    bench.run(1.0)
    assert "no centre is subscribed" in bench.courier.status().trouble


def test_a_device_that_may_not_have_its_receipts_says_so(bench: Bench) -> None:
    bench.broker.refuses = (RECEIPT,)
    bench.run(1.0)
    assert "check its ACL" in bench.courier.status().trouble


def test_the_brokers_receive_maximum_is_kept(bench: Bench) -> None:
    bench.broker.receive_maximum = 5
    bench.broker.acknowledges = False
    bench.commit(900)
    bench.run(1.0)
    unacknowledged = [message for message in bench.broker.received if message.qos]
    assert len(unacknowledged) == 5


def test_messages_keep_to_the_brokers_packet_size_and_what_fits_in_none_steps_aside(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "p.db")
    bench.broker.maximum_packet_bytes = 4_000
    bench.commit(20)
    bench.store.commit(a_passage(21, sealed_bytes=4_000))
    bench.commit(1)
    bench.run(1.0)
    assert max(len(message.payload) for message in bench.broker.on("passage")) <= 4_000
    assert bench.seqs() == [*range(1, 21), 22]
    assert bench.store.outbox_status().quarantined == 1
    bench.store.close()


def test_the_centre_sets_the_pace_of_the_backlog_and_not_of_live_passages(bench: Bench) -> None:
    bench.courier.step()
    bench.broker.deliver(topics.centre_drain("entrance"), b'{"passages_per_s": 100}')
    bench.commit(900)
    bench.run(5.0)
    assert 400 <= len(bench.seqs()) <= 560
    bench.commit(1)
    bench.run(0.3)
    assert 901 in bench.seqs()


def test_delivery_to_the_broker_alone_deletes_on_puback_and_says_what_that_can_lose(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path / "p.db", Terms(delivery="broker"))
    bench.commit(70)
    bench.run(1.0)
    assert bench.store.depth() == 0
    assert "what the broker then loses is lost" in caplog.text
    assert bench.courier.status().delivery == "broker"
    bench.store.close()


def test_a_disk_that_cannot_be_read_is_shown_and_stops_nothing(bench: Bench) -> None:
    bench.commit(1)
    bench.store._courier.close()
    bench.courier.step()
    bench.courier.step()
    assert bench.courier.step() == 1.0
    assert "cannot be read" in bench.courier.status().trouble
