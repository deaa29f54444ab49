"""Invitations of kiosks in the centre's database: the token of a QR code, the request made with it, and the decision.

    open -> waiting -> approved -> issued
    waiting -> refused          a person refused it
    open, waiting, approved -> ended     a newer invitation of the same device took its place

The token is stored as a hash. Each function runs in the transaction of its `query`.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from mqtt.centre.enrolment.certificate_request import CertificateRequest
from mqtt.centre.ingest.database import Query
from mqtt.topics import DeviceTopics

TOKEN_BYTES = 16
VALID_FOR = timedelta(minutes=60)
SHOWN_FOR = timedelta(days=7)
"""How long an invitation that is over stays in the list."""
CONFLICT_SHOWN_FOR = timedelta(days=1)
RESERVED_SITE = "not-enrolled"
"""Name of a kiosk that is not enrolled on its own pages."""


class InvitationState(StrEnum):
    """How far an enrolment is. Values in the database."""

    OPEN = "open"
    WAITING = "waiting"
    APPROVED = "approved"
    ISSUED = "issued"
    REFUSED = "refused"
    ENDED = "ended"


class InvitationError(ValueError):
    """The invitation was not made, or not decided. The text says why."""


class EnrolmentRefusal(StrEnum):
    """Why a kiosk gets no certificate. Sent to it as a code."""

    UNKNOWN_TOKEN = "unknown-token"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    OTHER_KEY = "other-key"
    """The token was used with another key before: the code was photographed."""
    REFUSED = "refused"
    WRONG_NAME = "wrong-name"
    """The request names another device than the invitation."""


class EnrolmentRefusedError(Exception):
    """The kiosk gets no certificate."""

    def __init__(self, refusal: EnrolmentRefusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.value)


@dataclass(frozen=True, slots=True)
class Invitation:
    """One row, without its token."""

    number: int
    site: str
    device: str
    state: InvitationState
    created_at: datetime
    expires_at: datetime
    created_by: str
    requested_at: datetime | None
    public_key_der: bytes = field(repr=False)
    """Empty before the request."""
    key_hash: str
    hardware_serial: str
    address: str
    decided_by: str
    certificate_serial: str
    conflicts: int
    """How often the token was used with another key."""
    conflict_address: str

    @property
    def wire_name(self) -> str:
        """SITE/DEVICE."""
        return f"{self.site}/{self.device}"

    def state_at(self, now: datetime) -> InvitationState:
        """The state, ENDED after its time unless the certificate was issued or the request was refused."""
        over = now >= self.expires_at and self.state not in {InvitationState.ISSUED, InvitationState.REFUSED}
        return InvitationState.ENDED if over else self.state


def create_invitation(query: Query, site: str, device: str, by: str, now: datetime) -> tuple[Invitation, bytes]:
    """A new invitation and its token. Earlier ones of this device that are not finished end. Raises InvitationError."""
    try:
        DeviceTopics("entrance", site, device)
    except ValueError as error:
        raise InvitationError(str(error)) from error
    if site == RESERVED_SITE:
        raise InvitationError(f"no site may have the name {RESERVED_SITE!r}")
    token = secrets.token_bytes(TOKEN_BYTES)
    query(
        "UPDATE enrolment SET state = ? WHERE site = ? AND device = ? AND state IN ('open', 'waiting', 'approved')",
        [InvitationState.ENDED.value, site, device],
    )
    values = [site, device, token_hash(token), InvitationState.OPEN.value, _text(now), _text(now + VALID_FOR), by]
    row = query(
        "INSERT INTO enrolment (site, device, token_hash, state, created_at, expires_at, created_by) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
        values,
    )[0]
    return _invitation(row), token


def submit_request(
    query: Query, name: str, token: bytes, request: CertificateRequest, *, address: str, now: datetime
) -> Invitation:
    """A kiosk asks for its certificate. `name`: SITE/DEVICE. The first key binds the invitation.

    The caller answers by the state: WAITING, APPROVED (sign now) or ISSUED (the same certificate again). Raises
    EnrolmentRefusedError. A conflict is written to the row: commit the transaction also then.
    """
    rows = query("SELECT * FROM enrolment WHERE token_hash = ?", [token_hash(token)])
    if not rows or not hmac.compare_digest(_invitation(rows[0]).wire_name.encode(), name.encode()):
        raise EnrolmentRefusedError(EnrolmentRefusal.UNKNOWN_TOKEN)
    found = _invitation(rows[0])
    if found.key_hash and found.key_hash != request.key_hash:
        query(
            "UPDATE enrolment SET conflicts = conflicts + 1, conflict_at = ?, conflict_address = ? WHERE number = ?",
            [_text(now), address, found.number],
        )
        raise EnrolmentRefusedError(EnrolmentRefusal.OTHER_KEY)
    if request.common_name != found.wire_name:
        raise EnrolmentRefusedError(EnrolmentRefusal.WRONG_NAME)
    if found.state is InvitationState.REFUSED:
        raise EnrolmentRefusedError(EnrolmentRefusal.REFUSED)
    if found.state is InvitationState.ISSUED:
        return found
    if found.state is InvitationState.ENDED:
        raise EnrolmentRefusedError(EnrolmentRefusal.SUPERSEDED)
    if now >= found.expires_at:
        raise EnrolmentRefusedError(EnrolmentRefusal.EXPIRED)
    return _bind(query, found, request, address, now) if found.state is InvitationState.OPEN else found


def _bind(query: Query, found: Invitation, request: CertificateRequest, address: str, now: datetime) -> Invitation:
    """The first request. Two at the same time: one binds, the other is judged against it."""
    key = base64.b64encode(request.public_key_der).decode()
    rows = query(
        "UPDATE enrolment SET state = ?, requested_at = ?, key_hash = ?, public_key = ?, hardware_serial = ?, address = ? "
        "WHERE number = ? AND state = 'open' RETURNING *",
        [
            InvitationState.WAITING.value,
            _text(now),
            request.key_hash,
            key,
            request.hardware_serial,
            address,
            found.number,
        ],
    )
    if rows:
        return _invitation(rows[0])
    present = find_invitation(query, found.number)
    if present is None or present.key_hash != request.key_hash:
        raise EnrolmentRefusedError(EnrolmentRefusal.OTHER_KEY)
    return present


def decide(query: Query, number: int, *, approve: bool, by: str, now: datetime) -> Invitation:
    """A person approves or refuses a waiting request. Raises InvitationError if it does not wait any more."""
    state = InvitationState.APPROVED if approve else InvitationState.REFUSED
    rows = query(
        "UPDATE enrolment SET state = ?, decided_at = ?, decided_by = ? WHERE number = ? AND state = 'waiting' "
        "AND expires_at > ? RETURNING *",
        [state.value, _text(now), by, number, _text(now)],
    )
    if not rows:
        raise InvitationError(f"no request {number} waits for an approval")
    return _invitation(rows[0])


def mark_issued(query: Query, number: int, certificate_serial: str) -> bool:
    """The certificate was signed. False: it was signed already."""
    rows = query(
        "UPDATE enrolment SET state = ?, certificate_serial = ? WHERE number = ? AND state = 'approved' RETURNING number",
        [InvitationState.ISSUED.value, certificate_serial, number],
    )
    return bool(rows)


def end_invitations(query: Query, site: str, device: str) -> None:
    """End what is not finished, for a device that is revoked."""
    query(
        "UPDATE enrolment SET state = ? WHERE site = ? AND device = ? AND state IN ('open', 'waiting', 'approved')",
        [InvitationState.ENDED.value, site, device],
    )


def find_invitation(query: Query, number: int) -> Invitation | None:
    """One invitation."""
    rows = query("SELECT * FROM enrolment WHERE number = ?", [number])
    return _invitation(rows[0]) if rows else None


def read_invitations(query: Query, now: datetime) -> list[Invitation]:
    """Those of the last days, newest first."""
    rows = query("SELECT * FROM enrolment WHERE created_at > ? ORDER BY number DESC", [_text(now - SHOWN_FOR)])
    return [_invitation(row) for row in rows]


def read_conflicts(query: Query, now: datetime) -> list[Invitation]:
    """Invitations whose token was used with another key within the last day."""
    rows = query("SELECT * FROM enrolment WHERE conflict_at > ?", [_text(now - CONFLICT_SHOWN_FOR)])
    return [_invitation(row) for row in rows]


def token_hash(token: bytes) -> str:
    """What is stored of a token. 128 random bits need no slow hash."""
    return hashlib.sha256(token).hexdigest()


def _invitation(row: Mapping[str, Any]) -> Invitation:
    return Invitation(
        number=row["number"],
        site=row["site"],
        device=row["device"],
        state=InvitationState(row["state"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        expires_at=datetime.fromisoformat(row["expires_at"]),
        created_by=row["created_by"],
        requested_at=datetime.fromisoformat(row["requested_at"]) if row["requested_at"] else None,
        public_key_der=base64.b64decode(row["public_key"] or ""),
        key_hash=row["key_hash"] or "",
        hardware_serial=row["hardware_serial"] or "",
        address=row["address"] or "",
        decided_by=row["decided_by"] or "",
        certificate_serial=row["certificate_serial"] or "",
        conflicts=row["conflicts"],
        conflict_address=row["conflict_address"] or "",
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
