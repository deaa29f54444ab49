"""A centre moves from SQLite to PostgreSQL without losing a gap or a receipt."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from mqtt.centre.ingest.database import open_ledger, open_query
from tests.fakes.data.access_events import START_AT, an_event
from tests.fakes.data.arrivals import arrival_of
from tests.integration.centre_copies.conftest import Ask, fill
from tests.integration.centre_copies.test_backup import content


def test_gaps_duplicates_and_acknowledged_gaps_move_too(ask: Ask, tmp_path: Path, fresh: Callable[[str], str]) -> None:
    source, target = str(tmp_path / "centre.db"), fresh("target")
    fill(source)
    lost = ("--site", "dong-ba", "--device", "gate-1", "--requested-by", "Tám", "--reason", "card destroyed by water")
    assert ask(source, "acknowledge", *lost).exit_code == 0
    done = ask(source, "migrate", "--to", target)
    assert done.exit_code == 0, done.output
    assert content(target) == content(source)
    assert ask(target, "status").stdout.splitlines()[1:] == ask(source, "status").stdout.splitlines()[1:]
    with closing(open_ledger(target)) as ledger:
        before = ledger.record([arrival_of([(5, an_event(5))], START_AT + timedelta(hours=1))])
    assert before
    with open_query(target) as query:
        assert query("SELECT count(*) AS n FROM event")[0]["n"] == 285


def test_a_centre_that_still_runs_is_not_moved(ask: Ask, tmp_path: Path, fresh: Callable[[str], str]) -> None:
    source, target = str(tmp_path / "centre.db"), fresh("target")
    fill(source)
    with closing(sqlite3.connect(source)) as open_elsewhere:
        open_elsewhere.execute("SELECT count(*) FROM event").fetchone()
        done = ask(source, "migrate", "--to", target)
    assert done.exit_code == 1
    assert "Stop the centre" in done.output
    assert ask(source, "migrate", "--to", target).exit_code == 0


def test_a_database_with_rows_gets_nothing(ask: Ask, tmp_path: Path, fresh: Callable[[str], str]) -> None:
    source, target = str(tmp_path / "centre.db"), fresh("target")
    fill(source)
    fill(target, events=200)
    before = content(target)
    done = ask(source, "migrate", "--to", target)
    assert done.exit_code == 1
    assert "is not empty" in done.output
    assert content(target) == before
