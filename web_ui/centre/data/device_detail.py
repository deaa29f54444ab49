"""What the centre has of one device: epochs, gaps, notices, and what it could not store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mqtt.centre.alerts.store import last_check, out_of_service_s
from mqtt.centre.enrolment.device_certificates import read_certificates
from mqtt.centre.fleet.operator_actions import missing_ranges
from mqtt.centre.fleet.status import HealthFinding, read_findings
from mqtt.centre.ingest.database import Query
from mqtt.centre.remote.lists import lists_of, newest_numbers
from mqtt.sequence_ranges import Range
from web_ui.centre.data.fleet import DeviceNow, to_datetime

MAX_NOTICES = 20
AVAILABILITY_PERIOD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of the device's numbers."""

    name: str
    newest_seq: int
    missing: tuple[Range, ...]
    duplicates: int
    conflicts: int

    @property
    def missing_count(self) -> int:
        """How many events are missing."""
        return count_of(self.missing)


@dataclass(frozen=True, slots=True)
class Notice:
    """What the device deleted, redacted or moved aside."""

    kind: str
    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class DeviceDetail:
    """Of one device."""

    epochs: tuple[Epoch, ...]
    notices: tuple[Notice, ...]
    """Newest first."""
    rejected: int
    """Events that the centre refused. The device keeps them in quarantine."""
    findings: tuple[HealthFinding, ...]
    """What its own health checks found, failures first."""
    lists: Mapping[str, int]
    """Numbers of the lists in force, by kind, as it said when it connected last."""
    lists_behind: frozenset[str]
    """Kinds of which a newer list is published."""
    certificate_ends_at: datetime | None
    """Of the newest certificate that the centre issued and did not revoke."""
    availability: float | None
    """Part of the last 30 days in which it was in service, by the alerts. None: never connected, or no alert was ever checked."""


def read_device_detail(query: Query, found: DeviceNow, now: datetime) -> DeviceDetail:
    """What the centre has of a device of the fleet."""
    device = found.number
    lists = lists_of(query, found.wire_name)
    epochs = query(
        "SELECT number, epoch, newest_seq, duplicates, conflicts FROM stream WHERE device = ? ORDER BY number", [device]
    )
    notices = query(
        "SELECT kind, at, count FROM notice WHERE device = ? ORDER BY at DESC LIMIT ?", [device, MAX_NOTICES]
    )
    rows = query("SELECT findings FROM device WHERE number = ?", [device])
    return DeviceDetail(
        tuple(
            Epoch(
                row["epoch"],
                int(row["newest_seq"]),
                tuple(missing_ranges(query, row["number"])),
                int(row["duplicates"]),
                int(row["conflicts"]),
            )
            for row in epochs
        ),
        tuple(Notice(row["kind"], to_datetime(row["at"]), int(row["count"])) for row in notices),
        int(query("SELECT count(*) AS n FROM rejected WHERE device = ?", [device])[0]["n"]),
        tuple(one for row in rows for one in read_findings(row["findings"])),
        lists.numbers if lists else {},
        frozenset(lists.behind(newest_numbers(query)) if lists else ()),
        _certificate_end(query, found.wire_name),
        _availability(query, found, now),
    )


def _certificate_end(query: Query, wire_name: str) -> datetime | None:
    site, _, device = wire_name.partition("/")
    valid = [one.expires_at for one in read_certificates(query, site, device) if one.revoked_at is None]
    return max(valid, default=None)


def _availability(query: Query, found: DeviceNow, now: datetime) -> float | None:
    if found.last_seen_at is None or last_check(query) is None:
        return None
    out_s = out_of_service_s(query, found.wire_name, found.site, now - AVAILABILITY_PERIOD, now)
    return max(0.0, 1 - out_s / AVAILABILITY_PERIOD.total_seconds())


def count_of(ranges: Sequence[Range]) -> int:
    """How many numbers the ranges contain."""
    return sum(last - first + 1 for first, last in ranges)
