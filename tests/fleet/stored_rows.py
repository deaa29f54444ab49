"""Compares a centre's database with what a simulated fleet recorded: lost and doubled events."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.fleet.kiosk.simulated_kiosk import FleetKiosk

_COUNTS = """
SELECT stream.epoch, count(*), count(DISTINCT event.seq), max(event.seq)
FROM event JOIN stream ON stream.number = event.stream WHERE stream.epoch LIKE {0} GROUP BY stream.epoch
"""
_SEQS = "SELECT DISTINCT event.seq FROM event JOIN stream ON stream.number = event.stream WHERE stream.epoch = {0}"


@dataclass(frozen=True, slots=True)
class StoredRows:
    """What the centre has of one run."""

    rows: int
    lost: int
    """Events that a receipt confirmed, and that are not in the database."""
    doubled: int
    """Rows beyond one for each event."""


Query = Callable[[str, str], list[Any]]
"""SQL with `{0}` for its only value, and the value."""


def compare(database: str, kiosks: Sequence[FleetKiosk], run_id: int) -> StoredRows:
    """`database`: the path of a SQLite file, or postgresql://..."""
    if database.startswith("postgresql:"):
        with psycopg.connect(database) as server:
            return _compare(
                lambda sql, value: server.execute(sql.format("%s").encode(), [value]).fetchall(), kiosks, run_id
            )
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as file:
        return _compare(lambda sql, value: file.execute(sql.format("?"), [value]).fetchall(), kiosks, run_id)


def _compare(query: Query, kiosks: Sequence[FleetKiosk], run_id: int) -> StoredRows:
    stored = {epoch: counts for epoch, *counts in query(_COUNTS, f"%{run_id:08x}")}
    rows = sum(found for found, _, _ in stored.values())
    doubled = sum(found - distinct for found, distinct, _ in stored.values())
    lost = 0
    for kiosk in kiosks:
        newest = kiosk.outbox.newest_seq
        _, distinct, largest = stored.get(kiosk.outbox.epoch, (0, 0, 0))
        if (distinct, largest) != (newest, newest) and newest:
            found = {seq for (seq,) in query(_SEQS, kiosk.outbox.epoch)}
            lost += sum(seq not in found for first, last in kiosk.check.confirmed for seq in range(first, last + 1))
    return StoredRows(rows, lost, doubled)
