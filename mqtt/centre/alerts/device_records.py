"""What the centre has of devices that is no part of the figures of its pages: findings, missing events, ends of certificates."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mqtt.centre.fleet.status import HealthFinding, read_findings
from mqtt.centre.ingest.database import Query
from mqtt.sequence_ranges import RangeSet

CERTIFICATE_WARNING = timedelta(days=30)
"""A certificate renews itself at two thirds of its life. So this is late for one that was issued for a year or more."""
CERTIFICATE_SHARE = 6
"""A certificate with a short life is late in the last sixth of it."""

# A device with events that wait is left out: what is missing comes behind newer events.
_WITH_GAPS = """
SELECT stream.number FROM stream
JOIN (SELECT stream, count(*) AS ranges, min(first_seq) AS first_seq FROM seq_range GROUP BY stream) AS known
    ON known.stream = stream.number
JOIN device ON device.number = stream.device
WHERE (known.ranges > 1 OR known.first_seq > 1) AND device.backlog = 0
"""
_RANGES = f"""
SELECT site, device.device AS device, stream, first_seq, last_seq FROM (
    SELECT stream, first_seq, last_seq FROM seq_range UNION ALL SELECT stream, first_seq, last_seq FROM acknowledged_gap
) AS known JOIN stream ON stream.number = known.stream JOIN device ON device.number = stream.device
WHERE known.stream IN ({_WITH_GAPS}) ORDER BY known.stream, first_seq, last_seq
"""  # noqa: S608 - constants


def read_missing_events(query: Query) -> dict[str, int]:
    """How many events are missing that no operator acknowledged, by wire name. Only of devices in which no event waits."""
    ranges: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for row in query(_RANGES):
        key = (f"{row['site']}/{row['device']}", int(row["stream"]))
        ranges.setdefault(key, []).append((int(row["first_seq"]), int(row["last_seq"])))
    found: dict[str, int] = {}
    for (name, _), known in ranges.items():
        count = sum(last - first + 1 for first, last in RangeSet(known).gaps())
        if count:
            found[name] = found.get(name, 0) + count
    return found


def read_device_findings(query: Query) -> dict[str, tuple[HealthFinding, ...]]:
    """What the checks of the devices found, by wire name. Without devices that found nothing."""
    rows = query("SELECT site, device, findings FROM device WHERE findings <> '[]'")
    return {f"{row['site']}/{row['device']}": read_findings(row["findings"]) for row in rows}


def read_ending_certificates(query: Query, now: datetime) -> dict[str, int]:
    """Days that the newest certificate of a device is still valid, by wire name, where it should have been renewed. 0: it ended.

    Only of certificates that the centre issued, and that are not revoked.
    """
    rows = query(
        "SELECT site, device, max(issued_at) AS issued_at, max(expires_at) AS expires_at FROM device_certificate "
        "WHERE revoked_at IS NULL GROUP BY site, device HAVING max(expires_at) < ?",
        [(now + CERTIFICATE_WARNING).astimezone(UTC).isoformat(timespec="milliseconds")],
    )
    return {f"{row['site']}/{row['device']}": days for row in rows if (days := _days_left(row, now)) is not None}


def _days_left(row: Mapping[str, Any], now: datetime) -> int | None:
    issued_at, expires_at = (datetime.fromisoformat(row[name]) for name in ("issued_at", "expires_at"))
    left = expires_at - now
    return None if left > (expires_at - issued_at) / CERTIFICATE_SHARE else max(0, left.days)


def finding_of(findings: Sequence[HealthFinding], *codes: str) -> HealthFinding | None:
    """The first of these checks that found something."""
    return next((one for one in findings if one.code in codes and one.status != "pass"), None)
