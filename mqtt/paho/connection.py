"""A connection with paho-mqtt. Only this package imports paho.

The owner's thread drives paho (no `loop_start`), and one client object serves one connection only. This avoids known defects:
no callback runs beside the owner's code (a lock around publish() and in on_publish deadlocks), no loop thread can die unseen
(#365, #894) or hang in loop_stop() without CONNACK, no message id outlives its connection, reconnecting does not exceed
max_inflight (#492), and wait_for_publish is not used (#613). Numbers are issues of github.com/eclipse-paho/paho.mqtt.python.
"""

import contextlib
import logging
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from mqtt import tls
from mqtt.connection import (
    Acknowledged,
    BrokerConnectionError,
    BrokerEndpoint,
    BrokerRefusedError,
    BrokerUnreachableError,
    Connected,
    ConnectionEvent,
    IncomingMessage,
    OutgoingMessage,
    Subscribed,
)
from mqtt.paho.fast_path import MAX_PUBLISH_BYTES, BatchingSocket
from mqtt.paho.name_resolution import CONNECT_TIMEOUT_S, Resolver, open_socket, resolve_host
from mqtt.paho.packets import puback_packet, publish_packet

log = logging.getLogger(__name__)

CONNACK_TIMEOUT_S = 10.0
BROKER_CHECK_INTERVAL_S = 5
"""mosquitto 2.0 looks for dead clients only every 5 s, so the keep-alive is reduced by this."""
MIN_KEEPALIVE_S = 2
MAX_PACKET_BYTES = MAX_PUBLISH_BYTES  # of what the broker may send to us (MQTT 5 section 3.1.2.11.4)
MAX_FILTERS_PER_PACKET = 50  # of UNSUBSCRIBE: brokers limit the size of a packet
MAX_READS_PER_CALL = 2_000
PUBACK_ACTIVITY_S = 1.0
"""While PUBACKs come at least this often, no PING is needed. It would be late behind a full window on a slow line."""
MESSAGE_ID_RANGE = 1024, 65535
"""Our message ids, first and last (MQTT 5 section 2.2.1)."""
NO_MATCHING_SUBSCRIBERS, PAYLOAD_FORMAT_INVALID = 0x10, 0x99  # MQTT 5 section 3.4.2.1
PACKET_TOO_LARGE = 0x95  # section 2.4
RETAIN_NOT_SUPPORTED = 0x9A  # section 3.2.2.2
SESSION_NEVER_EXPIRES = 0xFFFFFFFF  # MQTT 5 section 3.1.2.11.2: the session does not expire

_brokers_without_retain: set[str] = set()
"""Addresses of brokers that refused a retained last will, or said that they keep no retained messages. It needs none of them."""


