"""Rows that this release cannot understand: in quarantine with a reason, counted in a notice, and no hindrance for others."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.storage import SqliteEventStore, rows
from kiosk.storage.queries.events import EventFilter, find_events
from kiosk.storage.queries.quarantine import read_quarantine
from tests.fakes.data.access_events import an_event
from tests.fakes.parts.relay import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "p.db")
    with closing(made.store):
        yield made


def spoil(store: SqliteEventStore, seq: int, column: str, value: object) -> None:
    store._gate_connection.execute("PRAGMA foreign_keys = OFF")
    store._gate_connection.execute(f"UPDATE event SET {column} = ? WHERE seq = ?", [value, seq])  # noqa: S608 - constants


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("outcome", "qass", "unknown-word"),
        ("reason", "a-word-of-another-release", "unknown-word"),
        ("direction", "up", "unknown-word"),
        ("kind", "hologram", "unknown-word"),
        ("assurance", "certain", "unknown-word"),
        ("clock_quality", "atomic", "unknown-word"),
        ("manual_reason", "bribed", "unknown-word"),
        ("boot_number", 77, "unknown-boot"),
        ("id", b"\x01\x02", "unreadable-value"),
        ("monotonic_s", -5.0, "unreadable-time"),
        ("monotonic_s", 1e300, "unreadable-time"),
        ("occurred_us", 2**62, "unreadable-time"),
    ],
)
def test_a_row_that_cannot_be_understood_is_quarantined_with_its_reason(
    bench: Bench, column: str, value: object, reason: str
) -> None:
    bench.commit(5)
    spoil(bench.store, 3, column, value)
    bench.run(1.0)
    assert bench.seqs() == [1, 2, 4, 5]
    assert bench.store._delivery.quarantined == {3}
    (notice,) = bench.store.notices()
    assert (notice.kind, notice.first_seq, notice.count) == ("unreadable", 3, 1)
    assert [stored.seq for stored in bench.store.recent(9)] == [5, 4, 2, 1]
    assert bench.store.unreadable_rows == 1
    assert bench.store.outbox_status().quarantined == 1
    assert len(find_events(bench.store.path, EventFilter()).events) == 5
    found = read_quarantine(bench.store.path)
    assert found.count == 1
    assert {event.rejection_reason for event in found.events} <= {reason}


def test_a_text_that_is_not_utf_8_hides_no_other_row(bench: Bench) -> None:
    bench.commit(5)
    store = bench.store
    store._gate_connection.execute("UPDATE event SET reason = CAST(x'6fe5' AS TEXT) WHERE seq = 3")
    store._gate_connection.execute("INSERT INTO boot VALUES (9, CAST(x'ff' AS TEXT))")
    assert [stored.seq for stored in store.pending(0, 9)] == [1, 2, 4, 5]
    bench.run(1.0)
    assert bench.seqs() == [1, 2, 4, 5]
    path = store.path
    store.close()
    with closing(SqliteEventStore(path)) as again:
        assert [stored.seq for stored in again.recent(9)] == [5, 4, 2, 1]
        assert again.quarantined_count() == 1


values = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=20) | st.binary(max_size=20)


REASONS = {"", "unreadable-value", "unreadable-time", "unknown-boot", "unknown-word"}


def reason_of(row: tuple[object, ...]) -> str:
    """Why the row cannot be understood. Empty where it gives an event."""
    try:
        rows.event_from_row("0" * 16, {1: "boot"}, row)
    except rows.UnreadableRowError as error:
        return str(error)
    return ""


@given(st.lists(values, min_size=15, max_size=15))
def test_any_values_in_a_row_are_an_event_or_a_reason(row: list[object]) -> None:
    assert reason_of((1, *row)) in REASONS


@given(st.integers(1, 15), values)
def test_any_value_in_one_column_is_an_event_or_a_reason(column: int, value: object) -> None:
    row = list(rows.event_to_row(1, 1, an_event(1)))
    row[column] = value
    assert reason_of(tuple(row)) in REASONS
