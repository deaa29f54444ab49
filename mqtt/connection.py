"""One connection to a broker as a port: what can be asked of it, what it reports, and how it fails.

A link lives from one connect to one disconnect and is then thrown away; a new connection is a new link. It has no
thread: its owner pumps it. `mqtt.paho.connection` implements it with paho; tests have their own.

    LinkError
    +-- LinkRefused   the broker answered, and said no (password, certificate, version)
    |   +-- LinkClock     its certificate is not valid at this machine's time
    +-- LinkDown      nobody answers, or the connection broke
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol


class BrokerConnectionError(Exception):
    """There is no connection; the text says why in a sentence for people."""


class BrokerRefusedError(BrokerConnectionError):
    """The broker answered, and said no."""


class CertificateTimeError(BrokerRefusedError):
    """The broker's certificate is not valid at this machine's time: perhaps it is the clock that is wrong."""


class BrokerUnreachableError(BrokerConnectionError):
    """Nobody answers, or the connection broke."""


@dataclass(frozen=True, slots=True)
class BrokerEndpoint:
    """Where the broker is and how to speak with it."""

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
    """Something to publish."""

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
    """How many QoS 1 messages may be unacknowledged (MQTT 5 section 3.2.2.3.3); 65535 where the broker does not say."""
    maximum_packet_bytes: int | None
    """Larger packets break the connection (section 3.2.2.3.6); None where the broker does not say."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker took (or refused) a QoS 1 message; that says nothing about anybody behind the broker."""

    token: int
    failure: str | None = None
    """MQTT 5 only: why the broker did not take it; 3.1.1 cannot tell."""
    no_subscribers: bool = False
    """MQTT 5 only: the broker took it, and nobody subscribes to its topic (reason code 0x10)."""
    permanent: bool = False
    """MQTT 5 only: its size or content was refused (reason codes 0x95 and 0x99), and will be for ever."""


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message from the broker. `token` is for `Link.confirm`, valid in this connection alone."""

    topic: str
    payload: bytes = field(repr=False)
    qos: int
    retain: bool
    token: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The answer to a subscription."""

    rejected_filters: tuple[str, ...] = ()
    """Filters that the broker did not grant."""


ConnectionEvent = Connected | Acknowledged | IncomingMessage | Subscribed


class Connection(Protocol):
    """One connection. All calls come from its owner's thread. After LinkError it is dead: close it, make another."""

    def open(self) -> None:
        """Start connecting; waits for TCP and TLS at most some seconds. Raises LinkError. `Connected` comes later."""

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        """Move bytes both ways, wait at most `timeout_s` for the first, hand over what happened. Raises LinkError."""

    def publish(self, message: OutgoingMessage) -> int:
        """Give a message to the connection; returns the token of its `Acknowledged`. Raises LinkError."""

    def subscribe(self, filters: Sequence[str]) -> None:
        """Ask for messages, QoS 1. Raises LinkError."""

    def acknowledge(self, incoming: IncomingMessage) -> None:
        """Tell the broker that a message is safe (PUBACK). Without it the broker keeps it for this session."""

    def unacknowledged_count(self) -> int:
        """How many of our QoS 1 messages the broker has not acknowledged."""

    def close(self, *, clean: bool = True) -> None:
        """End it. `clean` says goodbye, so that no last will goes out. Never raises, never waits for the peer."""


def reconnect_delay_s(attempt: int, first_s: float, max_s: float, jitter: random.Random) -> float:
    """How long to wait before connection attempt number `attempt` (from 1 on) after a lost connection.

    Exponential backoff with full jitter: uniform between 0 and a ceiling that doubles from `first_s` to `max_s`. A city's kiosks
    that lost their broker together so come back one by one.
    """
    return jitter.uniform(0.0, min(max_s, first_s * 2 ** min(attempt - 1, 10)))
