"""The protocol of one connection to a broker: its methods, events and errors.

An object lives from one connect to one disconnect. A new connection is a new object. It has no thread: its owner calls
`process`. `mqtt.paho.connection` implements it with paho. Tests have their own.

    BrokerConnectionError
    +-- BrokerRefusedError          the broker refused (password, certificate, version)
    |   +-- CertificateTimeError    its certificate is not valid yet at this machine's time
    +-- BrokerUnreachableError      no answer, or the connection was lost
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol


class BrokerConnectionError(Exception):
    """There is no connection. The text says why.

    `code` and `values`: its sentence in mqtt.tls.SENTENCES with the values of the placeholders. Empty for other failures.
    """

    def __init__(self, text: str, code: str = "", values: Mapping[str, object] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.values = dict(values or {})


class BrokerRefusedError(BrokerConnectionError):
    """The broker refused the connection."""


class CertificateTimeError(BrokerRefusedError):
    """The broker's certificate is not valid yet at this machine's time. The clock may be wrong."""


class BrokerUnreachableError(BrokerConnectionError):
    """No answer, or the connection was lost."""


@dataclass(frozen=True, slots=True)
class BrokerEndpoint:
    """Address and options of a broker."""

    host: str
    port: int
    mqtt_version: Literal["5", "3.1.1"] = "5"
    keepalive_s: int = 20
    tls: bool = False
    ca_path: Path | None = None
    certificate_path: Path | None = None
    key_path: Path | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to publish."""

    topic: str
    payload: bytes = field(repr=False)
    qos: Literal[0, 1] = 1
    retain: bool = False
    content_type: str | None = None
    """MQTT 5 content type."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted the connection."""

    session_present: bool
    receive_maximum: int
    """How many QoS 1 messages may be unacknowledged (MQTT 5 section 3.2.2.3.3). 65535 is the default."""
    maximum_packet_bytes: int | None
    """Larger packets close the connection (section 3.2.2.3.6). None: no limit is known."""
    maximum_qos: int = 2
    """Section 3.2.2.3.4."""
    shared_subscriptions: bool = True
    """Section 3.2.2.3.13."""
    wildcard_subscriptions: bool = True
    """Section 3.2.2.3.11."""
    retain: bool = True
    """Retained messages (section 3.2.2.3.5)."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker accepted or refused a QoS 1 message. It says nothing about subscribers behind the broker."""

    token: int
    failure: str | None = None
    """MQTT 5 only: why the broker refused it. 3.1.1 cannot report this."""
    no_subscribers: bool = False
    """MQTT 5 only: the broker accepted it, but the topic has no subscriber (reason code 0x10)."""
    permanent: bool = False
    """MQTT 5 only: its content was refused (reason code 0x99). Sending it again is useless."""
    too_large: bool = False
    """MQTT 5 only: its size was refused (reason code 0x95). A smaller one may pass, or this one with another limit."""


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message from the broker. `token` is for `Connection.acknowledge`, and valid only in this connection."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int
    retain: bool
    token: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The answer to a subscription."""

    rejected_filters: tuple[str, ...] = ()
    """Filters that the broker refused."""


ConnectionEvent = Connected | Acknowledged | IncomingMessage | Subscribed


class Connection(Protocol):
    """One connection. All calls come from its owner's thread. After BrokerConnectionError, close it and make another."""

    @property
    def address(self) -> str:
        """`host:port` of the broker."""

    def open(self) -> None:
        """Connect. Waits some seconds for TCP and TLS. `Connected` comes later. Raises BrokerConnectionError."""

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        """Send and receive, wait at most `timeout_s`, and return the events. Raises BrokerConnectionError."""

    def publish(self, message: OutgoingMessage) -> int:
        """Send a message. Returns the token of its `Acknowledged`. Raises BrokerConnectionError."""

    def subscribe(self, filters: Sequence[str]) -> None:
        """Subscribe with QoS 1. Raises BrokerConnectionError."""

    def acknowledge(self, incoming: IncomingMessage) -> None:
        """Send PUBACK for a message. Otherwise the broker keeps it for this session."""

    def unacknowledged_count(self) -> int:
        """Number of our QoS 1 messages that the broker has not acknowledged."""

    def close(self, *, clean: bool = True) -> None:
        """Close it. `clean` sends DISCONNECT, so that the broker sends no last will. Never raises, never waits."""


def reconnect_delay_s(attempt: int, first_s: float, max_s: float, jitter: random.Random) -> float:
    """How long to wait before connection attempt number `attempt` (from 1 on) after a lost connection.

    Exponential backoff with full jitter: uniform between 0 and a ceiling that doubles from `first_s` to `max_s`. A city's kiosks
    that lost their broker together so come back one by one.
    """
    return jitter.uniform(0.0, min(max_s, first_s * 2 ** min(attempt - 1, 10)))
