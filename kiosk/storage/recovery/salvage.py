"""What is done after damage: undelivered events are copied from a corrupt database, and nothing waits for rows that are gone."""

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

from kiosk.storage import rows
from kiosk.storage.connection import DatabaseConnection
from kiosk.storage.deletion.retention import add_notice
from kiosk.storage.delivery_state import DeliveryState
from mqtt.sequence_ranges import RangeSet

log = logging.getLogger(__name__)

MAX_ROWS = 50_000
"""The others stay in the corrupt file: opening the gate has priority."""
MAX_DURATION_S = 2.0

_DAMAGE = (sqlite3.Error, UnicodeDecodeError, OverflowError, TypeError, ValueError)


def salvage_corrupt_file(corrupt_file: Path, target: DatabaseConnection, now_text: str) -> None:
    """Copy what can still be read of the undelivered events into the new database, and write notices. Raises sqlite3.Error."""
    count = _copy_undelivered(corrupt_file, target)
    log.warning("%d undelivered events were copied from %s", count, corrupt_file)
    if count:
        add_notice(target, "events-salvaged", at=now_text, seq_range=(1, count), count=count)
    add_notice(target, "corrupt-file-moved", at=now_text, count=1, detail=corrupt_file.name)


def settle_missing_rows(
    connection: DatabaseConnection, delivery: DeliveryState, newest_seq: int, now_text: str
) -> None:
    """Let nothing wait for pending events whose rows are gone. A notice counts them. Raises sqlite3.Error."""
    missing = rows.missing_seqs(connection, delivery.up_to_seq, newest_seq)
    lost = [(first, last) for first, last in missing if not delivery.settled.covers(first, last)]
    new_rejections = delivery.merge(lost, ())
    if not lost or new_rejections is None:
        return
    count = sum(last - first + 1 for first, last in lost)
    log.critical("%d undelivered events are missing in the database", count)
    delivery.persist(new_rejections, now_text)
    add_notice(connection, "rows-missing", at=now_text, seq_range=(lost[0][0], lost[-1][1]), count=count)


def quarantine_unreadable(
    connection: DatabaseConnection, delivery: DeliveryState, reasons: Mapping[int, str], now_text: str
) -> None:
    """Put pending events aside that cannot be understood. A notice counts them. Raises sqlite3.Error."""
    new = delivery.merge((), list(reasons.items()))
    if new:
        delivery.persist(new, now_text)
        span = (min(reasons), max(reasons))
        add_notice(connection, "unreadable", at=now_text, seq_range=span, count=len(new))


def _copy_undelivered(corrupt_file: Path, target: DatabaseConnection) -> int:
    """With new seqs. Returns their number."""
    try:
        address = f"file:{quote(str(corrupt_file))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as source:
            connection = DatabaseConnection(source)
            boots = _boots(connection)
            found = list(_readable_rows(connection, boots))
    except _DAMAGE as error:
        log.warning("no event could be read from %s: %s", corrupt_file, error)
        return 0
    if found:
        _insert(target, found, boots)
    return len(found)


def _boots(connection: DatabaseConnection) -> dict[int, str]:
    try:
        return rows.read_boot_ids(connection)
    except _DAMAGE:
        return {}


def _settled(connection: DatabaseConnection) -> RangeSet:
    """Empty where that is damaged: the centre drops events that it has."""
    try:
        return DeliveryState(connection).settled
    except _DAMAGE:
        return RangeSet()


def _readable_rows(connection: DatabaseConnection, boots: dict[int, str]) -> Iterator[tuple[Any, ...]]:
    """From both ends to the damage in between, in the order of seq."""
    settled = _settled(connection)
    ends_s = monotonic() + MAX_DURATION_S
    found: dict[int, tuple[Any, ...]] = {}
    for order in ("DESC", "ASC"):
        try:
            cursor = connection.execute(
                f"{rows.SELECT_EVENT_COLUMNS} event WHERE seq > ? ORDER BY seq {order}", [settled.up_to]
            )
            for row in cursor:
                if row[0] in found or len(found) >= MAX_ROWS or monotonic() > ends_s:
                    break
                if row[0] not in settled and not rows.unreadable_reason(boots, row):
                    found[row[0]] = row
        except _DAMAGE:
            """The rest cannot be reached from this end."""
    ids = set()
    for _, row in sorted(found.items()):
        if row[1] not in ids:
            ids.add(row[1])
            yield row


def _insert(target: DatabaseConnection, found: list[tuple[Any, ...]], boots: dict[int, str]) -> None:
    with target.transaction():
        newest = int(target.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0])
        numbers = {
            number: target.execute("INSERT INTO boot (boot_id) VALUES (?)", [boot_id]).lastrowid
            for number, boot_id in boots.items()
        }
        target.conn.executemany(
            rows.INSERT_EVENT,
            [(newest + place, row[1], numbers[row[2]], *row[3:]) for place, row in enumerate(found, 1)],
        )
