"""A socket for paho that sends QoS 1 messages and receives their PUBACKs in batches, hundreds in one system call."""

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterator

READ_BYTES = 64 * 1024
FLUSH_BYTES = 64 * 1024
MAX_UNSENT_BYTES = 1024 * 1024
"""Where the peer reads nothing, at most so many bytes of paho's packets wait here. The others wait in paho's queue."""
PUBLISH_QOS_1, RETAIN = 0x32, 0x01  # MQTT 5 section 3.3.1
PUBLISH, QOS_BITS = 3, 0x06
PUBACK = 0x40  # section 3.4.1
MAX_LENGTH_BYTES = 4
"""Bytes of a packet's length, section 1.5.5."""


class BatchingSocket:
    """A socket as paho needs it (its SocketLike), around a connected, non-blocking socket with or without TLS. One thread.

    paho reads each packet in three system calls, and spends most of its time on objects for PUBLISH and PUBACK. These two do
    not go through paho here: `queue_packet` sends a PUBLISH, and `take_pubacks` returns the PUBACKs. All other packets go
    through paho. Unsent bytes wait for `flush`, or until there are enough for a system call.
    """

    def __init__(self, connected: socket.socket, max_publish_bytes: int | None = None) -> None:
        """`max_publish_bytes`: a larger message from the broker reaches paho without its payload. For MQTT 3.1.1 only."""
        self.exhausted = True
        """Nothing more was received at the last read."""
        self._socket = connected
        self._incomplete = b""
        """Received bytes that are less than a packet header."""
        self._packet_bytes_left = 0
        """Bytes of paho's present packet that are not received yet."""
        self._max_publish_bytes = max_publish_bytes
        self._unwanted_bytes_left = 0
        """Bytes of a message that is too large and not received yet."""
        self._for_paho = bytearray()
        self._unsent = bytearray()
        self._pubacks: list[tuple[int, int]] = []

    def queue_packet(self, packet: bytes | bytearray) -> None:
        """Send a whole packet. Raises OSError where the connection is lost."""
        self._unsent += packet
        if len(self._unsent) >= FLUSH_BYTES:
            self.flush()

    def take_pubacks(self) -> list[tuple[int, int]]:
        """The PUBACKs since the last call: message id and reason code (0 in 3.1.1)."""
        found, self._pubacks = self._pubacks, []
        return found

    def recv(self, size: int) -> bytes:
        """At most `size` bytes for paho, none at the end of the stream. Raises BlockingIOError and OSError like a socket."""
        while not self._for_paho:
            self.exhausted = True
            try:
                came = self._socket.recv(READ_BYTES)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as nothing:
                raise BlockingIOError from nothing
            if not came:
                return b""
            self.exhausted = False
            self._split_packets(came)
        found = bytes(self._for_paho[:size])
        del self._for_paho[:size]
        return found

    def _split_packets(self, received: bytes) -> None:
        """Separate PUBACKs from all other packets."""
        if self._unwanted_bytes_left:
            unwanted = min(self._unwanted_bytes_left, len(received))
            self._unwanted_bytes_left -= unwanted
            received = received[unwanted:]
        if self._packet_bytes_left >= len(received):
            self._packet_bytes_left -= len(received)
            self._for_paho += received
            return
        received = self._incomplete + received
        place = self._packet_bytes_left
        self._for_paho += received[:place]
        self._packet_bytes_left = 0
        while place < len(received):
            if received[place] == PUBACK:
                place = self._take_short_pubacks(received, place)
            head = _parse_header(received, place)
            if head is None:
                break
            after, length = head
            if self._is_too_large(received[place], length):
                short = _without_payload(received, place, after)
                if short is None:
                    break
                self._for_paho += short
                self._unwanted_bytes_left = max(0, after + length - len(received))
                place = min(len(received), after + length)
                continue
            if received[place] != PUBACK:
                self._for_paho += received[place : after + length]
                self._packet_bytes_left = max(0, after + length - len(received))
                place = min(len(received), after + length)
                continue
            if after + length > len(received):
                break
            self._pubacks.append(_parse_puback(received[after : after + length]))
            place = after + length
        self._incomplete = received[place:]

    def _is_too_large(self, head: int, length: int) -> bool:
        return self._max_publish_bytes is not None and head >> 4 == PUBLISH and length > self._max_publish_bytes

    def _take_short_pubacks(self, received: bytes, offset: int) -> int:
        """Take consecutive PUBACKs without a reason code. Returns the offset behind them."""
        whole = (len(received) - offset) // 4 * 4
        for head, mid in struct.iter_unpack("!HH", received[offset : offset + whole]):
            if head != PUBACK << 8 | 2:
                break
            self._pubacks.append((mid, 0))
            offset += 4
        return offset

    def pending(self) -> int:
        """How many bytes paho can read without a system call. paho asks before it waits."""
        inside = self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0
        return len(self._for_paho) + inside

    def send(self, data: bytes | bytearray) -> int:
        """Queue all bytes, or raise BlockingIOError where too many are unsent."""
        if len(self._unsent) >= MAX_UNSENT_BYTES:
            self.flush()
            if len(self._unsent) >= MAX_UNSENT_BYTES:
                raise BlockingIOError
        self.queue_packet(data)
        return len(data)

    def unsent_bytes(self) -> int:
        """Number of unsent bytes."""
        return len(self._unsent)

    def flush(self) -> None:
        """Send as much as possible now. Raises OSError where the connection is lost."""
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return

    def close(self) -> None:
        """Close it, after sending what can be sent at once."""
        with contextlib.suppress(OSError):  # the connection may be lost already
            self.flush()
        self._socket.close()

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - paho calls it so
        """See socket.socket."""
        self._socket.setblocking(flag)


