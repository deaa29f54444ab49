"""One MQTT connection of a simulated kiosk: the product's `Connection` on a socket that never waits."""

import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Protocol

from mqtt.connection import (
    Acknowledged,
    BrokerConnectionError,
    BrokerRefusedError,
    BrokerUnreachableError,
    Connected,
    ConnectionEvent,
    IncomingMessage,
    OutgoingMessage,
    Subscribed,
)
from tests.fleet.kiosk import codec
from tests.fleet.kiosk.codec import Login, MalformedPacketError, PacketBuffer, PacketType, Publish, Will

TCP_TIMEOUT_S = 5.0
CONNACK_TIMEOUT_S = 10.0
BROKER_CHECK_INTERVAL_S = 5
"""The product pings this much earlier than the keep-alive demands (mqtt/paho/connection.py)."""
READ_BYTES = 65536
NO_MATCHING_SUBSCRIBERS = 0x10
KIOSKS_PER_ADDRESS = 8000
"""Source ports of one loopback address: fewer than the 28,000 of ip_local_port_range, because closed ones wait a minute."""


class Poller(Protocol):
    """What a connection needs of the event loop."""

    def watch(self, connection: "FleetConnection") -> None:
        """Call `on_readable` and `on_writable` of this connection from now on."""

    def unwatch(self, connection: "FleetConnection") -> None:
        """Its socket is about to be closed."""

    def watch_writing(self, connection: "FleetConnection", *, wanted: bool) -> None:
        """Call `on_writable` only where it is wanted."""


class Owner(Protocol):
    """The kiosk of a connection."""

    index: int

    def on_message(self, message: IncomingMessage) -> None:
        """A message arrived. The relay gets it from `process`."""

    def on_publish(self, message: OutgoingMessage) -> None:
        """The relay publishes a message."""

    def on_subscribed(self) -> None:
        """The broker answered the first subscription of this connection."""

    def step(self) -> None:
        """Something arrived for the relay."""


