"""Tries new TLS files on the connection to the broker, and goes back to the old ones. The relay does not notice which they are."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kiosk.core import file_names
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
from mqtt.topics import TopicKind

Opener = Callable[[BrokerEndpoint, OutgoingMessage, int], Connection]
"""See mqtt.paho.failover."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files of one identity."""

    ca_path: Path
    certificate_path: Path
    key_path: Path


def files_of(folder: Path) -> TlsFiles:
    """The TLS files of a generation."""
    return TlsFiles(
        folder / file_names.CA_CERTIFICATE,
        folder / file_names.ENROLLED_CERTIFICATE,
        folder / file_names.ENROLLED_KEY,
    )


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What is known of the trial."""

    connected: bool = False
    """The broker accepted the new certificate, and the connection is there."""
    has_receipt: bool = False
    """The centre sent a receipt over it."""
    refusal: str = ""
    """The broker refused it, in English."""


class CredentialSlot:
    """Which files the next connection uses. Any thread.

    A change ends the present connection: its next `process` raises BrokerUnreachableError, and its owner makes another one.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._lock = threading.Lock()
        self._files = files
        self._trial: TlsFiles | None = None
        self._number = 0
        self._result = TrialResult()

    def begin_trial(self, files: TlsFiles) -> None:
        """The next connection uses these files."""
        with self._lock:
            self._trial, self._result = files, TrialResult()
            self._number += 1

    def end_trial(self) -> None:
        """The next connection uses the files of before."""
        with self._lock:
            self._trial, self._result = None, TrialResult()
            self._number += 1

    def keep_trial(self) -> None:
        """The trial is good. Its connection stays, and the next one reads the files of before, which a link replaced meanwhile."""
        with self._lock:
            self._trial, self._result = None, TrialResult()

    @property
    def result(self) -> TrialResult:
        """What is known of the present trial."""
        with self._lock:
            return self._result

    def open(self, opener: Opener, endpoint: BrokerEndpoint, will: OutgoingMessage, failures: int) -> Connection:
        """A connection with the files that are in use now, not open yet."""
        with self._lock:
            number, files = self._number, self._trial or self._files
        found = replace(
            endpoint, ca_path=files.ca_path, certificate_path=files.certificate_path, key_path=files.key_path
        )
        return _ObservedConnection(opener(found, will, failures), self, number)

    def is_current(self, number: int) -> bool:
        """Whether no change came since the connection with this number was made."""
        with self._lock:
            return number == self._number

    def observe(self, number: int, events: Sequence[ConnectionEvent]) -> None:
        """What a connection got."""
        connected = any(isinstance(event, Connected) for event in events)
        has_receipt = any(
            isinstance(event, IncomingMessage) and event.topic.endswith(f"/{TopicKind.RECEIPT}") for event in events
        )
        if connected or has_receipt:
            self._change(number, connected=True, has_receipt=has_receipt)

    def observe_error(self, number: int, error: BrokerConnectionError) -> None:
        """How a connection ended."""
        self._change(number, connected=False, refusal=str(error) if isinstance(error, BrokerRefusedError) else "")

    def _change(self, number: int, *, connected: bool, has_receipt: bool = False, refusal: str = "") -> None:
        with self._lock:
            if number == self._number and self._trial is not None:
                had = self._result
                self._result = TrialResult(connected, had.has_receipt or has_receipt, refusal or had.refusal)


class _ObservedConnection:
    """Tells the slot what happens. Each method: see mqtt.connection.Connection."""

    def __init__(self, opened: Connection, slot: CredentialSlot, number: int) -> None:
        self.address = opened.address
        self._opened = opened
        self._slot = slot
        self._number = number

    def open(self) -> None:
        """See Connection."""
        try:
            self._opened.open()
        except BrokerConnectionError as error:
            self._slot.observe_error(self._number, error)
            raise

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        """See Connection."""
        if not self._slot.is_current(self._number):
            raise BrokerUnreachableError(f"{self.address}: the next connection uses other certificate files")
        try:
            events = self._opened.process(timeout_s)
        except BrokerConnectionError as error:
            self._slot.observe_error(self._number, error)
            raise
        if events:
            self._slot.observe(self._number, events)
        return events

    def publish(self, message: OutgoingMessage) -> int:
        """See Connection."""
        return self._opened.publish(message)

    def subscribe(self, filters: Sequence[str]) -> None:
        """See Connection."""
        self._opened.subscribe(filters)

    def acknowledge(self, incoming: IncomingMessage) -> None:
        """See Connection."""
        self._opened.acknowledge(incoming)

    def unacknowledged_count(self) -> int:
        """See Connection."""
        return self._opened.unacknowledged_count()

    def close(self, *, clean: bool = True) -> None:
        """See Connection."""
        self._opened.close(clean=clean)
