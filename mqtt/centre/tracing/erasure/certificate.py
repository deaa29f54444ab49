"""The certificate of an erasure: what was erased where and when, and which devices have not yet forgotten. No person is in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mqtt.centre.ingest.database import Query
from mqtt.centre.tracing.cases.cases import TraceCase, find_case


@dataclass(frozen=True, slots=True)
class DeviceErasure:
    """How far one device is."""

    wire_name: str
    events: int
    forgotten: int
    last_at: datetime | None
    """When the centre heard of the last one."""

    @property
    def is_done(self) -> bool:
        """Whether the device has forgotten all of them."""
        return self.forgotten == self.events


@dataclass(frozen=True, slots=True)
class ErasureCertificate:
    """What can be certified about one case."""

    case: TraceCase
    events: int
    erased_at: datetime | None
    devices: tuple[DeviceErasure, ...]

    @property
    def is_done(self) -> bool:
        """Whether every device has forgotten."""
        return all(one.is_done for one in self.devices)


def read_certificate(query: Query, number: int) -> ErasureCertificate:
    """The certificate of a case. Raises CaseError."""
    case = find_case(query, number)
    rows = query(
        "SELECT wire_name, count(*) AS events, sum(CASE WHEN forgotten_at <> '' THEN 1 ELSE 0 END) AS forgotten, "
        "max(forgotten_at) AS last_at, max(erased_at) AS erased_at FROM trace_erasure WHERE case_number = ? "
        "GROUP BY wire_name ORDER BY wire_name",
        [number],
    )
    erased = [datetime.fromisoformat(row["erased_at"]) for row in rows]
    return ErasureCertificate(
        case, sum(int(row["events"]) for row in rows), max(erased, default=None), tuple(map(_device, rows))
    )


def _device(row: Mapping[str, Any]) -> DeviceErasure:
    last = datetime.fromisoformat(row["last_at"]) if row["last_at"] else None
    return DeviceErasure(row["wire_name"], int(row["events"]), int(row["forgotten"]), last)