class PahoConnection:
    """One connection. See mqtt.connection.Connection."""

    def __init__(
        self,
        endpoint: BrokerEndpoint,
        client_id: str,
        *,
        will: OutgoingMessage | None = None,
        keep_session: bool = False,
        stale_filters: Callable[[Sequence[str]], Sequence[str]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        resolve: Resolver = resolve_host,
        failures: int = 0,
    ) -> None:
        """`keep_session`: the broker keeps this client id's subscriptions and undelivered messages while it is away.

        `stale_filters`: which filters a kept session must not have besides those that it subscribes to. It unsubscribes from them.
        `failures`: how often in a row this endpoint has failed. Where its name has several IP addresses, each attempt then begins
        with another one.
        """
        self.address = str(endpoint)
        self._endpoint = endpoint
        self._keep_session = keep_session
        self._stale_filters = stale_filters
        self._session_present = False
        self._clock = clock
        self._is_mqtt5 = endpoint.mqtt_version == "5"
        self._events: deque[ConnectionEvent] = deque()
        self._filters: dict[int, Sequence[str]] = {}
        self._unacknowledged: set[int] = set()
        self._packed_properties: dict[str | None, bytes] = {}
        self._mid = MESSAGE_ID_RANGE[0]
        self._opened_s: float | None = None
        self._last_puback_s = -PUBACK_ACTIVITY_S
        self._connected = False
        self._tls: tls.BrokerTlsContext | None = None
        self._failure: BrokerConnectionError | None = None
        self._client = self._make_client(client_id, will)
        self._client.open_socket = partial(open_socket, resolve, failures)

    def _make_client(self, client_id: str, will: OutgoingMessage | None) -> "_BatchingPahoClient":
        client = _BatchingPahoClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5 if self._is_mqtt5 else paho.MQTTv311,
            clean_session=None if self._is_mqtt5 else not self._keep_session,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S  # of the TLS handshake
        client.max_inflight_messages_set(0)  # the relay has its own window
        client.max_queued_messages_set(0)
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, self._retain(will))
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        return client

    def _retain(self, message: OutgoingMessage) -> bool:
        return message.retain and self.address not in _brokers_without_retain

    def open(self) -> None:
        """See Connection."""
        try:
            self._connect()
        except BrokerConnectionError:
            if self._tls is not None and self._tls.wrapped is not None:
                self._tls.wrapped.close()
            raise

    def _connect(self) -> None:
        where = self._endpoint
        try:
            if where.tls:
                self._tls = tls.make_context(where)
                self._client.tls_set_context(self._tls)
            self._opened_s = self._clock()
            keepalive_s = max(MIN_KEEPALIVE_S, where.keepalive_s - BROKER_CHECK_INTERVAL_S)
            self._client.connect(where.host, where.port, keepalive_s, **self._session_options())
        except (ssl.SSLError, ConnectionResetError, BrokenPipeError) as error:
            raise self._handshake_error(error) from error
        except (OSError, ValueError) as error:
            raise BrokerUnreachableError(f"{where}: {getattr(error, 'strerror', None) or error}") from error

    def _handshake_error(self, error: OSError) -> BrokerConnectionError:
        if self._tls is None or (self._tls.wrapped is None and not isinstance(error, ssl.SSLError)):
            return BrokerUnreachableError(f"{self._endpoint}: {error.strerror or error}")
        return tls.tls_error(self._endpoint, error, self._tls)

    def _session_options(self) -> dict[str, Any]:
        if not self._is_mqtt5:
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho leaves it untyped
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        if self._keep_session:
            properties.SessionExpiryInterval = SESSION_NEVER_EXPIRES
        return {"clean_start": not self._keep_session, "properties": properties}

    def process(self, timeout_s: float = 0.0) -> Sequence[ConnectionEvent]:
        """See Connection."""
        opened = self._flush()
        if not self._events and opened is not None and not opened.pending():
            select.select([opened], [opened] if opened.unsent_bytes() else [], [], timeout_s)
        self._read(opened)
        if self._clock() - self._last_puback_s > PUBACK_ACTIVITY_S:
            self._raise_on_failure(self._client.loop_misc())
        if self._client.want_write():
            self._raise_on_failure(self._client.loop_write())
        self._flush()
        if not self._connected and self._opened_s is not None and self._clock() - self._opened_s > CONNACK_TIMEOUT_S:
            raise BrokerUnreachableError(f"{self._endpoint}: accepts connections and does not answer CONNECT")
        events = tuple(self._events)
        self._events.clear()
        return events

    def _read(self, connected_socket: BatchingSocket | None) -> None:
        """Read what was received, at most MAX_READS_PER_CALL packets for paho."""
        for _ in range(MAX_READS_PER_CALL):
            self._raise_on_failure(self._client.loop_read())
            if connected_socket is None or connected_socket.exhausted or connected_socket.is_full:
                break
        if connected_socket is None:
            return
        self._events.extend(connected_socket.take_messages())
        answers = connected_socket.take_pubacks()
        if answers:
            self._last_puback_s = self._clock()
        for mid, code in answers:
            if mid in self._unacknowledged:
                self._unacknowledged.discard(mid)
                self._events.append(Acknowledged(mid) if code == 0 else _acknowledgement(mid, code))

    def _flush(self) -> BatchingSocket | None:
        """Send unsent bytes. Returns the socket, if there is one."""
        opened = self._client.socket()
        if not isinstance(opened, BatchingSocket):
            return None
        try:
            opened.flush()
        except OSError as error:
            if not self._connected:
                raise tls.closed_early_error(self._endpoint) from error
            raise BrokerUnreachableError(f"{self._endpoint}: {error.strerror or error}") from error
        return opened

    def publish(self, message: OutgoingMessage) -> int:
        """See Connection."""
        if not message.qos:
            info = self._client.publish(message.topic, message.payload, 0, self._retain(message))
            self._raise_on_failure(info.rc)
            return info.mid
        mid = self._next_mid()
        properties = self._properties(message.content_type)
        self._queue(
            publish_packet(message.topic, message.payload, mid, retain=self._retain(message), properties=properties)
        )
        self._unacknowledged.add(mid)
        return mid

    def _queue(self, packet: bytes) -> None:
        opened = self._client.socket()
        if self._failure is not None or not isinstance(opened, BatchingSocket):
            raise self._failure or BrokerUnreachableError(f"{self._endpoint}: not connected")
        try:
            opened.queue_packet(packet)
        except OSError as error:
            raise BrokerUnreachableError(f"{self._endpoint}: {error.strerror or error}") from error

    def _next_mid(self) -> int:
        """paho uses small ids for its own packets. Raises BrokerUnreachableError where all ids are used."""
        if len(self._unacknowledged) > MESSAGE_ID_RANGE[1] - MESSAGE_ID_RANGE[0]:
            raise BrokerUnreachableError(f"{self._endpoint}: {len(self._unacknowledged)} messages wait for the broker")
        while True:
            self._mid = self._mid + 1 if self._mid < MESSAGE_ID_RANGE[1] else MESSAGE_ID_RANGE[0]
            if self._mid not in self._unacknowledged:
                return self._mid

    def _properties(self, content_type: str | None) -> bytes:
        """The properties as bytes of the packet."""
        if not self._is_mqtt5:
            return b""
        if content_type not in self._packed_properties:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # as above
            if content_type is not None:
                properties.ContentType = content_type
            self._packed_properties[content_type] = bytes(properties.pack())  # type: ignore[no-untyped-call] # as above
        return self._packed_properties[content_type]

    def subscribe(self, filters: Sequence[str]) -> None:
        """See Connection."""
        stale = self._stale_filters(filters) if self._stale_filters is not None else ()
        if stale and self._session_present:
            log.info("unsubscribes from what an earlier start of this client may have left: %s", ", ".join(stale))
            for first in range(0, len(stale), MAX_FILTERS_PER_PACKET):
                code, _ = self._client.unsubscribe(list(stale[first : first + MAX_FILTERS_PER_PACKET]))
                self._raise_on_failure(code)
        code, mid = self._client.subscribe([(one, 1) for one in filters])
        self._raise_on_failure(code)
        self._filters[mid or 0] = tuple(filters)

    def acknowledge(self, incoming: IncomingMessage) -> None:
        """See Connection."""
        if incoming.qos == 1:
            self._queue(puback_packet(incoming.token))

    def unacknowledged_count(self) -> int:
        """See Connection."""
        return len(self._unacknowledged)

    def close(self, *, clean: bool = True) -> None:
        """See Connection."""
        with contextlib.suppress(OSError, ValueError, BrokerUnreachableError):
            if clean and self._connected:
                self._client.disconnect()
            left = self._client.socket()  # gone already where DISCONNECT could be written
            if left is not None:
                left.close()
        self._connected = False

    def _raise_on_failure(self, code: MQTTErrorCode) -> None:
        if self._failure is not None:
            raise self._failure
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerUnreachableError(f"{self._endpoint}: {paho.error_string(code).rstrip('.')}")

    def _on_connect(self, _client: Any, _data: Any, flags: Any, code: Any, properties: Properties | None) -> None:
        if code.is_failure and code.value == RETAIN_NOT_SUPPORTED:
            _brokers_without_retain.add(self.address)
            self._failure = BrokerUnreachableError(
                f"{self._endpoint}: the broker keeps no last will. It is sent unretained"
            )
            return
        if code.is_failure:
            self._failure = BrokerRefusedError(f"{self._endpoint}: the broker refuses this client: {code}")
            return
        self._connected = True
        if getattr(properties, "RetainAvailable", 1) == 0:
            _brokers_without_retain.add(self.address)
        self._session_present = bool(flags.session_present)
        self._events.append(_connected(properties, session_present=flags.session_present))

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, code: Any, _properties: Any) -> None:
        was_connected, self._connected = self._connected, False
        by_broker = flags.is_disconnect_packet_from_server
        if self._failure is None and not was_connected and not by_broker:
            self._failure = tls.closed_early_error(self._endpoint)
        elif self._failure is None:
            who = "the broker ended the connection" if by_broker else "connection lost"
            self._failure = BrokerUnreachableError(f"{self._endpoint}: {who}: {code}")

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, codes: Sequence[Any], _properties: Any) -> None:
        asked = self._filters.pop(mid, ())
        refused = tuple(one for one, code in zip(asked, codes, strict=False) if code.is_failure)
        self._events.append(Subscribed(refused))


