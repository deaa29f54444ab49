"""Unseals subjects for the tracing authority: by place and time, never by person. Each request is audited."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mqtt.centre.ingest.database import open_query
from mqtt.centre.ingest.ledger import LedgerFullError
from mqtt.centre.sqlite.reserved_space import release_space
from mqtt.sealing import UnsealError, unseal_subject

# An event with a right clock is in the partition of its day. All others are few, and have an index of their own.
FIND_EVENTS = """
SELECT id, device.device AS gate, occurred_at AS passed_at, direction, sealed
FROM dated_event JOIN device ON device.number = dated_event.device
WHERE device.site = ? AND (CAST(? AS text) IS NULL OR device.device = ?) AND day BETWEEN ? AND ?
AND occurred_at BETWEEN ? AND ? AND length(sealed) > 0
UNION ALL
SELECT id, device.device AS gate, coalesce(corrected_at,
    CASE WHEN occurred_at BETWEEN '1970-01-01' AND '2200-01-01' THEN occurred_at ELSE received_at END) AS passed_at,
    direction, sealed
FROM undated_event JOIN device ON device.number = undated_event.device
WHERE device.site = ? AND (CAST(? AS text) IS NULL OR device.device = ?)
AND coalesce(corrected_at, received_at) BETWEEN ? AND ? AND length(sealed) > 0
ORDER BY passed_at
"""
MIN_REASON_LENGTH = 10
"""In characters."""


@dataclass(frozen=True, slots=True)
class UnsealRequest:
    """Which place and time, who asks, and why. Raises ValueError where a part is missing."""

    site: str
    since_at: datetime
    until_at: datetime
    requested_by: str
    reason: str
    device: str | None = None

    def __post_init__(self) -> None:
        if len(self.reason.strip()) < MIN_REASON_LENGTH:
            raise ValueError("a reason is needed that an auditor can check later")
        if not self.requested_by.strip():
            raise ValueError("the name of the officer who asks is needed")
        if self.since_at >= self.until_at:
            raise ValueError("the period ends before it begins")


@dataclass(frozen=True, slots=True)
class UnsealedEvent:
    """One event with its subject, or with the reason why it cannot be unsealed."""

    id: UUID
    device: str
    at: str
    direction: str | None
    subject: dict[str, Any] | None
    error: str = ""


def unseal_events(
    database: str, key: X25519PrivateKey, unseal_request: UnsealRequest, now: datetime
) -> Iterator[UnsealedEvent]:
    """The effective events of that place and time, oldest first. The audit row is committed before the first is unsealed.

    On a full disk the audit row uses the space that the SQLite ledger has reserved. Raises LedgerError.
    """
    try:
        found = _find_and_audit(database, unseal_request, now)
    except LedgerFullError:
        if not release_space(Path(database)):
            raise
        found = _find_and_audit(database, unseal_request, now)
    return (_unseal_row(key, row) for row in found)


def _find_values(wanted: UnsealRequest) -> list[object]:
    """The values of FIND_EVENTS."""
    place = [wanted.site, wanted.device, wanted.device]
    period = [_iso_text(wanted.since_at), _iso_text(wanted.until_at)]
    days = [_day_text(wanted.since_at, -1), _day_text(wanted.until_at, 1)]
    return [*place, *days, *period, *place, *period]


def _day_text(at: datetime, days: int) -> str:
    """The day so many days later, within the days that databases know."""
    day = at.astimezone(UTC).date().toordinal() + days
    return date.fromordinal(min(max(day, date.min.toordinal()), date.max.toordinal())).isoformat()


def _find_and_audit(database: str, unseal_request: UnsealRequest, now: datetime) -> list[dict[str, Any]]:
    with open_query(database) as query:
        found = query(FIND_EVENTS, _find_values(unseal_request))
        audited = {
            "site": unseal_request.site,
            "device": unseal_request.device,
            "since": _iso_text(unseal_request.since_at),
            "until": _iso_text(unseal_request.until_at),
        }
        query(
            "INSERT INTO unsealing (at, requested_by, reason, query, events) VALUES (?, ?, ?, ?, ?)",
            [_iso_text(now), unseal_request.requested_by, unseal_request.reason, json.dumps(audited), len(found)],
        )
    return found


def _unseal_row(key: X25519PrivateKey, row: dict[str, Any]) -> UnsealedEvent:
    event_id = row["id"] if isinstance(row["id"], UUID) else UUID(bytes=row["id"])
    at = row["passed_at"]
    opened = UnsealedEvent(event_id, row["gate"], at if isinstance(at, str) else _iso_text(at), row["direction"], None)
    try:
        return replace(opened, subject=unseal_subject(key, bytes(row["sealed"]), event_id))
    except UnsealError as error:
        return replace(opened, error=str(error))


def _iso_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
