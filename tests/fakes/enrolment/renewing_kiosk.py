"""An enrolled kiosk that renews its certificate, with a broker that checks certificates, and a clock set by hand."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from kiosk.core import file_names
from kiosk.enrolment.credential_trial import CredentialSlot, files_of
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.renewal import Renewal
from kiosk.enrolment.service_port import EnrolmentClient
from mqtt.connection import (
    BrokerConnectionError,
    BrokerEndpoint,
    BrokerRefusedError,
    BrokerUnreachableError,
    Connected,
    Connection,
    ConnectionEvent,
    IncomingMessage,
    OutgoingMessage,
)
from tests.fakes.enrolment.enrolling_kiosk import EnrollingKiosk, HandClock

WILL = OutgoingMessage("t", b"")


@dataclass
class CheckingBroker:
    """Accepts certificates of one authority that are valid now and not revoked. Sends a receipt for each event."""

    authority: x509.Certificate
    now: Callable[[], datetime]
    revoked: set[int] = field(default_factory=set)
    is_up: bool = True
    sends_receipts: bool = True
    accepted: list[int] = field(default_factory=list)
    """Serial numbers of the certificates of all connections."""

    def open(self, endpoint: BrokerEndpoint, will: OutgoingMessage, failures: int) -> Connection:
        assert endpoint.certificate_path
        return _FakeConnection(self, endpoint.certificate_path)

    def admit(self, path: Path) -> None:
        """Raises BrokerConnectionError."""
        if not self.is_up:
            raise BrokerUnreachableError("no route to host")
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        certificate.verify_directly_issued_by(self.authority)
        is_valid = certificate.not_valid_before_utc <= self.now() < certificate.not_valid_after_utc
        if not is_valid or certificate.serial_number in self.revoked:
            raise BrokerRefusedError("the broker refuses the certificate")
        self.accepted.append(certificate.serial_number)


@dataclass
class _FakeConnection:
    broker: CheckingBroker
    path: Path
    address: str = "broker:8883"
    events: list[ConnectionEvent] = field(default_factory=list)

    def open(self) -> None:
        self.broker.admit(self.path)
        self.events.append(Connected(session_present=False, receive_maximum=10, maximum_packet_bytes=None))

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        if not self.broker.is_up:
            raise BrokerUnreachableError("connection lost")
        found, self.events = self.events, []
        return found

    def publish(self, message: OutgoingMessage) -> int:
        if self.broker.sends_receipts:
            self.events.append(IncomingMessage("entrance/v1/a/b/receipt", b"{}", 1, False, 1))
        return 1

    def subscribe(self, filters: Sequence[str]) -> None: ...

    def acknowledge(self, incoming: IncomingMessage) -> None: ...

    def unacknowledged_count(self) -> int:
        return 0

    def close(self, *, clean: bool = True) -> None: ...


@dataclass
class RenewingKiosk:
    """Folder, slot, renewal and a small relay: it keeps one connection, and sends what waits."""

    folder: EnrolmentFolder
    broker: CheckingBroker
    client: EnrolmentClient
    clock: HandClock
    name: str
    waiting: int = 0
    """Events without a receipt."""
    outages: int = 0
    """Attempts to connect that the broker refused because of the certificate in force."""
    connection: Connection | None = None
    renewal: Renewal = field(init=False)
    slot: CredentialSlot = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A power cut: only the folder stays."""
        self.connection = None
        self.folder.remove_unused()
        self.slot = CredentialSlot(files_of(self.folder.current))
        self.renewal = Renewal(
            self.folder,
            self.slot,
            lambda: self.client,
            self.clock,
            name=self.name,
            url="https://centre:8446",
            hardware_serial="board",
            has_waiting_events=lambda: self.waiting > 0,
            jitter=random.Random(7),
        )

    @property
    def certificate(self) -> x509.Certificate:
        """The one in force."""
        return x509.load_pem_x509_certificate((self.folder.current / file_names.ENROLLED_CERTIFICATE).read_bytes())

    def relay(self, *, passes: bool = True) -> None:
        """Connect if needed, and send one event."""
        on_trial = self.renewal.status.is_on_trial
        self.waiting += passes
        try:
            if self.connection is None:
                self.connection = self.slot.open(self.broker.open, BrokerEndpoint("broker", 8883), WILL, 0)
                self.connection.open()
            self._receive(self.connection)
            if self.waiting:
                self.connection.publish(WILL)
            self._receive(self.connection)
        except BrokerConnectionError as error:
            self.outages += isinstance(error, BrokerRefusedError) and not on_trial
            self.connection = None

    def _receive(self, connection: Connection) -> None:
        if any(isinstance(event, IncomingMessage) for event in connection.process()):
            self.waiting = 0

    def live(self, step: timedelta, *, passes: bool = True) -> float:
        """Let time go by, and do what is due. Returns what the renewal asks for until its next step, seconds."""
        self.clock.advance(step)
        self.relay(passes=passes)
        delay_s = self.renewal.step()
        self.relay(passes=False)
        return delay_s


def renewing(enrolled: EnrollingKiosk, broker: CheckingBroker, name: str) -> RenewingKiosk:
    """A kiosk that has just enrolled."""
    assert enrolled.folder.is_enrolled
    return RenewingKiosk(enrolled.folder, broker, enrolled.client, enrolled.clock, name)
