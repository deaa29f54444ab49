"""What a stolen device or database could show: which keys seal how many events, of which days and sites. Nothing is unsealed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mqtt.centre.ingest.database import Query


@dataclass(frozen=True, slots=True)
class BreachRow:
    """The events of one gate that are sealed to one key."""

    wire_name: str
    key_id: str
    """In hex. Its private half opens these events. Empty: events without a subject."""
    events: int
    first_day: str
    last_day: str
    """By the clock of the device, in UTC."""


def read_breach(query: Query, wire_name: str | None = None) -> list[BreachRow]:
    """By gate and key: of one device, or of the whole database. Raises ValueError for an unknown device."""
    where, values = "", []
    if wire_name is not None:
        site, _, device = wire_name.partition("/")
        where, values = "WHERE device.site = ? AND device.device = ?", [site, device]
        if not query(f"SELECT 1 AS n FROM device {where}", values):  # noqa: S608 - constants
            raise ValueError(f"the centre knows no device {wire_name}")
    rows = query(
        "SELECT site, device.device AS name, substr(sealed, 1, 4) AS key_id, count(*) AS events, "  # noqa: S608 - constants
        "min(occurred_at) AS first_at, max(occurred_at) AS last_at FROM event "
        f"JOIN device ON device.number = event.device {where} GROUP BY 1, 2, 3 ORDER BY 1, 2, 5",
        values,
    )
    return [_row(row) for row in rows]


def _row(row: Mapping[str, Any]) -> BreachRow:
    return BreachRow(
        f"{row['site']}/{row['name']}",
        bytes(row["key_id"] or b"").hex(),
        int(row["events"]),
        str(row["first_at"])[:10],
        str(row["last_at"])[:10],
    )
