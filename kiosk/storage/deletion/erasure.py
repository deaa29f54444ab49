"""Forgets people on request of the centre: their sealed subjects and pseudonyms are overwritten, the events stay."""

from collections.abc import Collection, Iterator
from itertools import islice
from threading import Lock
from uuid import UUID

from kiosk.storage.connection import DatabaseConnection
from kiosk.storage.deletion import retention

FORGOTTEN = "forgotten"
"""Detail of the notice."""
_IDS_PER_QUERY = 200


def forget_events(database: DatabaseConnection, ids: Collection[UUID], write_lock: Lock, at: str) -> int:
    """Overwrite what these events hold of a person. Returns how many held something. Raises sqlite3.Error.

    They are looked for first, so that the gate does not wait for it.
    """
    seqs = _find_seqs(database, ids)
    if seqs:
        with write_lock:
            _forget_seqs(database, seqs, at)
    return len(seqs)


def _find_seqs(database: DatabaseConnection, ids: Collection[UUID]) -> list[int]:
    """Numbers of these events that still hold something of a person, in order."""
    found: list[int] = []
    left = iter(ids)
    while some := [one.bytes for one in islice(left, _IDS_PER_QUERY)]:
        places = ", ".join("?" * len(some))
        rows = database.execute(
            f"SELECT seq FROM event WHERE id IN ({places}) AND (length(sealed) OR length(pseudonym))",  # noqa: S608 - question marks
            some,
        )
        found += [int(seq) for (seq,) in rows]
    return sorted(found)


def _forget_seqs(database: DatabaseConnection, seqs: list[int], at: str) -> None:
    """Overwrite what these events hold of a person, with a notice for each run of them.

    SQLite overwrites the old bytes with zeros.
    """
    database.execute("PRAGMA secure_delete = ON")
    with database.transaction():
        for first, last in _runs(seqs):
            database.execute("UPDATE event SET sealed = x'', pseudonym = x'' WHERE seq BETWEEN ? AND ?", [first, last])
            count = last - first + 1
            retention.add_notice(database, "redacted", at=at, seq_range=(first, last), count=count, detail=FORGOTTEN)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # the log has copies of the old pages


def _runs(seqs: list[int]) -> Iterator[tuple[int, int]]:
    start = previous = None
    for seq in seqs:
        if previous is not None and start is not None and seq != previous + 1:
            yield start, previous
            start = None
        start = seq if start is None else start
        previous = seq
    if start is not None and previous is not None:
        yield start, previous
