"""Receipts: acknowledged, rejected, duplicated and foreign events."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.storage import SqliteEventStore
from mqtt import events
from mqtt.events import InvalidEvent, digest_of_ids
from tests.fakes.data.access_events import an_event
from tests.fakes.parts.relay import RECEIPT, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "p.db")
    with closing(made.store):
        yield made


def test_a_rejected_event_is_quarantined_and_the_others_are_delivered(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
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


def test_an_event_released_from_quarantine_by_another_thread_is_sent_again(bench: Bench) -> None:
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


def test_a_receipt_for_more_than_was_ever_recorded_starts_a_new_epoch_and_nothing_is_lost(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.commit(2)
    bench.run(1.0)
    epoch = bench.store.epoch
    bench.receipt(99)
    bench.run(1.0)
    assert bench.store.epoch != epoch
    assert bench.store.backlog_size() == 2
    assert bench.messages() == [[1, 2], [1, 2]], "they are sent again, in the new epoch"
    assert [(notice.kind, notice.count, notice.detail) for notice in bench.store.notices()] == [
        ("new-epoch", 2, "conflict")
    ]
    assert "another device may use this name" in caplog.text
    bench.receipt(99)
    bench.run(1.0)
    assert len(bench.store.notices()) == 1, "a centre that errs makes at most one epoch a minute"


def test_a_receipt_settles_only_events_that_it_names_by_seq_and_id(bench: Bench) -> None:
    bench.commit(4)
    bench.run(1.0)
    mine = digest_of_ids(an_event(number).id.bytes for number in (1, 2))
    others = digest_of_ids(an_event(number).id.bytes for number in (93, 94))
    confirmed = [(1, 2, mine), (3, 4, others)]
    bench.broker.deliver(RECEIPT, events.receipt_payload(bench.store.epoch, 4, confirmed=confirmed))
    bench.run(1.0)
    assert [stored.seq for stored in bench.store.pending(0, 9)] == [3, 4]


def test_a_seq_with_two_ids_starts_a_new_epoch_for_all_that_is_undelivered(bench: Bench) -> None:
    bench.commit(4)
    bench.run(1.0)
    mine = digest_of_ids(an_event(number).id.bytes for number in (1, 2))
    conflict = [InvalidEvent(str(an_event(3).id), events.SEQ_CONFLICT)]
    epoch = bench.store.epoch
    bench.broker.deliver(
        RECEIPT, events.receipt_payload(epoch, 4, rejected=conflict, confirmed=[(1, 2, mine), (4, 4, "0" * 16)])
    )
    bench.run(1.0)
    assert bench.store.epoch != epoch
    assert [stored.event.id for stored in bench.store.pending(0, 9)] == [an_event(3).id, an_event(4).id]
    assert bench.store.quarantined_count() == 0
    assert bench.messages()[-1] == [1, 2], "seqs of the new epoch begin with 1"
    all_ = digest_of_ids(an_event(number).id.bytes for number in (3, 4))
    bench.broker.deliver(RECEIPT, events.receipt_payload(bench.store.epoch, 2, confirmed=[(1, 2, all_)]))
    bench.run(1.0)
    assert bench.store.backlog_size() == 0


def test_a_database_of_another_device_starts_a_new_epoch(tmp_path: Path) -> None:
    with closing(SqliteEventStore(tmp_path / "p.db")) as store:
        store.bind_source("/dong-ba/gate-1")
        store.commit_all([an_event(number) for number in (1, 2, 3)])
        store.acknowledge(2)
        epoch = store.epoch
        store.bind_source("/dong-ba/gate-1")
        assert store.epoch == epoch
        store.bind_source("/dong-ba/gate-2")
        assert (store.epoch != epoch, store.base_seq, store.backlog_size()) == (True, 2, 1)
    with closing(SqliteEventStore(tmp_path / "p.db")) as store:
        store.bind_source("/dong-ba/gate-2")
        assert (store.base_seq, store.newest_seq, store.backlog_size()) == (2, 3, 1)


def test_a_memory_card_that_was_copied_to_another_board_starts_a_new_epoch_there_alone(tmp_path: Path) -> None:
    """Two boards with one epoch gave one number to two people, and the centre kept the first one only."""
    original, copy = tmp_path / "original.db", tmp_path / "copy.db"
    with closing(SqliteEventStore(original)) as store:
        store.bind_source("/dong-ba/gate-1")
        store.commit_all([an_event(number) for number in (1, 2, 3)])
        store.acknowledge(2)
        store.bind_source("/dong-ba/gate-1", "serial 1")  # a release that knows boards follows one that did not
        epoch = store.epoch
    shutil.copy(original, copy)
    for board in ("serial 1", "", "serial 1"):
        with closing(SqliteEventStore(original)) as store:
            store.bind_source("/dong-ba/gate-1", board)
            assert (store.epoch, store.epoch_reason) == (epoch, "")
    with closing(SqliteEventStore(copy)) as store:
        store.bind_source("/dong-ba/gate-1", "serial 2")
        assert store.epoch != epoch
        assert (store.epoch_reason, store.base_seq, store.backlog_size()) == ("other-board", 2, 1)
        assert [(notice.kind, notice.detail) for notice in store.notices(1)] == [("new-epoch", "other-board")]
        other = store.epoch
    with closing(SqliteEventStore(copy)) as store:
        store.bind_source("/dong-ba/gate-1", "serial 2")
        assert (store.epoch, store.epoch_reason) == (other, "")


def test_an_event_that_leaves_quarantine_after_a_new_epoch_gets_a_seq_of_it(bench: Bench) -> None:
    bench.commit(5)
    bench.run(1.0)
    bench.receipt(2, beyond=[(4, 5)], rejected=[InvalidEvent(str(an_event(3).id), "bad-data-reason")])
    bench.run(1.0)
    bench.store.start_new_epoch("conflict")
    assert (bench.store.base_seq, bench.store.backlog_size(), bench.store.quarantined_count()) == (5, 0, 1)
    bench.store.release_quarantine()
    assert [(stored.seq, stored.event) for stored in bench.store.pending(0, 9)] == [(6, an_event(3))]
    bench.commit(1)
    assert (bench.store.newest_seq, bench.store.backlog_size()) == (7, 2)


def test_garbage_on_the_receipt_topic_changes_nothing(bench: Bench) -> None:
    bench.commit(2)
    bench.run(1.0)
    for garbage in (b"", b"\xff", b"{}", b'{"epoch":1}', b"[" * 70_000):
        bench.broker.deliver(RECEIPT, garbage)
    bench.broker.deliver("entrance/v1/dong-ba/gate-2/receipt", events.receipt_payload(bench.store.epoch, 2))
    bench.run(1.0)
    assert bench.store.backlog_size() == 2


def test_duplicated_and_reordered_receipts_undo_nothing(bench: Bench) -> None:
    bench.commit(9)
    bench.run(1.0)
    for up_to in (3, 7, 7, 5, 1, 7):
        bench.receipt(up_to)
        bench.run(0.2)
    assert bench.store.backlog_size() == 2