def publish_packet(topic: str, payload: bytes, mid: int, *, retain: bool, properties: bytes) -> bytes:
    """PUBLISH with QoS 1. `properties` contain their length, and are empty for 3.1.1 (MQTT 5 section 3.3.2)."""
    name = topic.encode()
    length = 4 + len(name) + len(properties) + len(payload)
    head = bytes((PUBLISH_QOS_1 | (RETAIN if retain else 0), *_length_bytes(length)))
    return b"".join((head, len(name).to_bytes(2), name, mid.to_bytes(2), properties, payload))


def _without_payload(received: bytes, offset: int, content: int) -> bytes | None:
    """The PUBLISH of MQTT 3.1.1 at this offset without its payload. None where topic and message id are not received yet.

    `content`: the offset behind its length.
    """
    topic_bytes = int.from_bytes(received[content : content + 2])
    until = content + 2 + topic_bytes + (2 if received[offset] & QOS_BITS else 0)
    if len(received) < max(until, content + 2):
        return None
    return bytes((received[offset], *_length_bytes(until - content))) + received[content:until]


def _length_bytes(length: int) -> Iterator[int]:
    """Seven bits in each byte, the lowest first (section 1.5.5)."""
    while length > 0x7F:
        yield length & 0x7F | 0x80
        length >>= 7
    yield length


def _parse_header(received: bytes, offset: int) -> tuple[int, int] | None:
    """Offset and length of the packet's content. None where the header is incomplete. Raises OSError."""
    length = 0
    for step in range(MAX_LENGTH_BYTES):
        if offset + 1 + step >= len(received):
            return None
        byte = received[offset + 1 + step]
        length |= (byte & 0x7F) << 7 * step
        if byte < 0x80:
            return offset + 2 + step, length
    raise ConnectionError("the broker sends no MQTT")


def _parse_puback(content: bytes) -> tuple[int, int]:
    """Message id and reason code (0 where it is left out, section 3.4.2.1). Raises OSError."""
    if len(content) < 2:
        raise ConnectionError("the broker sends no MQTT")
    return int.from_bytes(content[:2]), content[2] if len(content) > 2 else 0
