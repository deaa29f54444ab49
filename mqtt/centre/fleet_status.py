"""What a ledger knows of its devices: who was seen when, what is missing, who is silent. Read beside a running centre."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mqtt.centre.ingest.database import Ask, asking
from mqtt.sequence_ranges import Range, RangeSet

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
class Notice:
    """What a device told of its own records: how many it deleted, thinned or set aside, by kind."""

    kind: str
    records: int
    last_at: str


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
    notices: tuple[Notice, ...] = ()


def devices(database: str, now: datetime) -> list[Device]:
    """All of them, by site and name. Raises LedgerTrouble."""
    with asking(database) as ask:
        return [_device(ask, row, now) for row in ask("SELECT * FROM device ORDER BY site, device")]


def _device(query: Ask, row: dict[str, Any], now: datetime) -> Device:
    seen_at = _moment(row["last_seen_at"])
    number = [row["number"]]
    return Device(
        site=row["site"],
        device=row["device"],
        state=row["state"],
        state_reason=row["state_reason"],
        software=row["software_version"],
        last_seen_at=seen_at,
        silent=now - seen_at > SILENT_AFTER or row["state"] == "offline",
        rejected=int(query("SELECT count(*) AS n FROM rejected WHERE device = ?", number)[0]["n"]),
        streams=tuple(
            _stream(query, one) for one in query("SELECT * FROM stream WHERE device = ? ORDER BY number", number)
        ),
        notices=tuple(
            Notice(one["kind"], int(one["event_count"]), f"{_moment(one['last_at']):%Y-%m-%d}")
            for one in query(
                "SELECT kind, sum(count) AS event_count, max(at) AS last_at FROM notice WHERE device = ? "
                "GROUP BY kind ORDER BY kind",
                number,
            )
        ),
    )


def _moment(at: datetime | str) -> datetime:
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)


def _stream(query: Ask, row: dict[str, Any]) -> Stream:
    spans = query("SELECT first_seq, last_seq FROM seq_range WHERE stream = ?", [row["number"]])
    ranges = RangeSet((span["first_seq"], span["last_seq"]) for span in spans)
    return Stream(
        epoch=row["epoch"],
        up_to_seq=ranges.up_to,
        newest_seq=ranges.newest,
        missing=tuple(ranges.missing()),
        doubled=row["duplicates"],
        conflicting=row["conflicts"],
    )


def spans(ranges: Sequence[Range]) -> str:
    """`1042-1049, 1060`."""
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)
