"""What the centre says of passages: taken, refused, doubled, or somebody else's."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mqtt import events
from mqtt.events import InvalidEvent
from tests.fakes.data.access_events import an_event
from tests.fakes.parts.relay import RECEIPT, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "p.db")
    with closing(made.store):
        yield made


def test_a_rejected_passage_steps_aside_and_the_others_go_on(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.commit(5)
    bench.run(1.0)
    poison = an_event(3)
    bench.receipt(2, beyond=[(4, 5)], rejected=[InvalidEvent(str(poison.id), "bad-data-reason")])
    bench.run(30.0)
    status = bench.store.outbox_status()
    assert (status.backlog_size, status.quarantined) == (0, 1)
    assert len(bench.messages()) == 1, "it is not sent again"
    assert "event 3 is rejected: bad-data-reason" in caplog.text
    assert str(poison.id) not in caplog.text


def test_quarantine_is_offered_again_on_command(bench: Bench) -> None:
    bench.commit(5)
    bench.run(1.0)
    bench.receipt(2, beyond=[(4, 5)], rejected=[InvalidEvent(str(an_event(3).id), "bad-data-reason")])
    bench.run(1.0)
    bench.relay.retry_quarantine()
    bench.run(1.0)
    assert bench.messages()[1:] == [[3]]
    bench.receipt(5)
    bench.run(1.0)
    assert (bench.store.outbox_status().backlog_size, bench.store.outbox_status().quarantined) == (0, 0)


def test_what_somebody_else_takes_out_of_quarantine_is_offered_again_too(bench: Bench) -> None:
    bench.commit(5)
    bench.run(1.0)
    bench.receipt(2, beyond=[(4, 5)], rejected=[InvalidEvent(str(an_event(3).id), "bad-data-reason")])
    bench.run(1.0)
    bench.store.release_quarantine()
    bench.run(1.0)
    assert bench.messages()[1:] == [[3]]


def test_a_refusal_that_names_nothing_under_way_changes_nothing(bench: Bench) -> None:
    bench.commit(2)
    bench.run(1.0)
    bench.receipt(0, rejected=[InvalidEvent("00000000-0000-7000-8000-000000000000", "bad-data")])
    bench.run(1.0)
    assert (bench.store.backlog_size(), bench.store.outbox_status().quarantined) == (2, 0)


def test_a_receipt_for_another_epoch_changes_nothing(bench: Bench) -> None:
    bench.commit(2)
    bench.run(1.0)
    bench.broker.deliver(RECEIPT, events.receipt_payload("ffffffffffffffff", 2))
    bench.run(1.0)
    assert bench.store.backlog_size() == 2


def test_a_receipt_for_more_than_was_ever_recorded_is_refused_and_told(bench: Bench) -> None:
    bench.commit(2)
    bench.run(1.0)
    bench.receipt(99)
    bench.run(1.0)
    assert bench.store.backlog_size() == 2
    assert "another device may use this name" in bench.relay.status().error


def test_garbage_on_the_receipt_topic_changes_nothing(bench: Bench) -> None:
    bench.commit(2)
    bench.run(1.0)
    for garbage in (b"", b"\xff", b"{}", b'{"epoch":1}', b"[" * 70_000):
        bench.broker.deliver(RECEIPT, garbage)
    bench.broker.deliver("entrance/v1/dong-ba/gate-2/receipt", events.receipt_payload(bench.store.epoch, 2))
    bench.run(1.0)
    assert bench.store.backlog_size() == 2


def test_doubled_and_reordered_receipts_take_nothing_back(bench: Bench) -> None:
    bench.commit(9)
    bench.run(1.0)
    for up_to in (3, 7, 7, 5, 1, 7):
        bench.receipt(up_to)
        bench.run(0.2)
    assert bench.store.backlog_size() == 2
