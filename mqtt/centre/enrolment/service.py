"""What the enrolment service answers, without HTTP: certificates for invited kiosks, renewals, and the bundle."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from mqtt.broker.certificates import CertificateAuthority
from mqtt.broker.pki_error import PkiError
from mqtt.centre.accounts.audit import CentreAuditEntry, append_audit
from mqtt.centre.enrolment import device_certificates, invitations
from mqtt.centre.enrolment.bundle import bundle_payload, sign_bundle
from mqtt.centre.enrolment.certificate_request import CertificateRequest
from mqtt.centre.enrolment.device_certificates import ENROLLED, RENEWED, serial_text
from mqtt.centre.enrolment.invitations import EnrolmentRefusal, EnrolmentRefusedError, Invitation, InvitationState
from mqtt.centre.enrolment.schema import wait_for_writers
from mqtt.centre.enrolment.settings import CentreEnrolmentSettings, NotSetUpError, read_settings
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.remote.lists import read_list
from mqtt.topics import DeviceTopics

SERVICE = "enrolment-service"
"""Who, in the audit."""


class RenewalRefusedError(Exception):
    """The kiosk gets no new certificate. The text is a code."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A person has not decided yet."""


@dataclass(frozen=True, slots=True)
class Issued:
    """The certificate, PEM."""

    pem: bytes = field(repr=False)


class EnrolmentService:
    """Owns the key of the CA. Any thread. Each call is one transaction. All calls raise LedgerError."""

    def __init__(self, database: str, pki_folder: Path) -> None:
        """Reads the authority. Raises PkiError."""
        self._database = database
        self._folder = pki_folder
        self._authority = CertificateAuthority(pki_folder)
        self._lock = threading.Lock()

    @property
    def authority_certificate(self) -> x509.Certificate:
        """The certificate of the CA."""
        return self._authority.certificate

    def enrol(
        self, name: str, token: bytes, request: CertificateRequest, address: str, now: datetime
    ) -> Waiting | Issued:
        """The answer to simpleenroll. Raises EnrolmentRefusedError, NotSetUpError."""
        refused: EnrolmentRefusedError | None = None
        answer: Waiting | Issued = Waiting()
        with self._lock, open_query(self._database) as query:
            wait_for_writers(query)
            try:
                found = invitations.submit_request(query, name, token, request, address=address, now=now)
                answer = self._answer(query, found, request, now)
            except EnrolmentRefusedError as error:  # what was written about it is committed
                refused = error
                if error.refusal is EnrolmentRefusal.OTHER_KEY:
                    entry = CentreAuditEntry(SERVICE, "enrolment-conflict", name, f"another key, from {address}")
                    append_audit(query, entry, now)
        if refused is not None:
            raise refused
        return answer

    def _answer(self, query: Query, found: Invitation, request: CertificateRequest, now: datetime) -> Waiting | Issued:
        if found.state is InvitationState.ISSUED:
            return self._issued_again(query, found)
        if found.state is not InvitationState.APPROVED:
            return Waiting()
        append_audit(query, CentreAuditEntry(SERVICE, "issue-certificate", found.wire_name, found.decided_by), now)
        pem, serial = self._sign(query, found.wire_name, request, ENROLLED, now)
        if not invitations.mark_issued(query, found.number, serial):
            return Waiting()
        return Issued(pem)

    def _issued_again(self, query: Query, found: Invitation) -> Issued:
        """The same answer to the same key. A revoked certificate is not given out again."""
        stored = device_certificates.find_certificate(query, found.certificate_serial)
        if stored is None or stored.revoked_at is not None:
            raise EnrolmentRefusedError(EnrolmentRefusal.REFUSED)
        return Issued(stored.pem.encode())

    def _sign(
        self, query: Query, name: str, request: CertificateRequest, origin: str, now: datetime
    ) -> tuple[bytes, str]:
        days = read_settings(query).certificate_days
        certificate = self._authority.sign_client(request.public_key, name, now, days)
        site, _, device = name.partition("/")
        stored = device_certificates.add_certificate(
            query, certificate, site=site, device=device, key_hash=request.key_hash, origin=origin, now=now
        )
        return stored.pem.encode(), stored.serial

    def renew(self, presented: x509.Certificate, request: CertificateRequest, now: datetime) -> Issued:
        """The answer to simplereenroll. TLS has verified `presented`. The same key gets the same certificate again.

        Raises RenewalRefusedError, NotSetUpError.
        """
        with self._lock, open_query(self._database) as query:
            wait_for_writers(query)
            site, device = self._require_valid(query, presented)
            if request.common_name != f"{site}/{device}":
                raise RenewalRefusedError("wrong-name")
            if found := device_certificates.find_of_key(query, site, device, request.key_hash):
                return Issued(found.pem.encode())
            if device_certificates.has_too_many(query, site, device, now):
                raise RenewalRefusedError("too-many")
            append_audit(query, CentreAuditEntry(SERVICE, "renew-certificate", f"{site}/{device}"), now)
            pem, _ = self._sign(query, f"{site}/{device}", request, RENEWED, now)
            return Issued(pem)

    def bundle(self, presented: x509.Certificate) -> bytes:
        """The signed bundle for the holder of this certificate. Raises RenewalRefusedError, NotSetUpError."""
        with self._lock, open_query(self._database) as query:
            site, device = self._require_valid(query, presented)
            settings = read_settings(query)
        return sign_bundle(self._authority, bundle_payload(settings, site, device))

    def list_content(self, presented: x509.Certificate, kind: str, number: int) -> bytes | None:
        """A published list for the holder of this certificate. None: there is none. Raises RenewalRefusedError, NotSetUpError."""
        with self._lock, open_query(self._database) as query:
            self._require_valid(query, presented)
            return read_list(query, kind, number)

    def _require_valid(self, query: Query, presented: x509.Certificate) -> tuple[str, str]:
        """Site and device of a certificate that is not revoked, by the database or by the list. Raises RenewalRefusedError."""
        try:
            names = presented.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            site, _, device = str(names[0].value if names else "").partition("/")
            DeviceTopics("entrance", site, device)
        except ValueError as error:
            raise RenewalRefusedError("wrong-name") from error
        stored = device_certificates.find_certificate(query, serial_text(presented.serial_number))
        try:  # the list may have grown since the start: `kiosk pki revoke`, `kiosk centre revoke`
            on_list = CertificateAuthority(self._folder).is_revoked(presented.serial_number)
        except PkiError as error:
            raise NotSetUpError(str(error)) from error
        if on_list or (stored is not None and stored.revoked_at is not None):
            raise RenewalRefusedError("revoked")
        return site, device

    def settings(self) -> CentreEnrolmentSettings:
        """The present settings. Raises NotSetUpError."""
        with open_query(self._database) as query:
            return read_settings(query)
