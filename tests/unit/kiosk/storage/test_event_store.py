"""The event store: durable commits, seq without gaps, and acknowledgements."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.core.ports import StoreError
from kiosk.storage import IncompatibleDatabaseError, SqliteEventStore
from tests.fakes.data.access_events import a_store, an_event, event_text


def test_an_event_is_read_as_it_was_committed(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db", boot_id="boot-a")
    stored = store.commit(an_event())
    assert store.pending(0, 10) == [stored]
    assert (stored.seq, stored.epoch, stored.boot_id) == (1, store.epoch, "boot-a")
    assert stored.event == an_event()
    store.close()


def test_all_names_of_a_person_come_back_and_only_the_first_is_for_the_centre(tmp_path: Path) -> None:
    event = replace(an_event(), aliases=(b"x" * 16, b"y" * 16))
    store = SqliteEventStore(tmp_path / "p.db")
    store.commit(event)
    found = store.recent(1)[0]
    store.close()
    assert found.event == event
    assert len(found.event.pseudonym) == 16
    assert (b"x" * 16).hex() not in event_text(found, "/entrance/cho/gate")


def test_numbers_are_gapless_across_restarts_and_the_epoch_stays(tmp_path: Path) -> None:
    epochs = set()
    seqs = []
    for life in range(3):
        store = SqliteEventStore(tmp_path / "p.db", boot_id=f"boot-{life}")
        epochs.add(store.epoch)
        seqs += [store.commit(an_event(life * 10 + n)).seq for n in range(4)]
        store.close()
    assert seqs == list(range(1, 13))
    assert len(epochs) == 1


def test_each_record_names_the_boot_that_its_monotonic_time_belongs_to(tmp_path: Path) -> None:
    for boot in ("boot-a", "boot-b", "boot-a"):
        store = SqliteEventStore(tmp_path / "p.db", boot_id=boot)
        store.commit(an_event())
        store.close()
    store = SqliteEventStore(tmp_path / "p.db", boot_id="boot-c")
    assert [stored.boot_id for stored in store.pending(0, 9)] == ["boot-a", "boot-b", "boot-a"]
    store.close()


def test_two_databases_never_share_an_epoch(tmp_path: Path) -> None:
    one, two = SqliteEventStore(tmp_path / "1.db"), SqliteEventStore(tmp_path / "2.db")
    assert one.epoch != two.epoch
    one.close()
    two.close()


def test_what_the_centre_confirmed_leaves_the_outbox_and_stays_as_history(tmp_path: Path) -> None:
    store = a_store(tmp_path / "p.db", 10)
    store.acknowledge(up_to_seq=4)
    assert [stored.seq for stored in store.pending(0, 99)] == [5, 6, 7, 8, 9, 10]
    assert store.backlog_size() == 6
    assert [stored.seq for stored in store.recent(3)] == [10, 9, 8]
    store.close()


def test_what_the_centre_has_beyond_a_gap_is_not_sent_again(tmp_path: Path) -> None:
    store = a_store(tmp_path / "p.db", 10)
    store.acknowledge(up_to_seq=2, ranges=[(5, 6), (9, 9)])
    assert [stored.seq for stored in store.pending(0, 99)] == [3, 4, 7, 8, 10]
    assert store.backlog_size() == 5
    store.close()
    store = SqliteEventStore(tmp_path / "p.db")
    assert [stored.seq for stored in store.pending(3, 2)] == [4, 7]
    assert store.backlog_size() == 5
    store.acknowledge(up_to_seq=8)
    assert [stored.seq for stored in store.pending(0, 99)] == [10]
    store.close()


def test_an_older_receipt_takes_nothing_back(tmp_path: Path) -> None:
    store = a_store(tmp_path / "p.db", 5)
    store.acknowledge(up_to_seq=4)
    store.acknowledge(up_to_seq=2)
    assert store.backlog_size() == 1
    store.close()


def held(path: Path) -> list[tuple[int, str, int]]:
    """Quarantine as a reader sees it: seq, reason, number of rejections."""
    with closing(sqlite3.connect(path)) as reader:
        return reader.execute(
            "SELECT seq, reason, times FROM quarantine JOIN rejection_count USING (seq) ORDER BY seq"
        ).fetchall()


def test_one_record_is_released_from_quarantine_and_each_refusal_of_it_counts(tmp_path: Path) -> None:
    store = a_store(tmp_path / "p.db", 5)
    store.acknowledge(up_to_seq=2, rejected=[(3, "bad-data"), (4, "bad-data")])
    assert store.release_quarantine(only_seq=4) == 1
    assert store.release_quarantine(only_seq=4) == 0
    assert [stored.seq for stored in store.pending(0, 99)] == [4, 5]
    store.acknowledge(up_to_seq=2, rejected=[(4, "bad-reason")])
    assert held(tmp_path / "p.db") == [(3, "bad-data", 1), (4, "bad-reason", 2)]
    assert store.release_quarantine() == 2
    assert [stored.seq for stored in store.pending(0, 99)] == [3, 4, 5]
    store.acknowledge(up_to_seq=5)
    store.close()
    with closing(sqlite3.connect(tmp_path / "p.db")) as reader:
        assert reader.execute("SELECT count(*) FROM rejection_count").fetchone() == (0,), (
            "what the centre took is forgotten"
        )


def test_a_rejected_event_is_quarantined_with_its_reason_and_kept(tmp_path: Path) -> None:
    store = a_store(tmp_path / "p.db", 5)
    store.acknowledge(up_to_seq=2, rejected=[(3, "unknown-site")])
    assert [stored.seq for stored in store.pending(0, 99)] == [4, 5]
    assert (store.backlog_size(), store.outbox_status().quarantined) == (2, 1)
    store.acknowledge(up_to_seq=2, ranges=[(4, 5)])
    assert (store.backlog_size(), store.outbox_status().quarantined) == (0, 1)
    assert len(store.recent(9)) == 5
    store.close()
    store = SqliteEventStore(tmp_path / "p.db")
    assert (store.backlog_size(), store.outbox_status().quarantined) == (0, 1)
    store.acknowledge(up_to_seq=5)
    assert (store.backlog_size(), store.outbox_status().quarantined) == (0, 0), "accepted after all"
    store.close()


def test_a_receipt_for_numbers_never_given_out_is_refused_whole(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    store.commit(an_event())
    with pytest.raises(ValueError, match="newest seq 1"):
        store.acknowledge(up_to_seq=7)
    with pytest.raises(ValueError, match="newest seq 1"):
        store.acknowledge(up_to_seq=0, ranges=[(3, 4)])
    assert store.backlog_size() == 1
    store.close()


def test_a_number_is_never_used_again_even_when_all_history_is_gone(tmp_path: Path) -> None:
    store = a_store(tmp_path / "p.db", 3)
    store.acknowledge(up_to_seq=3)
    store.close()
    raw = sqlite3.connect(tmp_path / "p.db")
    raw.execute("DELETE FROM event")
    raw.commit()
    raw.close()
    store = SqliteEventStore(tmp_path / "p.db")
    assert store.commit(an_event(9)).seq == 4
    store.close()


def test_a_commit_that_fails_says_so_uses_no_number_and_can_be_tried_again(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    store.commit(an_event(1))
    store._gate_connection.execute(
        "PRAGMA max_page_count = 1"
    )  # SQLite's own "disk full"; it clamps to the present size
    with pytest.raises(StoreError, match="full"):
        _fill(store)
    filled = store.newest_seq
    store._gate_connection.execute("PRAGMA max_page_count = 1000000")
    store.check_writable()
    assert store.commit(an_event(filled + 1)).seq == filled + 1
    assert [stored.seq for stored in store.pending(0, 999)] == list(range(1, filled + 2))
    store.close()


def _fill(store: SqliteEventStore) -> None:
    for number in range(2, 200):
        store.commit(an_event(number))


def test_several_that_wait_are_recorded_together_or_not_at_all(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    assert [stored.seq for stored in store.commit_all([an_event(number) for number in range(3)])] == [1, 2, 3]
    store._gate_connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StoreError, match="full"):
        store.commit_all([an_event(number) for number in range(3, 300)])
    assert store.newest_seq == 3
    store._gate_connection.execute("PRAGMA max_page_count = 1000000")
    assert [stored.seq for stored in store.commit_all([an_event(number) for number in range(3, 300)])][-1] == 300
    assert len(store.recent(999)) == 300
    store.close()


def test_a_read_only_database_gives_one_message_and_loses_nothing(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    store.commit(an_event(1))
    store._gate_connection.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreError, match="could not be committed"):
        store.commit(an_event(2))
    with pytest.raises(StoreError, match="still not writable"):
        store.check_writable()
    store._gate_connection.execute("PRAGMA query_only = 0")
    store.check_writable()
    assert store.commit(an_event(2)).seq == 2
    store.close()


def test_a_file_that_is_no_database_is_refused_in_a_sentence_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    path.write_bytes(b"a letter to the ward, not a database\n" * 100)
    before = path.read_bytes()
    with pytest.raises(IncompatibleDatabaseError, match="is not a database of this program"):
        SqliteEventStore(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE song (title TEXT)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(IncompatibleDatabaseError, match="another program"):
        SqliteEventStore(path)
    assert path.read_bytes() == before


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="folder does not exist"):
        SqliteEventStore(tmp_path / "nowhere" / "p.db")


def test_a_newer_releases_database_is_not_touched(tmp_path: Path) -> None:
    SqliteEventStore(tmp_path / "p.db").close()
    raw = sqlite3.connect(tmp_path / "p.db")
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(IncompatibleDatabaseError, match="newer release"):
        SqliteEventStore(tmp_path / "p.db")


def test_the_gates_connection_waits_for_the_disk_and_the_relays_does_not(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    assert store._gate_connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._gate_connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._relay_connection.execute("PRAGMA synchronous").fetchone() == (1,)
    store.close()


def test_a_probe_of_the_disk_really_writes_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    with closing(SqliteEventStore(path)) as store:
        store.commit(an_event(1))
        before = path.with_name("p.db-wal").read_bytes()
        store.check_writable()
        assert path.with_name("p.db-wal").read_bytes() != before
        assert store.backlog_size() == 1
        store.check_writable()
    with closing(SqliteEventStore(path)) as store:
        assert (store.newest_seq, store.backlog_size()) == (1, 1)
