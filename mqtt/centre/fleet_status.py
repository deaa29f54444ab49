"""The status of all devices from the ledger: last seen, missing events, offline devices. Works beside a running centre."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.operator_actions import missing_ranges
from mqtt.sequence_ranges import Range, RangeSet

OFFLINE_AFTER = timedelta(minutes=5)
"""A health message comes every minute."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One epoch of one device."""

    epoch: str
    up_to_seq: int
    newest_seq: int
    missing: tuple[Range, ...]
    duplicates: int
    conflicts: int
    """Events with a seq that another event has. A database was copied, or two devices have one name."""
    acknowledged: tuple[Range, ...] = ()
    """Missing, but an operator said that they will not come."""


@dataclass(frozen=True, slots=True)
class NoticeSummary:
    """How many records a device deleted, redacted or moved, of one kind."""

    kind: str
    event_count: int
    last_at: str


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """One device."""

    site: str
    device: str
    state: str
    state_reason: str
    software_version: str
    last_seen_at: datetime
    offline: bool
    """Not seen for OFFLINE_AFTER, or its last state is offline."""
    rejected: int
    streams: tuple[StreamStatus, ...]
    notices: tuple[NoticeSummary, ...] = ()
    exceeded_limits: tuple[tuple[str, int], ...] = ()
    """What was not stored because the device has too much of it, and how often."""


def read_fleet_status(database: str, now: datetime) -> list[DeviceStatus]:
    """All devices that are not retired, by site and name. Raises LedgerError."""
    with open_query(database) as query:
        rows = query("SELECT * FROM device WHERE retired_at IS NULL OR last_seen_at > retired_at ORDER BY site, device")
        return [_device_status(query, row, now) for row in rows]


def _device_status(query: Query, row: dict[str, Any], now: datetime) -> DeviceStatus:
    seen_at = _to_datetime(row["last_seen_at"])
    number = [row["number"]]
    return DeviceStatus(
        site=row["site"],
        device=row["device"],
        state=row["state"],
        state_reason=row["state_reason"],
        software_version=row["software_version"],
        last_seen_at=seen_at,
        offline=now - seen_at > OFFLINE_AFTER or row["state"] == "offline",
        rejected=int(query("SELECT count(*) AS n FROM rejected WHERE device = ?", number)[0]["n"]),
        streams=tuple(
            _stream_status(query, one) for one in query("SELECT * FROM stream WHERE device = ? ORDER BY number", number)
        ),
        notices=tuple(
            NoticeSummary(one["kind"], int(one["event_count"]), f"{_to_datetime(one['last_at']):%Y-%m-%d}")
            for one in query(
                "SELECT kind, sum(count) AS event_count, max(at) AS last_at FROM notice WHERE device = ? "
                "GROUP BY kind ORDER BY kind",
                number,
            )
        ),
        exceeded_limits=tuple(
            (one["reason"], int(one["times"]))
            for one in query("SELECT reason, times FROM device_limit WHERE device = ? ORDER BY reason", number)
        ),
    )


def _to_datetime(at: datetime | str) -> datetime:
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)


def _stream_status(query: Query, row: dict[str, Any]) -> StreamStatus:
    rows = query("SELECT first_seq, last_seq FROM seq_range WHERE stream = ?", [row["number"]])
    acknowledged = query(
        "SELECT first_seq, last_seq FROM acknowledged_gap WHERE stream = ? ORDER BY first_seq", [row["number"]]
    )
    ranges = RangeSet((each["first_seq"], each["last_seq"]) for each in rows)
    return StreamStatus(
        epoch=row["epoch"],
        up_to_seq=ranges.up_to,
        newest_seq=ranges.maximum,
        missing=tuple(missing_ranges(query, row["number"])),
        duplicates=row["duplicates"],
        conflicts=row["conflicts"],
        acknowledged=tuple((each["first_seq"], each["last_seq"]) for each in acknowledged),
    )


def format_ranges(ranges: Sequence[Range]) -> str:
    """`1042-1049, 1060`."""
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)
