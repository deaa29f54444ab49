"""The status of all devices from the ledger, in one query: last seen, missing events, backlogs. Works beside a running centre."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mqtt.centre.ingest.database import POSTGRES_SCHEMES, open_query
from mqtt.sequence_ranges import Range, RangeSet

OFFLINE_AFTER = timedelta(minutes=5)
"""A health message comes every minute."""
BEHIND_EVENTS = 10
"""A device with fewer events that wait is not behind: a passage or two are always on their way."""


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
class HealthFinding:
    """What a health check of the device found, by its newest health message. In the words of the device, in English."""

    code: str
    status: str
    """`fail`, `warn`, or `pass` where it tells something all the same."""
    reason: str = ""
    value: float | None = None
    unit: str = ""
    detail: str = ""


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
    backlog: int = 0
    """Events that the device has not delivered, by its last health message."""
    quarantined: int = 0
    last_health_at: datetime | None = None
    findings: tuple[HealthFinding, ...] = ()

    @property
    def has_gaps(self) -> bool:
        """Whether events are missing that no operator has acknowledged."""
        return any(stream.missing for stream in self.streams)

    @property
    def is_behind(self) -> bool:
        """Whether many events wait in the device."""
        return self.backlog >= BEHIND_EVENTS


# {rows} and {row} are functions of the database: rows as a JSON array, values as a JSON array. Each table is read once:
# sub-queries for each device would depend on statistics that a new database does not have. What a device has several of is one
# text of JSON, because ten thousand devices are then parsed at once. {json} reads a text of JSON, {text} makes one.
_STATUS = """
SELECT d.number, d.site, d.device, d.state, d.state_reason, d.software_version, d.last_seen_at, d.last_health_at,
    d.backlog, d.quarantined, d.findings, coalesce(j.rejected, 0) AS rejected,
    {row}({json}(s.streams), {json}(r.ranges), {json}(g.acknowledged), {json}(n.notices), {json}(l.exceeded)){text} AS details
FROM device AS d
LEFT JOIN (SELECT device, {rows}({row}(number, epoch, duplicates, conflicts)) AS streams FROM stream GROUP BY device) AS s
    ON s.device = d.number
LEFT JOIN (SELECT t.device, {rows}({row}(t.number, k.first_seq, k.last_seq)) AS ranges
    FROM seq_range AS k JOIN stream AS t ON t.number = k.stream GROUP BY t.device) AS r ON r.device = d.number
LEFT JOIN (SELECT t.device, {rows}({row}(t.number, k.first_seq, k.last_seq)) AS acknowledged
    FROM acknowledged_gap AS k JOIN stream AS t ON t.number = k.stream GROUP BY t.device) AS g ON g.device = d.number
LEFT JOIN (SELECT device, count(*) AS rejected FROM rejected GROUP BY device) AS j ON j.device = d.number
LEFT JOIN (SELECT device, {rows}({row}(kind, count, at)) AS notices FROM notice GROUP BY device) AS n ON n.device = d.number
LEFT JOIN (SELECT device, {rows}({row}(reason, times)) AS exceeded FROM device_limit GROUP BY device) AS l
    ON l.device = d.number
WHERE (d.retired_at IS NULL OR d.last_seen_at > d.retired_at) AND {condition} ORDER BY d.site, d.device
"""
# Areas end and merge. A site belongs to the area that its own area is merged into, however often. Days are texts.
_IN_AREA = """
coalesce(
    (SELECT r.site FROM registered_device AS r WHERE r.wire_name = d.site || '/' || d.device
        AND r.since <= '{day}' AND coalesce(r.until, '9999') > '{day}'), d.site) IN (
    WITH RECURSIVE inside (code) AS (
        SELECT code FROM area WHERE code = ? UNION
        SELECT area.code FROM area JOIN inside ON
            (area.parent = inside.code AND area.since <= '{day}' AND coalesce(area.until, '9999') > '{day}')
            OR (area.merged_into = inside.code AND area.until <= '{day}'))
    SELECT site FROM site
    WHERE area IN (SELECT code FROM inside) AND since <= '{day}' AND coalesce(until, '9999') > '{day}')
