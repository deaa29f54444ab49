"""The read model for other processes: read-only connections, and the first event of a period."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.ports import StoreError
from kiosk.storage import SqliteEventStore
from kiosk.storage.queries.read_only import first_seq_since, open_read_only


def test_a_reader_cannot_write_to_the_database(tmp_path: Path) -> None:
    SqliteEventStore(tmp_path / "p.db").close()
    with pytest.raises(StoreError, match="readonly"), open_read_only(tmp_path / "p.db") as database:
        database.execute("DELETE FROM event")


def test_a_reader_does_not_create_a_missing_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"), open_read_only(tmp_path / "p.db"):
        pass
    assert not (tmp_path / "p.db").exists()


@given(times=st.lists(st.integers(0, 50), max_size=30), since=st.integers(-1, 51))
def test_a_binary_search_finds_the_first_event_of_a_period(times: list[int], since: int) -> None:
    times.sort()
    numbered = list(enumerate(times, start=7))
    expected = next((seq for seq, at in numbered if at >= since), 7 + len(times) if times else 1)
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(
            "CREATE TABLE event (seq INTEGER PRIMARY KEY, occurred_us INTEGER, clock_quality TEXT DEFAULT 'synchronised')"
        )
        database.executemany("INSERT INTO event (seq, occurred_us) VALUES (?, ?)", numbered)
        assert first_seq_since(database, since) == expected
