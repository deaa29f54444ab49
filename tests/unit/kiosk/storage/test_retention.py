"""Retention limits with their notices, corrupt files, and migrations."""

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kiosk.core.model import AccessEvent, ClockQuality, ClockReading, Outcome
from kiosk.core.ports import StoreError
from kiosk.storage import RetentionLimits, SqliteEventStore, StoreCorruptError, database, schema
from tests.fakes.data.access_events import START_AT, an_event, an_undo_event
from tests.paths import DATA

LATER = ClockReading(START_AT + timedelta(days=30), 1.0, ClockQuality.SYNCHRONISED)


def filled(path: Path, count: int, limits: RetentionLimits, delivered: int = 0) -> SqliteEventStore:
    store = SqliteEventStore(path, limits=limits)
    store.commit_all([an_event(number) for number in range(1, count + 1)])
    store.acknowledge(delivered)
    return store


def tend(store: SqliteEventStore, now: ClockReading = LATER) -> int:
    gone = 0
    while (some := store.run_maintenance(now)) > 0:
        gone += some
    return gone


def test_delivered_events_are_deleted_by_age_and_a_notice_has_their_number(tmp_path: Path) -> None:
    store = filled(tmp_path / "p.db", 900, RetentionLimits(retention_days=21), delivered=700)
    assert tend(store) == 700
    assert [stored.seq for stored in store.recent(999)][-1] == 701
    notice = store.notices()[0]
    assert (notice.kind, notice.first_seq, notice.last_seq, notice.count) == ("purged-age", 1, 700, 700)
    assert store.purged_count() == 700
    assert store.backlog_size() == 200, "pending events are never deleted by age"
    store.close()


def test_young_events_are_kept(tmp_path: Path) -> None:
    store = filled(tmp_path / "p.db", 900, RetentionLimits(retention_days=31), delivered=700)
    assert tend(store) == 0
    assert list(store.notices()) == []
    store.close()


def test_nothing_goes_by_age_while_the_clock_is_not_to_be_believed(tmp_path: Path) -> None:
    store = filled(tmp_path / "p.db", 10, RetentionLimits(), delivered=10)
    assert tend(store, replace(LATER, quality=ClockQuality.UNSET)) == 0
    store.close()


