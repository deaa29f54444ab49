"""A socket for paho that sends and receives messages and their PUBACKs in batches, hundreds in one system call."""

import contextlib
import socket
import ssl
import struct

from mqtt.connection import IncomingMessage
from mqtt.paho.packets import (
    PUBACK,
    is_simple_publish,
    parse_header,
    parse_puback,
    parse_publish,
    parse_publish_head,
)

READ_BYTES = 64 * 1024
FLUSH_BYTES = 64 * 1024
MAX_UNSENT_BYTES = 1024 * 1024
"""Where the peer reads nothing, at most so many bytes of paho's packets wait here. The others wait in paho's queue."""
MAX_PUBLISH_BYTES = 512 * 1024
"""A larger message from the broker comes without its payload. MQTT 3.1.1 cannot refuse it, and a retained one comes again."""
MAX_HELD_BYTES = 256 * 1024
"""So many payload bytes are read before they are taken: the socket of a busy broker always has more."""


class BatchingSocket:
    """A socket as paho needs it (its SocketLike), around a connected, non-blocking socket with or without TLS. One thread.

    paho reads each packet in three system calls, and spends most of its time on objects for PUBLISH and PUBACK. These two do
    not go through paho here: `queue_packet` sends them, `take_messages` and `take_pubacks` return what was received. All other
    packets go through paho. Unsent bytes wait for `flush`, or until there are enough for a system call.
    """

    def __init__(self, connected: socket.socket, *, is_mqtt5: bool, max_publish_bytes: int = MAX_PUBLISH_BYTES) -> None:
        self.exhausted = True
        """Nothing more was received at the last read."""
        self._socket = connected
        self._is_mqtt5 = is_mqtt5
        self._incomplete = b""
        """Received bytes that are less than a packet header, or less than a whole PUBLISH or PUBACK."""
        self._packet_bytes_left = 0
        """Bytes of paho's present packet that are not received yet."""
        self._max_publish_bytes = max_publish_bytes
        self._unwanted_bytes_left = 0
        """Bytes of a message that is too large and not received yet."""
        self._for_paho = bytearray()
        self._unsent = bytearray()
        self._pubacks: list[tuple[int, int]] = []
        self._messages: list[IncomingMessage] = []
        self._held_bytes = 0

    def queue_packet(self, packet: bytes | bytearray) -> None:
        """Send a whole packet. Raises OSError where the connection is lost."""
        self._unsent += packet
        if len(self._unsent) >= FLUSH_BYTES:
            self.flush()

    def take_pubacks(self) -> list[tuple[int, int]]:
        """The PUBACKs since the last call: message id and reason code (0 in 3.1.1)."""
        found, self._pubacks = self._pubacks, []
        return found

    def take_messages(self) -> list[IncomingMessage]:
        """The messages with QoS 0 or 1 since the last call, as they came."""
        found, self._messages = self._messages, []
        self._held_bytes = 0
        return found

    @property
    def is_full(self) -> bool:
        """Nothing more is read before `take_messages`."""
        return self._held_bytes >= MAX_HELD_BYTES

    def recv(self, size: int) -> bytes:
        """At most `size` bytes for paho, none at the end of the stream. Raises BlockingIOError and OSError like a socket."""
        while not self._for_paho:
            if self.is_full:
                raise BlockingIOError
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
        """Separate messages and PUBACKs from all other packets."""
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
            after = self._take_packet(received, place)
            if after is None:
                break
            place = after
        self._incomplete = received[place:]

    def _take_packet(self, received: bytes, place: int) -> int | None:
        """Take the packet at this offset. Returns the offset behind it. None: it is incomplete."""
        header = parse_header(received, place)
        if header is None:
            return None
        content, length = header
        head, end = received[place], content + length
        if is_simple_publish(head):
            return self._take_message(received, head, content, end)
        if head == PUBACK:
            if end > len(received):
                return None
            self._pubacks.append(parse_puback(received[content:end]))
            return end
        self._for_paho += received[place:end]
        self._packet_bytes_left = max(0, end - len(received))
        return min(len(received), end)

    def _take_message(self, received: bytes, head: int, content: int, end: int) -> int | None:
        """As _take_packet."""
        if end - content > self._max_publish_bytes:
            found = parse_publish_head(received, head, content)
            self._unwanted_bytes_left = max(0, end - len(received)) if found is not None else 0
        elif end > len(received):
            found = None
        else:
            found = parse_publish(received, head, content, end, is_mqtt5=self._is_mqtt5)
        if found is None:
            return None
        self._messages.append(found)
        self._held_bytes += end - content
        return min(len(received), end)

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
