"""The audit chain in a real database: any changed, missing, inserted or cut row is found."""

import threading
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mqtt.centre.accounts.audit import AuditHead, CentreAuditEntry, append_audit, read_audit, read_head, verify_audit
from mqtt.centre.ingest.database import open_query

NOW = datetime(2026, 11, 28, 1, 2, 3, tzinfo=UTC)


def write(database: str, count: int) -> None:
    with open_query(database) as query:
        for number in range(count):
            append_audit(query, CentreAuditEntry("an", "view-site", f"site {number}", "Kiểm tra", number % 3), NOW)


def write_and_fail(database: str) -> None:
    with open_query(database) as query:
        append_audit(query, CentreAuditEntry("an", "view-site"), NOW)
        raise RuntimeError


def problems(database: str, expected: AuditHead | None = None) -> list[int]:
    with open_query(database) as query:
        return [problem.number for problem in verify_audit(query, expected)]


def head_of(database: str) -> AuditHead:
    with open_query(database) as query:
        return read_head(query)


def change(database: str, statement: str) -> None:
    with open_query(database) as query:
        query(statement)


def test_an_untouched_chain_has_no_problem_and_is_numbered_without_gaps(database: str) -> None:
    write(database, 20)
    assert problems(database) == []
    with open_query(database) as query:
        assert [row.number for row in read_audit(query)] == list(range(20, 0, -1))


@pytest.mark.parametrize("column", ["at", "who", "what", "about", "area", "why", "previous_hash", "hash"])
def test_a_change_of_any_column_is_found(database: str, column: str) -> None:
    write(database, 5)
    value = "7" if column == "area" else "'x'"
    change(database, f"UPDATE audit SET {column} = {value} WHERE number = 3")  # noqa: S608 - constants
    assert 3 in problems(database) or 4 in problems(database)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit WHERE number = 3",
        "DELETE FROM audit WHERE number = 1",
        "DELETE FROM audit WHERE number = 5",
        "DELETE FROM audit",
        "UPDATE audit SET number = 6 WHERE number = 5",
        "UPDATE audit_head SET number = 4",
        "INSERT INTO audit SELECT 6, at, who, what, about, area, why, hash, hash FROM audit WHERE number = 5",
    ],
)
def test_a_missing_or_added_row_is_found(database: str, statement: str) -> None:
    write(database, 5)
    change(database, statement)
    assert problems(database) != []


def test_a_whole_tail_that_was_cut_with_its_head_is_found_with_a_head_on_paper(database: str) -> None:
    write(database, 5)
    written_down = head_of(database)
    change(database, "DELETE FROM audit WHERE number > 3")
    change(database, "UPDATE audit_head SET number = 3, hash = (SELECT hash FROM audit WHERE number = 3)")
    assert problems(database) == []
    assert problems(database, written_down) == [5]


def test_rows_of_parallel_writers_make_one_chain(database: str) -> None:
    threads = [threading.Thread(target=write, args=(database, 5)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert head_of(database).number == 30
    assert problems(database) == []


def test_a_rolled_back_transaction_leaves_no_gap(database: str) -> None:
    write(database, 2)
    with pytest.raises(RuntimeError):
        write_and_fail(database)
    write(database, 1)
    assert head_of(database).number == 3
    assert problems(database) == []


def test_a_reader_of_an_area_sees_its_rows_only(database: str) -> None:
    write(database, 9)
    with open_query(database) as query:
        assert {row.entry.area for row in read_audit(query, areas=[1])} == {1}
        assert read_audit(query, areas=[]) == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=1500))
def test_any_text_is_stored_and_verified(database: str, text: str) -> None:
    with open_query(database) as query:
        append_audit(query, CentreAuditEntry(text, text, text, text), NOW)
    assert problems(database) == []
