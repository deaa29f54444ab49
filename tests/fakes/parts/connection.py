"""Fake broker and connection in memory, and a clock that the test advances. Any order of events can be tested."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from kiosk.core.model import ClockQuality, ClockReading
from mqtt.connection import (
    Acknowledged,
    BrokerUnreachableError,
    Connected,
    ConnectionEvent,
    IncomingMessage,
    OutgoingMessage,
    Subscribed,
)
from tests.fakes.data.access_events import START_AT


class ManualClock:
    """Starts at 0 s. Only `advance` moves it."""

    def __init__(self) -> None:
        self.s = 0.0

    def now(self) -> ClockReading:
        return ClockReading(START_AT + timedelta(seconds=self.s), self.s, ClockQuality.SYNCHRONISED)

    def advance(self, seconds: float) -> None:
        self.s += seconds


@dataclass
class FakeBroker:
    """Shared by all connections of a test. By default it accepts, grants and acknowledges at once."""

    clock: ManualClock
    up: bool = True
    acknowledges: bool = True
    receive_maximum: int = 65535
    maximum_packet_bytes: int | None = None
    maximum_qos: int = 2
    shared_subscriptions: bool = True
    refusal: str | None = None
    size_limit_bytes: int | None = None
    """A larger message is answered with `packet too large`, and dropped."""
    unheard: bool = False
    refuses: tuple[str, ...] = ()
    """Topic filters that are not granted."""
    hates: tuple[bytes, ...] = ()
    """A message that contains one of these breaks the connection."""
    received: list[OutgoingMessage] = field(default_factory=list)
    """All published messages, in order."""
    wills: list[OutgoingMessage] = field(default_factory=list)
    links: list["FakeConnection"] = field(default_factory=list)
    filters: list[tuple[str, ...]] = field(default_factory=list)
    """Of each subscription, in order."""

    def connect(self, will: OutgoingMessage) -> "FakeConnection":
        """Use as `connect` of an OutboxRelay."""
        link = FakeConnection(self, will)
        self.links.append(link)
        return link

    def on(self, leaf: str) -> list[OutgoingMessage]:
        """Messages published on topics that end with `leaf`."""
        return [message for message in self.received if message.topic.endswith("/" + leaf)]

    def deliver(self, topic: str, payload: bytes) -> None:
        """Deliver a message on the newest connection."""
        self.links[-1].events.append(IncomingMessage(topic, payload, 1, retain=False, token=0))

    def cut(self) -> None:
        """Break all connections."""
        for link in self.links:
            link.broken = True


class FakeConnection:
    """Implements mqtt.connection.Connection."""

    address = "fake:1883"

    def __init__(self, broker: FakeBroker, will: OutgoingMessage) -> None:
        self.broker = broker
        self.will = will
        self.events: deque[ConnectionEvent] = deque()
        self.broken = False
        self.subscriptions = 0
        self.closed: bool | None = None
        """True after a clean close, False after another one, None while it is open."""
        self._token = 0
        self._pending = 0

    def open(self) -> None:
        if not self.broker.up:
            raise BrokerUnreachableError("fake:1883: Connection refused")
        offered = self.broker
        self.events.append(
            Connected(
                False,
                offered.receive_maximum,
                offered.maximum_packet_bytes,
                maximum_qos=offered.maximum_qos,
                shared_subscriptions=offered.shared_subscriptions,
            )
        )

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        if not self.events:
            self.broker.clock.advance(timeout_s)  # waits, as select() does
        if self.broken:
            raise BrokerUnreachableError("fake:1883: connection lost")
        events = tuple(self.events)
        self.events.clear()
        self._pending -= sum(isinstance(event, Acknowledged) for event in events)
        return events

    def publish(self, message: OutgoingMessage) -> int:
        if self.broken:
            raise BrokerUnreachableError("fake:1883: connection lost")
        if any(one in message.payload for one in self.broker.hates):
            self.broken = True
            return self._token + 1
        self._token += 1
        limit = self.broker.size_limit_bytes
        if message.qos and limit is not None and len(message.payload) > limit:
            self._pending += 1
            self.events.append(Acknowledged(self._token, "Packet too large", too_large=True))
            return self._token
        self.broker.received.append(message)
        if message.qos:
            self._pending += 1
            if self.broker.acknowledges:
                self.events.append(Acknowledged(self._token, self.broker.refusal, self.broker.unheard))
        return self._token

    def subscribe(self, filters: Sequence[str]) -> None:
        self.subscriptions += 1
        self.broker.filters.append(tuple(filters))
        self.events.append(Subscribed(tuple(one for one in filters if one in self.broker.refuses)))

    def acknowledge(self, incoming: IncomingMessage) -> None:
        """Does nothing."""

    def unacknowledged_count(self) -> int:
        return self._pending

    def close(self, *, clean: bool = True) -> None:
        self.closed = clean
