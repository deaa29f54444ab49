"""What the centre has of one device: epochs, gaps, notices, and what it could not store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mqtt.centre.fleet.operator_actions import missing_ranges
from mqtt.centre.fleet.status import Finding, read_findings
from mqtt.centre.ingest.database import Query
from mqtt.sequence_ranges import Range
from web_ui.centre.data.fleet import to_datetime

MAX_NOTICES = 20


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
    findings: tuple[Finding, ...]
    """What its own health checks found, failures first."""


def read_device_detail(query: Query, device: int) -> DeviceDetail:
    """By the number of the device."""
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
        tuple(found for row in rows for found in read_findings(row["findings"])),
    )


def count_of(ranges: Sequence[Range]) -> int:
    """How many numbers the ranges contain."""
    return sum(last - first + 1 for first, last in ranges)