def _connected(properties: Properties | None, *, session_present: bool) -> Connected:
    """What the broker offers (MQTT 5 section 3.2.2.3). A property that is missing has the default of the standard."""
    return Connected(
        session_present,
        getattr(properties, "ReceiveMaximum", 65535),
        getattr(properties, "MaximumPacketSize", None),
        maximum_qos=getattr(properties, "MaximumQoS", 2),
        shared_subscriptions=bool(getattr(properties, "SharedSubscriptionAvailable", 1)),
        wildcard_subscriptions=bool(getattr(properties, "WildcardSubscriptionAvailable", 1)),
        retain=bool(getattr(properties, "RetainAvailable", 1)),
    )


def _acknowledgement(mid: int, code: int) -> Acknowledged:
    """MQTT 5 only. (paho's is_published() is True after "not authorized" as well.)"""
    if code == PACKET_TOO_LARGE:  # mosquitto's message_size_limit; the standard has no word for it here, nor has paho
        return Acknowledged(mid, "Packet too large", too_large=True)
    try:
        reason = ReasonCode(PacketTypes.PUBACK, identifier=code)
    except (KeyError, ValueError):  # no word of the standard
        return Acknowledged(mid, f"reason {code}")
    unheard = code == NO_MATCHING_SUBSCRIBERS
    return Acknowledged(
        mid, str(reason) if reason.is_failure else None, unheard, permanent=code == PAYLOAD_FORMAT_INVALID
    )


class _BatchingPahoClient(paho.Client):
    """paho on a BatchingSocket. (paho has a hook of this kind for websockets only, so this overrides private methods.)"""

    open_socket: Callable[[str, int], socket.socket]

    def _create_socket_connection(self) -> socket.socket:
        return self.open_socket(self._host, self._port)

    def _create_socket(self) -> Any:
        plain = super()._create_socket()
        return BatchingSocket(plain, is_mqtt5=self.protocol == paho.MQTTv5)  # type: ignore[arg-type] # TCP is asked for
