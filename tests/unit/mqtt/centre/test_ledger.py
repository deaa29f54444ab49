"""The SQLite ledger: each event once, all gaps known, and migrations without loss."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mqtt.centre.ingest.batch import IngestedMessage, StreamKey
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.centre.sqlite import schema as sqlite_schema
from mqtt.centre.sqlite.ledger import SqliteLedger, read_counts
from mqtt.centre.sqlite.schema import APPLICATION_ID, MIGRATIONS
from mqtt.events import SEQ_CONFLICT
from mqtt.sequence_ranges import RangeSet
from mqtt.topics import DeviceTopics
from tests.fakes.data.access_events import EPOCH, GATE, an_event
from tests.fakes.data.arrivals import arrival_of
from tests.paths import DATA

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def arrival(seqs: Sequence[int], branch: DeviceTopics = GATE, epoch: str = EPOCH) -> IngestedMessage:
    return arrival_of([(seq, an_event(seq)) for seq in seqs], AT, branch=branch, epoch=epoch)


def test_each_event_is_stored_once_and_each_duplicate_is_counted(ledger: SqliteLedger, centre_file: Path) -> None:
    for _ in range(3):
        ledger.record([arrival([1, 2, 3])])
    counts = read_counts(centre_file)
    assert (counts.received, counts.distinct, counts.duplicates, counts.missing) == (9, 3, 6, 0)


def test_a_gap_is_known_until_it_is_closed(ledger: SqliteLedger, centre_file: Path) -> None:
    standing = ledger.record([arrival([1, 2, 7, 8, 12])])
    ranges = standing[StreamKey(GATE, EPOCH)]
    assert (ranges.up_to, ranges.after_first_gap(), ranges.gaps()) == (2, [(7, 8), (12, 12)], [(3, 6), (9, 11)])
    assert read_counts(centre_file).missing == 7
    assert ledger.record([arrival([3, 4, 5, 6])])[StreamKey(GATE, EPOCH)].up_to == 8
    assert read_counts(centre_file).missing == 3


def test_what_is_known_survives_a_restart(centre_file: Path) -> None:
    with closing(SqliteLedger(centre_file)) as first:
        first.record([arrival([1, 2, 5])])
    with closing(SqliteLedger(centre_file)) as second:
        assert second.record([arrival([3])])[StreamKey(GATE, EPOCH)] == RangeSet([(1, 3), (5, 5)])


FIRST_RELEASE = DATA / "centre-v1.sql"


def test_the_ledger_of_the_first_release_still_opens(centre_file: Path) -> None:
    with closing(sqlite3.connect(centre_file)) as old:
        old.executescript(FIRST_RELEASE.read_text(encoding="utf-8"))
    for _ in range(2):
        with closing(SqliteLedger(centre_file)) as ledger:
            assert ledger.record([arrival([3])])[StreamKey(GATE, EPOCH)].up_to == 3
    with closing(sqlite3.connect(centre_file)) as raw:
        assert raw.execute("SELECT count(*), count(annuls) FROM effective_event").fetchone() == (3, 0)
        marks = [raw.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")]
        assert marks == [len(MIGRATIONS), APPLICATION_ID]


def test_a_later_step_of_the_schema_is_taken_once_and_whole_or_not_at_all(centre_file: Path) -> None:
    with closing(sqlite3.connect(centre_file)) as raw:
        raw.executescript(FIRST_RELEASE.read_text(encoding="utf-8"))
        later = (*MIGRATIONS, "CREATE TABLE extra (x INTEGER) STRICT; ALTER TABLE notice ADD COLUMN note TEXT")
        broken = (*later, "CREATE TABLE halfway (x INTEGER) STRICT; ALTER TABLE nothing ADD COLUMN x")
        with pytest.raises(sqlite3.OperationalError):
            sqlite_schema.migrate(raw, broken)
        assert raw.execute("SELECT count(*) FROM sqlite_schema WHERE name IN ('extra', 'halfway')").fetchone() == (0,)
        for _ in range(2):
            sqlite_schema.migrate(raw, later)
        assert raw.execute("PRAGMA user_version").fetchone() == (len(later),)
        assert raw.execute("SELECT count(*) FROM event").fetchone() == (2,)


def test_a_grown_ledger_has_the_tables_of_a_new_one(centre_file: Path) -> None:
    with closing(sqlite3.connect(centre_file)) as old:
        old.executescript(FIRST_RELEASE.read_text(encoding="utf-8"))
    shapes = []
    for each in (centre_file, centre_file.with_name("new.db")):
        SqliteLedger(each).close()
        with closing(sqlite3.connect(each)) as raw:
            names = [str(row[0]) for row in raw.execute("SELECT name FROM sqlite_schema ORDER BY name")]
            shapes.append({name: raw.execute(f"PRAGMA table_info({name})").fetchall() for name in names})
    assert shapes[0] == shapes[1]


def test_a_ledger_of_a_newer_release_or_of_another_program_is_not_touched(centre_file: Path) -> None:
    SqliteLedger(centre_file).close()
    with closing(sqlite3.connect(centre_file)) as raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        with pytest.raises(LedgerError, match="newer release"):
            SqliteLedger(centre_file)
    foreign = centre_file.with_name("foreign.db")
    with closing(sqlite3.connect(foreign)) as raw:
        raw.execute("CREATE TABLE recipes (name TEXT)")
        with pytest.raises(LedgerError, match="another program"):
            SqliteLedger(foreign)
        assert raw.execute("SELECT name FROM sqlite_schema").fetchall() == [("recipes",)]


def test_devices_and_epochs_are_counted_apart(ledger: SqliteLedger, centre_file: Path) -> None:
    other = DeviceTopics("entrance", "dong-ba", "gate-2")
    standing = ledger.record([arrival([1]), arrival([1], other), arrival([1, 2], GATE, "f" * 16)])
    assert {key: ranges.up_to for key, ranges in standing.items()} == {
        StreamKey(GATE, EPOCH): 1,
        StreamKey(other, EPOCH): 1,
        StreamKey(GATE, "f" * 16): 2,
    }


def test_a_device_cannot_block_the_event_of_another_device_by_using_its_id_first(
    ledger: SqliteLedger, centre_file: Path
) -> None:
    thief = DeviceTopics("entrance", "dong-ba", "gate-666")
    ledger.record([arrival([1], thief)])
    ledger.record([arrival([1])])
    assert (read_counts(centre_file).distinct, read_counts(centre_file).duplicates) == (2, 0)


def test_a_second_event_with_one_seq_is_rejected_so_that_the_device_starts_a_new_epoch(
    ledger: SqliteLedger, centre_file: Path
) -> None:
    ledger.record([arrival([1])])
    other = arrival_of([(1, an_event(99))], AT)
    recorded = ledger.record([other])
    assert [(one.id, one.reason) for one in recorded.rejected[StreamKey(GATE, EPOCH)]] == [
        (str(other.events[0].id), SEQ_CONFLICT)
    ]
    assert read_counts(centre_file).distinct == 1
    with closing(sqlite3.connect(centre_file)) as raw:
        assert raw.execute("SELECT conflicts FROM stream").fetchone() == (1,)
    assert ledger.record([arrival_of([(1, an_event(99))], AT, epoch="f" * 16)]).rejected == {}
    assert read_counts(centre_file).distinct == 2, "under the new epoch it is stored"


def test_one_event_under_many_seqs_is_a_conflict_and_completes_nothing(ledger: SqliteLedger) -> None:
    recorded = ledger.record([arrival_of([(seq, an_event(1)) for seq in range(1, 201)], AT)])
    key = StreamKey(GATE, EPOCH)
    assert recorded[key] == RangeSet([(1, 1)])
    assert {one.reason for one in recorded.rejected[key]} == {SEQ_CONFLICT}
    assert len(recorded.rejected[key]) == 199


def test_an_event_that_comes_again_under_a_new_epoch_is_a_duplicate(ledger: SqliteLedger, centre_file: Path) -> None:
    ledger.record([arrival([1, 2])])
    for _ in range(2):
        again = ledger.record([arrival_of([(1, an_event(2)), (2, an_event(3))], AT, epoch="f" * 16)])
        assert again.rejected == {}
        assert again[StreamKey(GATE, "f" * 16)].up_to == 2
    assert read_counts(centre_file).distinct == 3


def test_retention_deletes_what_came_before_a_day_and_keeps_the_count_of_numbers(
    ledger: SqliteLedger, centre_file: Path
) -> None:
    ledger.record([arrival([1, 2, 3])])
    assert ledger.delete_before(AT.date()) == []
    assert ledger.delete_before((AT + timedelta(days=1)).date()) == ["3 events"]
    assert ledger.record([arrival([4])])[StreamKey(GATE, EPOCH)].up_to == 4, "deleted is not missing"
    assert read_counts(centre_file).missing == 0


def test_a_database_that_is_not_one_is_one_sentence(centre_file: Path) -> None:
    centre_file.write_bytes(b"no database" * 100)
    with pytest.raises(LedgerError, match="cannot be used as the centre's database"):
        SqliteLedger(centre_file)
