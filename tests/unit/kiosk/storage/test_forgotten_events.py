"""What the centre asks a device to forget: the bytes are gone from every file, the events and their delivery stay."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from kiosk.storage import SqliteEventStore
from tests.fakes.data.access_events import a_store, an_event

COUNT = 60


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteEventStore]:
    with closing(a_store(tmp_path / "events.db", COUNT)) as found:
        yield found


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def test_nothing_of_a_forgotten_person_is_in_any_file(store: SqliteEventStore, tmp_path: Path) -> None:
    numbers = [3, 4, 5, 20, 59]
    events = [an_event(number) for number in numbers]
    before = bytes_on_disk(tmp_path)
    assert all(event.sealed in before and event.pseudonym in before for event in events)
    assert store.forget_events([event.id for event in events]) == len(numbers)
    after = bytes_on_disk(tmp_path)
    for event in events:
        assert event.sealed not in after
        assert event.pseudonym not in after
    others = [an_event(number) for number in range(COUNT) if number not in numbers]
    assert all(other.sealed in after for other in others)


def test_the_events_stay_with_their_numbers_outcome_and_ids(store: SqliteEventStore) -> None:
    forgotten = an_event(7)
    before = {stored.seq: stored.event for stored in store.recent(COUNT)}
    store.forget_events([forgotten.id])
    after = {stored.seq: stored.event for stored in store.recent(COUNT)}
    assert before.keys() == after.keys()
    changed = [seq for seq, event in after.items() if event != before[seq]]
    assert [after[seq].id for seq in changed] == [forgotten.id]
    (seq,) = changed
    assert (after[seq].sealed, after[seq].pseudonym) == (b"", b"")
    assert (after[seq].outcome, after[seq].direction) == (before[seq].outcome, before[seq].direction)
    assert len(store.pending(0, COUNT)) == COUNT, "what was not delivered is still delivered"


def test_a_notice_counts_what_was_forgotten(store: SqliteEventStore) -> None:
    store.forget_events([an_event(number).id for number in (1, 2, 9)])
    notices = [(one.kind, one.detail, one.count) for one in store.notices()]
    assert sum(count for kind, detail, count in notices if (kind, detail) == ("redacted", "forgotten")) == 3


def test_unknown_ids_and_a_second_request_change_nothing(store: SqliteEventStore) -> None:
    assert store.forget_events([uuid4(), UUID(int=0)]) == 0
    assert store.forget_events([]) == 0
    assert store.forget_events([an_event(1).id]) == 1
    assert store.forget_events([an_event(1).id]) == 0
    assert len(store.notices()) == 1


def test_a_store_that_forgot_is_opened_again(store: SqliteEventStore, tmp_path: Path) -> None:
    store.forget_events([an_event(number).id for number in range(COUNT)])
    store.close()
    with closing(SqliteEventStore(tmp_path / "events.db")) as again:
        assert len(again.recent(COUNT)) == COUNT
        assert again.corrupt_file is None
