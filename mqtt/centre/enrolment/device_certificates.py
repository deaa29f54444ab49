"""The certificates of devices that the centre issued: stored, renewed and revoked. Runs in the transaction of its `query`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mqtt.centre.ingest.database import Query

ENROLLED, RENEWED = "enrolled", "renewed"
"""Where a certificate comes from. Values in the database."""
MAX_PER_DAY = 12
"""Certificates of one device in a day. More requests are a defect or an attack."""


@dataclass(frozen=True, slots=True)
class DeviceCertificate:
    """One certificate."""

    serial: str
    """In hex, without leading zeros."""
    site: str
    device: str
    key_hash: str
    origin: str
    issued_at: datetime
    expires_at: datetime
    pem: str
    revoked_at: datetime | None


def serial_text(number: int) -> str:
    """A serial number as it stands in the database."""
    return f"{number:x}"


def add_certificate(
    query: Query,
    certificate: x509.Certificate,
    *,
    site: str,
    device: str,
    key_hash: str,
    origin: str,
    now: datetime,
) -> DeviceCertificate:
    """Store a new certificate."""
    row = query(
        "INSERT INTO device_certificate (serial, site, device, key_hash, origin, issued_at, expires_at, pem) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        [
            serial_text(certificate.serial_number), site, device, key_hash, origin, _text(now),
            _text(certificate.not_valid_after_utc), certificate.public_bytes(Encoding.PEM).decode(),
        ],
    )[0]  # fmt: skip
    return _certificate(row)


def find_certificate(query: Query, serial: str) -> DeviceCertificate | None:
    """One certificate by its serial number."""
    rows = query("SELECT * FROM device_certificate WHERE serial = ?", [serial])
    return _certificate(rows[0]) if rows else None


def read_certificates(query: Query, site: str, device: str) -> list[DeviceCertificate]:
    """All certificates of a device, newest first."""
    rows = query(
        "SELECT * FROM device_certificate WHERE site = ? AND device = ? ORDER BY issued_at DESC, serial", [site, device]
    )
    return [_certificate(row) for row in rows]


def find_of_key(query: Query, site: str, device: str, key_hash: str) -> DeviceCertificate | None:
    """The certificate that this key has already, unless it is revoked."""
    found = [one for one in read_certificates(query, site, device) if one.key_hash == key_hash]
    return next((one for one in found if one.revoked_at is None), None)


def has_too_many(query: Query, site: str, device: str, now: datetime) -> bool:
    """Whether the device got too many certificates within a day."""
    rows = query(
        "SELECT count(*) AS number FROM device_certificate WHERE site = ? AND device = ? AND issued_at > ?",
        [site, device, _text(now - timedelta(days=1))],
    )
    return int(rows[0]["number"]) >= MAX_PER_DAY


def revoke_device(query: Query, site: str, device: str, *, by: str, why: str, now: datetime) -> list[DeviceCertificate]:
    """Mark all certificates of the device as revoked that are in force. Returns them."""
    rows = query(
        "UPDATE device_certificate SET revoked_at = ?, revoked_by = ?, revoked_why = ? "
        "WHERE site = ? AND device = ? AND revoked_at IS NULL AND expires_at > ? RETURNING *",
        [_text(now), by, why, site, device, _text(now)],
    )
    return [_certificate(row) for row in rows]


def revoked_serials(query: Query, now: datetime) -> list[int]:
    """Serial numbers that a revocation list must contain: revoked and not expired."""
    rows = query(
        "SELECT serial FROM device_certificate WHERE revoked_at IS NOT NULL AND expires_at > ? ORDER BY revoked_at, serial",
        [_text(now)],
    )
    return [int(row["serial"], 16) for row in rows]


def _certificate(row: Mapping[str, Any]) -> DeviceCertificate:
    return DeviceCertificate(
        row["serial"],
        row["site"],
        row["device"],
        row["key_hash"],
        row["origin"],
        datetime.fromisoformat(row["issued_at"]),
        datetime.fromisoformat(row["expires_at"]),
        row["pem"],
        datetime.fromisoformat(row["revoked_at"]) if row["revoked_at"] else None,
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
