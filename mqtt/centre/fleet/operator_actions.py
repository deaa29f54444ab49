"""What an operator of the centre decides about missing events and retired devices. Each decision is written to the ledger."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.accounts.schema import prepare_accounts
from mqtt.centre.ingest.database import Query, open_query
from mqtt.sequence_ranges import Range, RangeSet

MIN_REASON_LENGTH = 10
"""In characters."""


@dataclass(frozen=True, slots=True)
class OperatorRequest:
    """Which device, who asks, and why. Raises ValueError where a part is missing."""

    site: str
    device: str
    requested_by: str
    reason: str

    def __post_init__(self) -> None:
        if len(self.reason.strip()) < MIN_REASON_LENGTH:
            raise ValueError("a reason is needed that an auditor can check later")
        if not self.requested_by.strip():
            raise ValueError("the name of the person who asks is needed")


def acknowledge_gaps(
    database: str, request: OperatorRequest, now: datetime, *, epoch: str | None = None
) -> dict[str, list[Range]]:
    """The seqs that are missing now will not come: the status no longer counts them. Returns them by epoch.

    An event that comes all the same is stored as ever. Raises ValueError for an unknown device, and LedgerError.
    """
    found: dict[str, list[Range]] = {}
    _prepare(database, request)
    with open_query(database) as query:
        _append_audit(query, "acknowledge-gaps", request, now)
        for device in _device_numbers(query, request):
            for stream in query("SELECT number, epoch FROM stream WHERE device = ?", [device]):
                gaps = missing_ranges(query, stream["number"]) if epoch in (None, stream["epoch"]) else []
                for first, last in gaps:
                    query(
                        "INSERT INTO acknowledged_gap VALUES (?, ?, ?) ON CONFLICT (stream, first_seq) "
                        "DO UPDATE SET last_seq = excluded.last_seq",
                        [stream["number"], first, last],
                    )
                if gaps:
                    found[stream["epoch"]] = gaps
        _audit(query, "acknowledge", request, now, found)
    return found


def forget_device(database: str, request: OperatorRequest, now: datetime) -> None:
    """The status leaves the device out until it sends something again. Its events stay. Raises ValueError and LedgerError."""
    _prepare(database, request)
    with open_query(database) as query:
        _append_audit(query, "retire-device", request, now)
        for device in _device_numbers(query, request):
            query("UPDATE device SET retired_at = ? WHERE number = ?", [_iso_text(now), device])
        _audit(query, "forget", request, now, {})


def missing_ranges(query: Query, stream: int) -> list[Range]:
    """The gaps of an epoch that no operator has acknowledged."""
    known = query(
        "SELECT first_seq, last_seq FROM seq_range WHERE stream = ? UNION ALL "
        "SELECT first_seq, last_seq FROM acknowledged_gap WHERE stream = ?",
        [stream, stream],
    )
    return RangeSet(sorted((row["first_seq"], row["last_seq"]) for row in known)).gaps()


def _device_numbers(query: Query, request: OperatorRequest) -> list[int]:
    found = query("SELECT number FROM device WHERE site = ? AND device = ?", [request.site, request.device])
    if not found:
        raise ValueError(f"the centre knows no device {request.site}/{request.device}")
    return [row["number"] for row in found]


def _prepare(database: str, request: OperatorRequest) -> None:
    """Make the tables of the audit, in a database that exists and knows the device. Raises ValueError and LedgerError."""
    with open_query(database) as query:
        _device_numbers(query, request)
    prepare_accounts(database)


def _append_audit(query: Query, what: str, request: OperatorRequest, now: datetime) -> None:
    """Into the chained audit, before the act."""
    about = f"{request.site}/{request.device}"
    append_audit(query, CentreAuditEntry(f"cli:{request.requested_by}", what, about, request.reason), now)


def _audit(query: Query, action: str, request: OperatorRequest, now: datetime, details: dict[str, Any]) -> None:
    """With its details, into a table of its own."""
    query(
        "INSERT INTO operator_action (at, action, requested_by, reason, site, device, details) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            _iso_text(now),
            action,
            request.requested_by,
            request.reason,
            request.site,
            request.device,
            json.dumps(details),
        ],
    )


def _iso_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