def test_a_record_from_1970_goes_with_its_neighbours_and_not_before(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db")
    boot = replace(an_event(1), occurred_at=START_AT - timedelta(days=20_000), clock_quality=ClockQuality.UNSET)
    store.commit_all([boot, *(an_event(number) for number in range(2, 10))])
    store.acknowledge(9)
    assert tend(store, replace(LATER, utc_at=START_AT + timedelta(days=2))) == 0, (
        "its neighbours are two days old, so is it"
    )
    assert tend(store) == 8, "the newest record always stays"
    store.close()


def test_at_the_most_rows_history_goes_first(tmp_path: Path) -> None:
    store = filled(tmp_path / "p.db", 150, RetentionLimits(max_rows=250), delivered=100)
    store.commit_all([an_event(number) for number in range(151, 301)])
    assert tend(store, ClockReading(START_AT, 1.0, ClockQuality.SYNCHRONISED)) == 50
    assert store.notices()[0].kind == "purged-rows"
    store.close()


def test_when_only_pending_events_are_left_nothing_is_committed_and_nothing_is_deleted(tmp_path: Path) -> None:
    store = SqliteEventStore(tmp_path / "p.db", limits=RetentionLimits(max_rows=100))
    store.commit_all([an_event(number) for number in range(1, 101)])
    with pytest.raises(StoreError, match="100 events wait for the centre"):
        store.commit(an_event(101))
    assert tend(store) == 0
    assert (store.backlog_size(), store.newest_seq) == (100, 100)
    store.acknowledge(1)
    assert store.commit(an_event(101)).seq == 101
    store.close()


def failed(number: int) -> AccessEvent:
    return replace(an_event(number), outcome=Outcome.FAIL)


def test_low_space_deletes_delivered_events_then_redacts_failures_and_never_deletes_a_pending_event(
    tmp_path: Path,
) -> None:
    store = SqliteEventStore(tmp_path / "p.db", limits=RetentionLimits(max_file_bytes=1))
    store.commit_all([failed(number) if number % 2 else an_event(number) for number in range(1, 3001)])
    store.acknowledge(500)
    now = ClockReading(START_AT, 1.0, ClockQuality.SYNCHRONISED)
    assert tend(store, now) == 500
    for _ in range(10):
        store.run_maintenance(now)
    rows = sorted(store.recent(9999), key=lambda stored: stored.seq)
    assert [stored.seq for stored in rows] == list(range(501, 3001))
    old = [stored.event for stored in rows if stored.seq <= 2000]
    assert all(not passage.sealed for passage in old if passage.outcome is Outcome.FAIL)
    assert all(passage.sealed for passage in old if passage.outcome is Outcome.PASS)
    assert {notice.kind: notice.count for notice in store.notices()} == {"redacted": 750, "purged-bytes": 500}
    store.close()


def test_notices_of_one_day_are_one(tmp_path: Path) -> None:
    store = filled(tmp_path / "p.db", 10, RetentionLimits(max_rows=10), delivered=10)
    store.commit_all([an_event(number) for number in range(11, 21)])
    store.acknowledge(20)
    tend(store, ClockReading(START_AT, 1.0, ClockQuality.SYNCHRONISED))
    store.commit(an_event(21))
    store.acknowledge(21)
    tend(store, ClockReading(START_AT, 2.0, ClockQuality.SYNCHRONISED))
    notices = store.notices()
    assert [(notice.kind, notice.first_seq, notice.last_seq, notice.count) for notice in notices] == [
        ("purged-rows", 1, 11, 11)
    ]
    store.close()


def spoil(path: Path, at: int, with_: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(with_)


def test_a_corrupt_database_is_moved_away_and_the_gate_opens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "p.db"
    store = filled(path, 500, RetentionLimits())
    epoch = store.epoch
    store.close()
    path.with_name("p.db-wal").touch()  # it did not end cleanly
    for page in range(5, 40):
        spoil(path, page * database.PAGE_BYTES, b"\xaa" * 200)
    store = SqliteEventStore(path)
    assert store.corrupt_file is not None
    assert store.corrupt_file.exists(), "it is kept"
    assert store.epoch != epoch
    assert store.commit(an_event(1)).seq == 1
    assert store.notices()[0].detail == store.corrupt_file.name
    assert "A new database was started" in caplog.text
    store.close()


def test_a_first_page_of_zeros_is_what_a_power_cut_leaves(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    filled(path, 50, RetentionLimits()).close()
    spoil(path, 0, bytes(database.PAGE_BYTES))
    path.with_name("p.db-wal").touch()
    store = SqliteEventStore(path)
    assert store.corrupt_file is not None
    store.close()


def test_corruption_found_while_opening_is_handled_at_once(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    filled(path, 2000, RetentionLimits()).close()
    for page in range(1, 400):
        spoil(path, page * database.PAGE_BYTES, b"\xaa" * database.PAGE_BYTES)
    store = SqliteEventStore(path)
    assert store.corrupt_file is not None
    store.close()


def test_a_sound_database_that_did_not_end_cleanly_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    running = filled(path, 50, RetentionLimits())
    copy = tmp_path / "copy.db"
    for suffix in ("", "-wal"):
        copy.with_name(copy.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    epoch = running.epoch
    running.close()
    store = SqliteEventStore(copy)
    assert (store.corrupt_file, store.epoch, store.newest_seq) == (None, epoch, 50)
    store.close()


def test_corruption_found_while_running_ends_the_daemon_and_is_handled_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    filled(path, 2000, RetentionLimits()).close()
    store = SqliteEventStore(path)
    for page in range(1, 400):
        spoil(path, page * database.PAGE_BYTES, b"\xaa" * database.PAGE_BYTES)
    store._gate_connection.execute("PRAGMA shrink_memory")
    with pytest.raises(StoreError):
        store.commit(an_event(1))
    with pytest.raises(StoreCorruptError, match="next start moves it away"):
        store.check_writable()
    store._relay_connection.close()
    store._gate_connection.close()
    store = SqliteEventStore(path)
    assert store.corrupt_file is not None
    store.close()


def test_migrations_go_forward_from_every_released_schema(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    filled(path, 5, RetentionLimits()).close()
    later = (*schema.MIGRATIONS, "ALTER TABLE notice ADD COLUMN note INTEGER NOT NULL DEFAULT 0")
    database.open_writer(path, later).close()
    with closing(sqlite3.connect(path)) as raw, raw:
        assert raw.execute("PRAGMA user_version").fetchone()[0] & 0xFFFF == len(later)
        assert raw.execute("SELECT count(*) FROM event").fetchone() == (5,)
        assert "note" in [row[1] for row in raw.execute("PRAGMA table_info(notice)")]
    raw.close()


def test_a_database_of_a_newer_release_is_recorded_into_where_that_release_allows_it(tmp_path: Path) -> None:
    """After a rollback, the older release goes on with the same database and epoch."""
    path = tmp_path / "p.db"
    before = filled(path, 5, RetentionLimits())
    epoch = before.epoch
    before.close()
    newer = (*schema.MIGRATIONS, "ALTER TABLE event ADD COLUMN weather TEXT; CREATE TABLE mood (x INTEGER) STRICT")
    database.open_writer(path, newer).close()
    older = SqliteEventStore(path)
    assert older.commit(an_event(6)).seq == 6
    assert (older.epoch, older.backlog_size(), older.pending(5, 1)[0].event) == (epoch, 6, an_event(6))
    older.close()
    database.open_writer(path, newer).close()
    again = SqliteEventStore(path)
    assert again.newest_seq == 6
    again.close()


def test_a_database_that_only_newer_releases_may_write_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    filled(path, 5, RetentionLimits()).close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(f"PRAGMA user_version = {9 | 8 << 16}")
    raw.close()
    content = path.read_bytes()
    with pytest.raises(StoreError, match="newer release"):
        database.open_writer(path)
    assert path.read_bytes() == content


def test_a_migration_that_fails_halfway_leaves_the_old_schema_whole(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    filled(path, 5, RetentionLimits()).close()
    broken = (*schema.MIGRATIONS, "CREATE TABLE halfway (x) STRICT; ALTER TABLE nothing ADD COLUMN x")
    with pytest.raises(StoreError):
        database.open_writer(path, broken)
    store = SqliteEventStore(path)
    assert store.newest_seq == 5
    store.close()
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT name FROM sqlite_schema WHERE name = 'halfway'").fetchall() == []


def test_the_released_schema_of_version_1_still_opens(tmp_path: Path) -> None:
    """tests/data/events-v1.sql is what the first release wrote. It is never edited."""
    path = tmp_path / "p.db"
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.executescript((DATA / "events-v1.sql").read_text(encoding="utf-8"))
    raw.close()
    store = SqliteEventStore(path)
    assert (store.epoch, store.newest_seq, store.backlog_size()) == ("00112233445566aa", 3, 2)
    assert [stored.event.id for stored in store.pending(0, 9)] == [an_event(2).id, an_event(3).id]
    undo = an_undo_event(4, an_event(3))
    assert store.commit(undo).seq == 4
    assert store.pending(0, 9)[-1].event == undo
    assert store.recent(9)[1].event == an_event(3), "nothing of what it annuls is changed"
    with pytest.raises(StoreError, match="UNIQUE"):
        store.commit(replace(undo, id=an_event(5).id))
    store.close()


def test_logs_of_the_store_name_no_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = filled(tmp_path / "p.db", 10, RetentionLimits(), delivered=10)
    tend(store)
    store.close()
    assert str(an_event(1).id) not in caplog.text


def test_corruption_of_old_events_is_found_by_a_reader_and_handled_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    with closing(SqliteEventStore(path)) as store:
        store.commit_all([an_event(number) for number in range(1, 2001)])
    spoiled = bytearray(path.read_bytes())
    middle = len(spoiled) // 2 // 1024 * 1024
    spoiled[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(spoiled)
    with closing(SqliteEventStore(path)) as store:  # it was closed cleanly, so it is not checked
        assert store.corrupt_file is None
        with pytest.raises(StoreError, match="malformed"):
            store.pending(0, 3000)
        with pytest.raises(StoreError, match="is corrupt"):
            store.commit(an_event(2001))
        with pytest.raises(StoreCorruptError):
            store.check_writable()
    with closing(SqliteEventStore(path)) as store:
        assert store.corrupt_file is not None
        kinds = {notice.kind: notice.count for notice in store.notices()}
        assert kinds.keys() == {"corrupt-file-moved", "events-salvaged"}
        assert kinds["events-salvaged"] == store.backlog_size() > 1900, "undelivered events go on in the new file"
        assert store.commit(an_event(2001)).seq == kinds["events-salvaged"] + 1