class FleetConnection:
    """Implements mqtt.connection.Connection. `process` returns what arrived since the last call."""

    def __init__(
        self,
        address: tuple[str, int],
        login: Login,
        will: OutgoingMessage,
        *,
        owner: Owner,
        poller: Poller,
        clock: Callable[[], float],
        number: int,
        keepalive_s: int = 20,
        is_mqtt5: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`number` is the kiosk's, and chooses the source address. `tls`: with this kiosk's certificate."""
        self.owner = owner
        self.socket: socket.socket | None = None
        self.is_open = False
        """The broker accepted the connection."""
        self._address = address
        self._login = login
        self._will = Will(will.topic.encode(), will.payload, will.retain)
        self._poller = poller
        self._clock = clock
        self._is_mqtt5 = is_mqtt5
        self._tls = tls
        self._is_in_handshake = tls is not None
        self._keepalive_s = max(2, keepalive_s - BROKER_CHECK_INTERVAL_S)
        self._number = number
        self._is_subscribed = False
        self._buffer = PacketBuffer()
        self._outgoing = bytearray()
        self._events: list[ConnectionEvent] = []
        self._unacknowledged: set[int] = set()
        self._filters: dict[int, Sequence[str]] = {}
        self._mid = 0
        self._is_tcp_open = False
        self._wants_writing = True
        self._opened_s = self._last_sent_s = self._last_received_s = self._pinged_s = 0.0
        self._failure: BrokerConnectionError | None = None

    @property
    def address(self) -> str:
        """See Connection."""
        return f"{self._address[0]}:{self._address[1]}"

    def fileno(self) -> int:
        """Of its socket."""
        return -1 if self.socket is None else self.socket.fileno()

    @property
    def has_failed(self) -> bool:
        """The relay must close it."""
        return self._failure is not None

    @property
    def ping_due_s(self) -> float:
        """When `process` must be called at the latest: paho pings where nothing was sent or nothing was received for so long."""
        if not self.is_open:
            return self._opened_s + (CONNACK_TIMEOUT_S if self._is_tcp_open else TCP_TIMEOUT_S)
        return min(self._last_sent_s, self._last_received_s) + self._keepalive_s

    def open(self) -> None:
        """See Connection. Returns at once. CONNECT is sent as soon as TCP is connected."""
        self._opened_s = self._last_sent_s = self._last_received_s = self._clock()
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.socket = opened
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._address[0].startswith("127."):
                opened.bind((f"127.0.1.{1 + self._number // KIOSKS_PER_ADDRESS}", 0))
            with contextlib.suppress(BlockingIOError):  # EINPROGRESS: the event loop tells when it is connected
                opened.connect(self._address)
        except OSError as error:
            opened.close()
            self.socket = None
            raise BrokerUnreachableError(f"{self.address}: {error.strerror}") from error
        self._outgoing += codec.connect_packet(
            self._login, keepalive_s=self._keepalive_s, will=self._will, is_mqtt5=self._is_mqtt5
        )
        self._poller.watch(self)

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        """See Connection. Never waits."""
        now_s = self._clock()
        if self._failure is not None:
            raise self._failure
        if not self.is_open:
            if now_s >= self.ping_due_s:
                raise BrokerUnreachableError(f"{self.address}: no answer")
        elif self._pinged_s and now_s - self._pinged_s >= self._keepalive_s:
            raise BrokerUnreachableError(f"{self.address}: no answer to PING")
        elif now_s >= self.ping_due_s and not self._pinged_s:
            self._outgoing += codec.PINGREQ
            self._pinged_s = self._last_sent_s = self._last_received_s = now_s
        events, self._events = self._events, []
        return events

    def publish(self, message: OutgoingMessage) -> int:
        """See Connection."""
        if self._failure is not None:
            raise self._failure
        self.owner.on_publish(message)
        mid = self._next_mid() if message.qos else None
        packet = Publish(message.topic.encode(), message.payload, mid, message.retain)
        self._outgoing += codec.publish_packet(packet, is_mqtt5=self._is_mqtt5)
        if mid is None:
            return 0
        self._unacknowledged.add(mid)
        return mid

    def subscribe(self, filters: Sequence[str]) -> None:
        """See Connection."""
        mid = self._next_mid()
        self._filters[mid] = filters
        encoded = [one.encode() for one in filters]
        self._outgoing += codec.subscribe_packet(mid, encoded, is_mqtt5=self._is_mqtt5)

    def acknowledge(self, incoming: IncomingMessage) -> None:
        """See Connection."""
        self._outgoing += codec.puback_packet(incoming.token)

    def unacknowledged_count(self) -> int:
        """See Connection."""
        return len(self._unacknowledged)

    def close(self, *, clean: bool = True) -> None:
        """See Connection."""
        opened = self.socket
        self.is_open = False
        if opened is None:
            return
        with contextlib.suppress(OSError):
            if clean:
                opened.send(bytes(self._outgoing) + codec.DISCONNECT)
        self._poller.unwatch(self)
        self.socket = None
        opened.close()

    def cut(self) -> None:
        """The network is gone: neither DISCONNECT nor what was not sent yet."""
        self._outgoing.clear()
        self._fail("network outage")

    def flush(self) -> None:
        """Send what is queued. The rest follows when the socket can be written."""
        if self.socket is None or not self._is_tcp_open or self._is_in_handshake or not self._outgoing:
            return
        try:
            sent = self.socket.send(self._outgoing)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = 0
        except OSError as error:
            self._fail(error.strerror or str(error))
            return
        del self._outgoing[:sent]
        self._last_sent_s = self._clock()
        if bool(self._outgoing) != self._wants_writing:
            self._wants_writing = bool(self._outgoing)
            self._poller.watch_writing(self, wanted=self._wants_writing)

    def on_writable(self) -> None:
        """TCP is connected, or there is room for more."""
        if not self._is_tcp_open and self.socket is not None:
            code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._fail(errno.errorcode.get(code, str(code)))
                return
            self._is_tcp_open = True
            if self._tls is not None:
                self.socket = self._tls.wrap_socket(
                    self.socket, server_hostname=self._address[0], do_handshake_on_connect=False
                )
        if self._is_in_handshake:
            self._shake_hands()
        self.flush()

    def _shake_hands(self) -> None:
        """Go on with the handshake. The event loop calls again when the other side has answered."""
        assert isinstance(self.socket, ssl.SSLSocket)
        try:
            self.socket.do_handshake()
            self._is_in_handshake = False
            self._tls = None
            wants_writing = True
        except ssl.SSLWantReadError:
            wants_writing = False
        except ssl.SSLWantWriteError:
            wants_writing = True
        except OSError as error:
            self._fail(f"TLS: {error.strerror or error}")
            return
        if wants_writing != self._wants_writing:
            self._wants_writing = wants_writing
            self._poller.watch_writing(self, wanted=wants_writing)

    def on_readable(self) -> bool:
        """Receive. Returns whether the relay has something to do, which it has not for a PUBACK or PINGRESP alone."""
        if self._is_in_handshake and self._is_tcp_open:
            self._shake_hands()
            self.flush()
            return self.has_failed
        try:
            received = self._receive()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as error:
            self._fail(error.strerror or str(error))
            return True
        self._last_received_s = self._clock()
        if not received:
            self._fail("closed by the broker")
            return True
        is_urgent = False
        try:
            for first_byte, body in self._buffer.feed(received):
                is_urgent |= self._on_packet(first_byte, body)
        except MalformedPacketError as error:
            self._fail(f"malformed packet: {error}")
        return is_urgent or self._failure is not None

    def _receive(self) -> bytes:
        """What has arrived. Empty: the broker closed the connection."""
        if self.socket is None:
            return b""
        received = self.socket.recv(READ_BYTES)
        while isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():  # decrypted, so epoll does not see it
            received += self.socket.recv(READ_BYTES)
        return received

    def _on_packet(self, first_byte: int, body: bytes) -> bool:
        kind = first_byte >> 4
        if kind == PacketType.PUBACK:
            mid, code = codec.parse_puback(body)
            self._unacknowledged.discard(mid)
            self._events.append(_acknowledged(mid, code))
            return code != 0 or not self._unacknowledged
        if kind == PacketType.PUBLISH:
            message = codec.parse_publish(first_byte, body, is_mqtt5=self._is_mqtt5)
            topic = message.topic.decode("utf-8", "replace")
            qos = 0 if message.mid is None else 1
            incoming = IncomingMessage(topic, message.payload, qos, message.retain, message.mid or 0)
            self.owner.on_message(incoming)
            self._events.append(incoming)
        elif kind == PacketType.CONNACK:
            self._on_connack(body)
        elif kind == PacketType.SUBACK:
            mid, codes = codec.parse_suback(body, is_mqtt5=self._is_mqtt5)
            asked = self._filters.pop(mid, ())
            refused = tuple(one for one, code in zip(asked, codes, strict=False) if code >= 0x80)
            self._events.append(Subscribed(refused))
            if not self._is_subscribed:
                self._is_subscribed = True
                self.owner.on_subscribed()
        elif kind == PacketType.PINGRESP:
            self._pinged_s = 0.0
            return False
        elif kind == PacketType.DISCONNECT:
            self._fail(f"the broker ended the connection: {body[0] if body else 0}")
        return True

    def _on_connack(self, body: bytes) -> None:
        answer = codec.parse_connack(body, is_mqtt5=self._is_mqtt5)
        if answer.code:
            self._failure = BrokerRefusedError(f"{self.address}: the broker refuses this client: {answer.code}")
            return
        self.is_open = True
        self._events.append(
            Connected(
                answer.session_present,
                answer.receive_maximum,
                answer.maximum_packet_bytes,
                maximum_qos=answer.maximum_qos,
                shared_subscriptions=answer.shared_subscriptions,
                wildcard_subscriptions=answer.wildcard_subscriptions,
                retain=answer.retain,
            )
        )

    def _next_mid(self) -> int:
        for _ in range(65536):
            self._mid = self._mid % 65535 + 1
            if self._mid not in self._unacknowledged:
                return self._mid
        raise BrokerUnreachableError(f"{self.address}: 65535 messages wait for the broker")

    def _fail(self, reason: str) -> None:
        if self._failure is None:
            self._failure = BrokerUnreachableError(f"{self.address}: {reason}")


def _acknowledged(mid: int, code: int) -> Acknowledged:
    if code in (0, NO_MATCHING_SUBSCRIBERS):
        return Acknowledged(mid, no_subscribers=code == NO_MATCHING_SUBSCRIBERS)
    return Acknowledged(mid, f"reason {code}")
