"""What enrolment and renewal need of the centre, and what others need of a renewal. Imports no network and no X.509."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol


class ServiceUnreachableError(Exception):
    """No answer, or one that says "later". It is tried again."""


class ServiceAnswerError(Exception):
    """The answer is not that of an enrolment service, or the authority is another one. It is tried again."""


class RefusedError(Exception):
    """The centre refuses. `code`: why, as the service writes it."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class WaitAnswer:
    """A person has not decided yet."""

    retry_after_s: float


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """Whom to trust, and who this device is in TLS."""

    authority_pem: bytes = field(repr=False)
    certificate_path: Path | None = None
    key_path: Path | None = None
    check_dates: bool = True
    """False while the clock of this device is not set."""


class EnrolmentClient(Protocol):
    """What enrolment and renewal need. All calls block for seconds.

    All raise ServiceUnreachableError, ServiceAnswerError and RefusedError.
    """

    def fetch_authority(self, url: str, fingerprint: bytes) -> bytes:
        """The CA certificate with this SHA-256, PEM."""

    def enrol(self, url: str, identity: TlsIdentity, name: str, token: bytes, request: bytes) -> WaitAnswer | bytes:
        """Ask for the first certificate with a request in DER. The certificate in PEM, or to wait."""

    def renew(self, url: str, identity: TlsIdentity, request: bytes) -> bytes:
        """Ask for the next certificate, PEM."""

    def fetch_bundle(self, url: str, identity: TlsIdentity) -> bytes:
        """The signed bundle of the holder of this certificate."""


@dataclass(frozen=True, slots=True)
class RenewalStatus:
    """For the health check."""

    ends_at: datetime | None = None
    """End of the certificate in force. None: it cannot be read."""
    error: str = ""
    """Why the last attempt failed, as a code with a technical text. Empty after a success."""
    is_on_trial: bool = False


class RenewalWorker(Protocol):
    """Renews the certificate of this device. One thread calls `step`. `status`: any thread."""

    @property
    def status(self) -> RenewalStatus:
        """The present state."""

    def step(self) -> float:
        """Do what is due. Returns after how many seconds to call it again."""