"""
_HAS_AREAS = {
    False: "SELECT 1 AS n FROM sqlite_schema WHERE name = 'area'",
    True: "SELECT 1 AS n FROM pg_tables WHERE tablename = 'area' AND schemaname = ANY (current_schemas(false))",
}
"""By whether the database is PostgreSQL."""
_POSTGRES_FUNCTIONS = {"rows": "json_agg", "row": "json_build_array", "json": "", "text": "::text"}
_SQLITE_FUNCTIONS = {"rows": "json_group_array", "row": "json_array", "json": "json", "text": ""}
Rows = Sequence[list[Any]] | None
"""Of a JSON array. None: there are none."""
_FIND_AREA = "SELECT 1 AS n FROM area WHERE code = ? LIMIT 1"


class UnknownAreaError(ValueError):
    """There is no registry, or it does not have the area."""


def read_fleet_status(
    database: str, now: datetime, *, site: str | None = None, area: str | None = None
) -> list[DeviceStatus]:
    """All devices that are not retired, by site and name: of one site, or of an area and all areas below it.

    Raises LedgerError, and UnknownAreaError.
    """
    conditions, values = ["1 = 1"], []
    if site is not None:
        conditions.append("d.site = ?")
        values.append(site)
    if area is not None:
        conditions.append(_IN_AREA.format(day=now.date().isoformat()))
        values.append(area)
    is_postgres = database.startswith(POSTGRES_SCHEMES)
    functions = _POSTGRES_FUNCTIONS if is_postgres else _SQLITE_FUNCTIONS
    with open_query(database) as query:
        if area is not None and not (query(_HAS_AREAS[is_postgres]) and query(_FIND_AREA, [area])):
            raise UnknownAreaError(f"the registry has no area {area}")
        found = query(_STATUS.format(**functions, condition=" AND ".join(conditions)), values)
    details = json.loads(f"[{','.join(one['details'] for one in found)}]")
    return [_device_status(one, each, now) for one, each in zip(found, details, strict=True)]


def _device_status(row: dict[str, Any], details: Sequence[Rows], now: datetime) -> DeviceStatus:
    streams, ranges, acknowledged_ranges, notices, exceeded = details
    seen_at = _to_datetime(row["last_seen_at"])
    known, acknowledged = _ranges_by_stream(ranges), _ranges_by_stream(acknowledged_ranges)
    return DeviceStatus(
        site=row["site"],
        device=row["device"],
        state=row["state"],
        state_reason=row["state_reason"],
        software_version=row["software_version"],
        last_seen_at=seen_at,
        offline=now - seen_at > OFFLINE_AFTER or row["state"] == "offline",
        rejected=int(row["rejected"]),
        streams=tuple(
            _stream_status(epoch, known.get(number, []), acknowledged.get(number, []), duplicates, conflicts)
            for number, epoch, duplicates, conflicts in sorted(streams or ())
        ),
        notices=_notices(notices or ()),
        exceeded_limits=tuple(sorted((reason, int(times)) for reason, times in exceeded or ())),
        backlog=row["backlog"],
        quarantined=row["quarantined"],
        findings=read_findings(row["findings"]),
        last_health_at=_to_datetime(row["last_health_at"]) if row["last_health_at"] else None,
    )


def read_findings(text: str) -> tuple[HealthFinding, ...]:
    """The column `findings` of a device (HealthMessage.findings)."""
    return tuple(HealthFinding(**one) for one in json.loads(text)) if text != "[]" else ()


def _ranges_by_stream(rows: Rows) -> dict[int, list[Range]]:
    found: dict[int, list[Range]] = {}
    for stream, first, last in rows or ():
        found.setdefault(stream, []).append((first, last))
    return found


def _notices(rows: Sequence[Sequence[Any]]) -> tuple[NoticeSummary, ...]:
    by_kind: dict[str, tuple[int, str]] = {}
    for kind, count, at in rows:
        total, last = by_kind.get(kind, (0, ""))
        by_kind[kind] = (total + int(count), max(last, str(at)))
    return tuple(
        NoticeSummary(kind, total, f"{_to_datetime(last):%Y-%m-%d}") for kind, (total, last) in sorted(by_kind.items())
    )


def _to_datetime(at: datetime | str) -> datetime:
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)


def _stream_status(
    epoch: str, known: Sequence[Range], acknowledged: Sequence[Range], duplicates: int, conflicts: int
) -> StreamStatus:
    if len(known) == 1 and known[0][0] == 1 and not acknowledged:  # nearly all
        return StreamStatus(epoch, known[0][1], known[0][1], (), duplicates, conflicts)
    ranges = RangeSet(sorted(known))
    missing = RangeSet(sorted([*known, *acknowledged])).gaps() if acknowledged else ranges.gaps()
    return StreamStatus(
        epoch=epoch,
        up_to_seq=ranges.up_to,
        newest_seq=ranges.maximum,
        missing=tuple(missing),
        duplicates=duplicates,
        conflicts=conflicts,
        acknowledged=tuple(sorted(acknowledged)),
    )


def format_ranges(ranges: Sequence[Range]) -> str:
    """`1042-1049, 1060`."""
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)
