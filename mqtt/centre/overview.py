"""What a ledger knows of its devices: who was seen when, what is missing, who is silent. Read beside a running centre."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mqtt.centre.ledger import BUSY_TIMEOUT_S, LedgerTrouble
from mqtt.ranges import Range, RangeSet

SILENT_AFTER = timedelta(minutes=5)
"""Health comes every minute; five of them missing is no hiccup."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One epoch of one device."""

    epoch: str
    up_to_seq: int
    newest_seq: int
    missing: tuple[Range, ...]
    doubled: int
    conflicting: int
    """Passages that came under a number that another passage had: a database was copied, or a name is used twice."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device as the centre sees it."""

    site: str
    device: str
    state: str
    state_reason: str
    software: str
    last_seen_at: datetime
    silent: bool
    """Not seen for SILENT_AFTER, or offline."""
    rejected: int
    streams: tuple[Stream, ...]


def devices(path: Path, now: datetime) -> list[Device]:
    """All of them, by site and name. Raises LedgerTrouble."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)) as database:
            database.row_factory = sqlite3.Row
            database.execute("BEGIN")  # one moment for all queries
            rows = database.execute("SELECT * FROM device ORDER BY site, device").fetchall()
            return [_device(database, row, now) for row in rows]
    except sqlite3.Error as trouble:
        raise LedgerTrouble(f"{path}: cannot be read as the centre's database: {trouble}") from trouble


def _device(database: sqlite3.Connection, row: sqlite3.Row, now: datetime) -> Device:
    seen_at = datetime.fromisoformat(row["last_seen_at"])
    number = [row["number"]]
    rejected = database.execute("SELECT count(*) FROM rejected WHERE device = ?", number).fetchone()[0]
    streams = database.execute("SELECT * FROM stream WHERE device = ? ORDER BY number", number).fetchall()
    return Device(
        site=row["site"],
        device=row["device"],
        state=row["state"],
        state_reason=row["state_reason"],
        software=row["software"],
        last_seen_at=seen_at,
        silent=now - seen_at > SILENT_AFTER or row["state"] == "offline",
        rejected=int(rejected),
        streams=tuple(_stream(database, one) for one in streams),
    )


def _stream(database: sqlite3.Connection, row: sqlite3.Row) -> Stream:
    spans = database.execute("SELECT first_seq, last_seq FROM stretch WHERE stream = ?", [row["number"]]).fetchall()
    ranges = RangeSet((first, last) for first, last in spans)
    return Stream(
        epoch=row["epoch"],
        up_to_seq=ranges.up_to,
        newest_seq=ranges.newest,
        missing=tuple(ranges.missing()),
        doubled=row["doubled"],
        conflicting=row["conflicting"],
    )


def spans(ranges: Sequence[Range]) -> str:
    """`1042-1049, 1060`."""
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)
